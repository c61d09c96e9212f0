"""Copies out, by evidence."""

from __future__ import annotations

from typing import Any

from sparring.config.schema import RunConfig
from sparring.data.contract import KEY, LABEL
from sparring.data.ingest import accepted
from sparring.data.reading import IDENTITY, Reading
from sparring.run.context import RunContext
from sparring.run.plan import told
from sparring.run.stage import Stage


class Deduplicate(Stage):
    """Tell copies from coincidences, and choose a survivor of each cluster of copies."""

    name = "deduplicate"
    what = "finding duplicates"
    reads = ("ingest",)
    takes_rows_of = "ingest"

    def settings(self, run: RunContext) -> list[Any]:
        """Return the section ``deduplicate``, and the seed that chooses among equals."""
        return [run.config.deduplicate.model_dump(), run.config.seed]

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Write the accepted rows with their cluster and whether they survive."""
        from sparring.data.readers import read_table
        from sparring.dedup.caveats import caveats_of, require_some_left
        from sparring.dedup.copies import tell_copies
        from sparring.dedup.evidence import UNDECIDED
        from sparring.dedup.write import deduplicate

        config, reading = run.config, Reading(**run.report("ingest")["reading"])
        options = config.deduplicate
        rows = accepted(run.session(), run.path("ingest"))
        copies = None
        if options.needs_evidence:
            copies = tell_copies(read_table(run.session(), config.table), reading, config.table.label)
        place, classes = self.folder(run), run.target.names
        found = deduplicate(rows, options, [IDENTITY], roles(config), config.seed, place, copies, classes)
        removed = found["duplicates_removed"]
        require_some_left(removed, found["rows"] + removed, options.allow_most)
        report.update(found, enabled=options.enabled, columns=reading.columns, survivor=options.survivor)
        report.update(reading=reading.to_dict(), caveats=caveats_of(found))
        report.update(
            decision=copies.decision if copies else "all equal rows are copies: the configuration says so",
            evidence=copies.evidence if copies else {},
            undecided_rows=copies.evidence.get("rows_by_status", {}).get(UNDECIDED, 0) if copies else 0,
        )
        similar = f", {found['near']['duplicates_removed']:,} of them near" if found["near"] else ""
        return f"{removed:,} copies removed{similar}{told(copies)}"


def roles(config: RunConfig) -> dict[str, str | None]:
    """Return the columns of the accepted rows that deduplication needs besides."""
    return {"key": KEY, "label": LABEL, "time": config.table.time}
