"""Train, validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.data.contract import CLUSTER, GROUP, KEY, LABEL, RAW_TYPE, SPLIT, SURVIVOR
from sparring.data.row_counts import write_rows
from sparring.data.timestamps import as_timestamp
from sparring.errors import TableError
from sparring.run.context import RunContext
from sparring.run.stage import Stage
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from sparring.config.schema import RunConfig

TIMESTAMP = "sparring__timestamp"


class Split(Stage):
    """Give every surviving row its part, by hash or by time."""

    name = "split"
    what = "assigning rows to train, validation and test"
    reads = ("deduplicate",)
    takes_rows_of = "deduplicate"

    def settings(self, run: RunContext) -> list[Any]:
        """Return the section ``split``, and the version of the splitters' decisions."""
        return [run.config.split.model_dump(), split_version()]

    def work(self, run: RunContext, report: dict[str, Any]) -> str:
        """Write the survivors with their part and group."""
        from sparring.model_selection import split_balance
        from sparring.model_selection.classes import require_all_classes

        config = run.config
        rows = run.read("deduplicate").where(SURVIVOR)
        by_time = config.split.method == "time"
        chosen = _by_time(rows, config) if by_time else _by_hash(rows, run)
        write_rows(chosen, self.folder(run))
        shares, names = config.split.shares, run.target.names
        codes = range(len(names))
        balance = split_balance(run.read("split"), LABEL, classes=codes, group_id_col=GROUP, split_col=SPLIT)
        for part in balance["parts"].values():
            if names:
                part["classes"] = {names[code]: part["classes"][str(code)] for code in codes}
        nothing = {"rows": 0, "groups": 0, **({"classes": dict.fromkeys(names, 0)} if names else {})}
        parts = {name: balance["parts"].get(name, nothing) | {"target": share} for name, share in shares.items()}
        require_all_classes(parts, config.table.label, config.split.method)
        kept_out = {name: part["rows"] for name, part in balance["parts"].items() if name not in shares}
        report.update(balance, parts=parts, group=config.table.group, kept_out=kept_out, version=split_version())
        report["rows"] = sum(part["rows"] for part in parts.values())
        counts = {name: part["rows"] for name, part in parts.items()} | kept_out
        return ", ".join(f"{name} {rows:,}" for name, rows in counts.items())


def split_version() -> int:
    """Return the version of what the splitters decide for the same rows."""
    # Only now, because it imports Spark.
    from sparring.model_selection import SPLIT_VERSION

    return SPLIT_VERSION


def splitter(run: RunContext, group: list[str], cluster: str | None = None) -> Any:
    """Return the configured splitter, with rows of a group or a cluster together."""
    from sparring.model_selection import StratifiedSplitter

    shares = run.config.split.shares
    return StratifiedSplitter(
        **(run.task.splitter_params(LABEL) if run.config.split.stratify else {"stratifyCols": []}),
        keyCols=[KEY],
        groupCols=group,
        clusterCol=cluster,
        partNames=list(shares),
        weights=list(shares.values()),
        splitCol=SPLIT,
        groupIdCol=GROUP,
        seed=run.config.seed,
    )


def time_type(rows: DataFrame, config: RunConfig) -> str:
    """Return the type of ``table.time`` as its table has it; as a feature it may be a number by now.

    Raises
    ------
    TableError
        If rows cannot be ordered by it exactly: it is a fraction, or true or false.
    """
    column = rows.schema[str(config.table.time)]
    found = str(column.metadata.get(RAW_TYPE, column.dataType.simpleString()))
    if found.startswith(("double", "float", "decimal", "boolean")):
        raise TableError(
            f"table.time: column {column.name!r} must be a time, a date, text or a whole number for split.method "
            f"'time'; it is {found}",
            "Convert the column, for example to a timestamp.",
        )
    return found


def _by_hash(rows: DataFrame, run: RunContext) -> DataFrame:
    # Duplicates that were left in the table must not straddle either, nor what may be one.
    undecided = run.report("deduplicate")["undecided_rows"] > 0
    cluster = CLUSTER if run.config.deduplicate.keeps_duplicates or undecided else None
    return splitter(run, run.config.table.group, cluster).transform(rows)


def _by_time(rows: DataFrame, config: RunConfig) -> DataFrame:
    from sparring.engine import functions as F
    from sparring.model_selection import TimeSplitter

    split, time, kind = config.split, str(config.table.time), time_type(rows, config)
    # Text that is no time makes the row undated; a whole number that is a feature too was made a fraction.
    moment = named(time)
    if kind == "string":
        moment = as_timestamp(moment, rows.schema[time].dataType)
    elif dict(rows.dtypes)[time] == "double":
        moment = moment.cast(kind)
    stage = TimeSplitter(
        timeCol=TIMESTAMP,
        partNames=list(split.shares),
        weights=list(split.shares.values()),
        splitCol=SPLIT,
        gap=split.gap,
    )
    return stage.transform(rows.withColumn(TIMESTAMP, moment)).withColumn(GROUP, F.col(KEY)).drop(TIMESTAMP)
