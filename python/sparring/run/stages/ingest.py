"""The table in, every row counted."""

from __future__ import annotations

from typing import Any

from sparring.config.schema import RunConfig, TableConfig
from sparring.data.ingest import IngestReport, ingest
from sparring.data.source import source_identity
from sparring.errors import TableError
from sparring.run.context import RunContext
from sparring.run.preflight import check_task
from sparring.run.stage import Stage


class Ingest(Stage):
    """Read and check the table, quarantine bad rows."""

    name = "ingest"
    what = "reading and checking the table"

    def settings(self, run: RunContext) -> list[Any]:
        """Return the table's section, what is kept for deduplication, and which files or data set it is."""
        table, duplicates = run.config.table, run.config.deduplicate
        equality = [duplicates.columns, duplicates.normalize_unicode, kept_columns(run.config)]
        return [table.model_dump(), run.config.seed, equality, source_identity(table)]

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Write the accepted and the quarantined rows.

        Raises
        ------
        TableError
            Also where the table was changed while it was read.
        """
        config = run.config
        before = source_identity(config.table)
        found = ingest(
            run.session(),
            config.table,
            self.folder(run),
            kept_columns(config),
            config.deduplicate,
            lambda task: check_task(config, task),
        )
        _require_unchanged(before, config.table)
        require_rows_for_parts(found, config)
        report.update(found.to_dict(), rows=found.accepted)
        return f"{found.input:,} rows, {found.input - found.accepted:,} quarantined"


def _require_unchanged(before: list[str], table: TableConfig) -> None:
    """Raise if the table's files are others than before, so that passes over it may have seen different rows."""
    changed = sorted({*before} ^ {*source_identity(table)})
    if changed:
        raise TableError(
            f"table.path {table.path!r} was changed while it was read: {changed[0].split(' ')[0]}",
            "Run again once nobody writes to it, or give a copy.",
        )


def kept_columns(config: RunConfig) -> list[str]:
    """Return the columns of the accepted rows that deduplication reads besides the hash of what is equal."""
    by_column = config.deduplicate.survivor.partition(":")[2]
    near = config.deduplicate.near
    return [*([by_column] if by_column else []), *(near.columns if near else [])]


def require_rows_for_parts(found: IngestReport, config: RunConfig) -> None:
    """Raise where a class has too few rows for every part; times and groups are looked at once they are split."""
    from sparring.model_selection.classes import require_enough, require_enough_rows

    if config.split.method == "stratified":
        require_enough(found.classes, config.table.label, config.split.shares)
    require_enough_rows(found.accepted, config.split.shares)
