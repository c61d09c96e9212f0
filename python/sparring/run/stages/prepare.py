"""The prepared matrix, of the split and of a naive one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.data.contract import GROUP, SPLIT
from sparring.data.ingest import accepted
from sparring.run.context import RunContext
from sparring.run.stage import Stage
from sparring.run.stages.split import split_version, splitter
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Prepare(Stage):
    """Fit the features on train, and write the matrix that every contender reads."""

    name = "prepare"
    what = "fitting features on train, writing the matrix"
    reads: tuple[str, ...] = ("split",)
    takes_rows_of = "split"
    rows_folder = "matrix"
    leaves = ("matrix", "preparation", "encoding.json")

    def settings(self, run: RunContext) -> list[Any]:
        """Return the section ``prepare``."""
        return [run.config.prepare.model_dump(), run.config.seed]

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Write the rows that are in a part."""
        # Rows in a gap, or without a time, are in the folder and on record, not in the matrix.
        used = run.read("split").where(named(SPLIT).isin(list(run.config.split.shares)))
        return self.write(used, run, report)

    def write(self, rows: DataFrame, run: RunContext, report: dict[str, Any]) -> str:
        """Write the matrix of ``rows`` and say how large it is."""
        from sparring.feature.write import prepare

        config = run.config
        encoding = prepare(rows, config.table.features, config.prepare, config.seed, self.folder(run))
        report.update(rows=sum(encoding.rows.values()), size=encoding.size, storage=encoding.storage)
        return f"{encoding.size} features, {encoding.storage}"


class NaiveSplit(Prepare):
    """The same with rows split as if nothing could leak: no deduplication, no groups."""

    name = "naive"
    what = "the same with a naive random split, to measure leaks"
    reads = ("ingest",)
    takes_rows_of = "ingest"

    def is_wanted(self, run: RunContext) -> bool:
        """Return whether inflation is to be measured."""
        return run.config.leakage.enabled

    def settings(self, run: RunContext) -> list[Any]:
        """Return the sections ``split`` and ``prepare``."""
        return [run.config.split.model_dump(), split_version(), *super().settings(run)]

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Write all accepted rows, with the groups that a safe split would have kept together."""
        from sparring.data.canonical import canonical_hash

        rows = accepted(run.session(), run.path("ingest"))
        table = run.config.table
        chosen = splitter(run, []).transform(rows)
        grouped = chosen.withColumn(GROUP, canonical_hash(table.group or table.features.columns, rows.schema))
        return self.write(grouped, run, report)
