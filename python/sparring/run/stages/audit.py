"""Leaks between the parts of the split."""

from __future__ import annotations

from typing import Any

from sparring.data.contract import CLUSTER, LABEL, SPLIT
from sparring.run.context import RunContext
from sparring.run.stage import Stage


class Audit(Stage):
    """Look for leaks between the parts of the split; it writes no rows."""

    name = "audit"
    what = "looking for leaks between the parts"
    reads = ("split",)
    leaves = ()

    def is_wanted(self, run: RunContext) -> bool:
        """Return whether it is switched on."""
        return run.config.leakage.audit

    def settings(self, run: RunContext) -> list[Any]:
        """Return how rows that are alike are looked for."""
        return [run.config.leakage.model_dump(include={"near", "near_threshold"})]

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Fill the report with the findings."""
        from sparring.leakage import AuditColumns, AuditOptions, audit_split

        table, leakage = run.config.table, run.config.leakage
        # Keys are left out: ingest has proved that no two rows share one.
        columns = AuditColumns(
            numbers=[*table.features.numeric, *table.features.cyclic],
            timestamps=table.features.timestamp,
            categories=table.features.categorical,
            label=table.label,
            groups=table.group,
            # Deduplication has told copies from coincidences, by all columns.
            clusters=[CLUSTER],
            time=table.time,
        )
        rows = run.read("split")
        if len(run.target.classes) <= 2:
            # The code, or the number, under the name that its owner knows; several classes by their own values.
            rows = rows.drop(table.label).withColumnRenamed(LABEL, table.label)
        found = audit_split(
            rows,
            list(run.config.split.shares),
            columns=columns,
            options=AuditOptions(leakage.near, leakage.near_threshold),
            split_col=SPLIT,
            seed=run.config.seed,
        )
        report.update(found.to_dict())
        return f"{len(found.findings)} findings, the worst {found.worst}" if found.findings else "no finding"
