"""Ingest: the table in, good rows and quarantined rows out, every row counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sparring.config.schema import DeduplicateConfig, TableConfig
from sparring.data.contract import KEY, LABEL, REASON, check_schema, label_values, standardize
from sparring.data.key import with_row_key
from sparring.data.moments import exact_moments
from sparring.data.quantiles import quantiles
from sparring.data.readers import CORRUPT, read_table
from sparring.data.reading import IDENTITY, Reading, identity_of, reading_of
from sparring.data.row_counts import SourceCount, require_rows, stored_rows, write_rows
from sparring.data.unused import columns_not_used
from sparring.errors import LabelError, TableError
from sparring.spark.reserved import named
from sparring.task import Target, Task
from sparring.task.choose import problem_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PART, ACCEPTED, QUARANTINED = "sparring__part", "accepted", "quarantined"


@dataclass(frozen=True)
class IngestReport:
    """What ingest found.

    Attributes
    ----------
    input : int
        Rows read from the source, as the tasks that read them counted, independently of what was written.
    accepted : int
        Rows kept.
    quarantined : dict of str to int
        Reason -> rows.
    task : str
        Name of the kind of problem.
    task_reason : str
        Why it is this one.
    target : dict
        What is predicted, see :class:`~sparring.task.Target`.
    classes : dict of str to int
        Class -> accepted rows, in the order of the classes; empty where the label is a number.
    label_summary : dict of str to float
        Of a number: ``min``, ``q25``, ``median``, ``q75``, ``max``, ``mean``; else empty.
    missing : dict of str to int
        Feature -> accepted rows where it is null.
    reading : dict
        What makes two rows equal, see :class:`~sparring.data.reading.Reading`.
    not_features : dict of str to str
        Column of the table that no model sees -> what it is instead, or why it is left out.
    """

    input: int
    accepted: int
    quarantined: dict[str, int]
    task: str = ""
    task_reason: str = ""
    target: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    label_summary: dict[str, float] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    not_features: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class OpenTable:
    """A table that can be trained on.

    Attributes
    ----------
    raw : DataFrame
        As read.
    rows : DataFrame
        Standardized and keyed, with the hash of what makes two rows equal.
    reading : Reading
        What makes two rows equal.
    task : Task
    task_reason : str
        Why it is this one.
    target : Target
        What is predicted.
    """

    raw: DataFrame
    rows: DataFrame
    reading: Reading
    task: Task
    task_reason: str
    target: Target


def open_table(
    spark: SparkSession,
    table: TableConfig,
    extra: Iterable[str] = (),
    duplicates: DeduplicateConfig | None = None,
    source: SourceCount | None = None,
) -> OpenTable:
    """Return the table as read and standardized; nothing is written.

    Parameters
    ----------
    spark : SparkSession
    table : TableConfig
    extra : iterable of str, optional
        Columns to keep besides those that the table's configuration names.
    duplicates : DeduplicateConfig, optional
        Says what makes two rows equal.
    source : SourceCount, optional
        Counts the rows of the first query of the answer.

    Raises
    ------
    TableError
        If the table cannot be read or breaks its contract.
    LabelError
        If the label cannot be that of the task.
    """
    duplicates = duplicates or DeduplicateConfig()
    raw = read_table(spark, table)
    check_schema(raw.schema, table, [*extra, *(duplicates.columns or ())])
    values = label_values(raw, table.label)
    if not values and raw.isEmpty():
        raise TableError("The table has no rows", "Give a table with rows; check the path and the reader's options.")
    kind = raw.schema[table.label].dataType.simpleString()
    task, reason, target = problem_of(values, kind, table.label, table.task, table.positive)
    reading = reading_of(raw, table, duplicates.columns)
    watched = raw if source is None else source.watch(raw)
    # Of the values as read: a number beyond 2**53 is another one as a double.
    identified = watched.withColumn(IDENTITY, identity_of(reading, raw, duplicates.normalize_unicode))
    keyed = with_row_key(identified, table.key, KEY, raw.columns)
    rows = standardize(keyed, table, target, [*extra, IDENTITY])
    return OpenTable(raw, rows, reading, task, reason, target)


def ingest(
    spark: SparkSession,
    table: TableConfig,
    folder: str,
    extra: Iterable[str] = (),
    duplicates: DeduplicateConfig | None = None,
    check: Callable[[Task], None] = lambda task: None,
) -> IngestReport:
    """Write the accepted and the quarantined rows below ``folder`` and return their counts.

    Parameters
    ----------
    spark : SparkSession
    table : TableConfig
    folder : str
        ``folder/sparring__part=accepted`` and ``...=quarantined`` are written as Parquet, in one pass.
    extra : iterable of str, optional
        Columns to keep besides those that the table's configuration names.
    duplicates : DeduplicateConfig, optional
        Says what makes two rows equal.
    check : callable, optional
        Is given the task before anything is written, and raises if the run cannot do it.

    Raises
    ------
    TableError
        Also when no row is accepted, a feature is null throughout or the key is not unique.
    LabelError
        Also when the accepted rows hold one class only.
    RowsLostError
        If other rows were read than are found in what was written.

    Notes
    -----
    Cost: one pass over the label, one over the table, one over what was written; with a key one shuffle of
    the keys to prove them unique, without one a shuffle of the rows to number equal ones.
    """
    from sparring.engine import functions as F

    source = SourceCount()
    opened = open_table(spark, table, extra, duplicates, source)
    check(opened.task)
    part = F.when(F.col(REASON).isNull(), ACCEPTED).otherwise(QUARANTINED)
    write_rows(opened.rows.withColumn(PART, part), folder, PART)
    read = source.rows(expected=stored_rows(folder))
    require_rows("ingest", read, folder)
    found = check_accepted(spark.read.parquet(folder), table, opened)
    return replace(
        found,
        input=read,
        reading=opened.reading.to_dict(),
        not_features=_not_features(opened, table, [*extra, *((duplicates and duplicates.columns) or ())]),
    )


def _not_features(opened: OpenTable, table: TableConfig, compared: Iterable[str]) -> dict[str, str]:
    types = [(name, kind) for name, kind in opened.raw.dtypes if name != CORRUPT]
    return columns_not_used(types, table, compared, opened.reading.left_out)


def accepted(spark: SparkSession, folder: str) -> DataFrame:
    """Return the rows that :func:`ingest` accepted."""
    frame = spark.read.parquet(folder)
    return frame.where(named(PART) == ACCEPTED).drop(PART, REASON, CORRUPT)


def check_accepted(written: DataFrame, table: TableConfig, opened: OpenTable) -> IngestReport:
    """Count what was ingested and raise if it cannot be trained on.

    Parameters
    ----------
    written : DataFrame
        Standardized, keyed rows with ``sparring__reason``.
    table : TableConfig
    opened : OpenTable
    """
    from sparring.engine import functions as F

    features, names = table.features.columns, opened.target.names
    nulls = [F.count(F.when(named(name).isNull(), 1)).alias(f"null {name}") for name in features]
    label = F.col(LABEL) if names else F.lit(None).cast("double").alias(LABEL)
    counts = written.groupBy(F.col(REASON), label.alias("code")).agg(F.count("*").alias("rows"), *nulls).collect()
    good = [row for row in counts if row[REASON] is None]
    quarantined: dict[str, int] = {}
    for row in counts:
        if row[REASON] is not None:
            quarantined[row[REASON]] = quarantined.get(row[REASON], 0) + row["rows"]
    by_code = {row["code"]: row["rows"] for row in good}
    report = IngestReport(
        input=sum(row["rows"] for row in counts),
        accepted=sum(row["rows"] for row in good),
        quarantined=dict(sorted(quarantined.items())),
        task=opened.task.name,
        task_reason=opened.task_reason,
        target=opened.target.to_dict(),
        classes={name: by_code.get(float(code), 0) for code, name in enumerate(names)},
        label_summary={} if names else _summary(written.where(F.col(REASON).isNull())),
        missing={name: sum(row[f"null {name}"] for row in good) for name in features},
    )
    _require_usable(report, table)
    if table.key:
        _require_unique_key(written.where(F.col(REASON).isNull()), table)
    return report


def _summary(good: DataFrame) -> dict[str, float]:
    """Return where the numbers of a label lie.

    Notes
    -----
    Cost: three passes over the label.
    """
    from sparring.engine import functions as F

    label = F.col(LABEL)
    moments = exact_moments(good, {LABEL: label})[LABEL]
    if not moments.count:
        return {}
    low, middle, high = quantiles(good, {LABEL: label}, [0.25, 0.5, 0.75], moments.count)[LABEL]
    ends = good.agg(F.min(label).alias("min"), F.max(label).alias("max")).collect()[0]
    return {"min": ends["min"], "q25": low, "median": middle, "q75": high, "max": ends["max"], "mean": moments.mean}


def _require_usable(report: IngestReport, table: TableConfig) -> None:
    reasons = "; ".join(f"{reason}: {rows:,} rows" for reason, rows in report.quarantined.items())
    if report.accepted == 0:
        raise TableError(
            f"All {report.input:,} rows are quarantined ({reasons})", "Fix the table or the columns' kinds."
        )
    absent = [name for name, rows in report.classes.items() if not rows]
    if absent:
        raise LabelError(
            f"table.label: the usable rows hold no {', '.join(absent)} of {table.label!r} ({reasons})",
            "Give usable rows of every class.",
        )
    summary = report.label_summary
    if summary and summary["min"] == summary["max"]:
        raise LabelError(
            f"table.label: {table.label!r} is {summary['min']:g} in all usable rows ({reasons})",
            "There is nothing to predict: name another column, or fix the table.",
        )
    for name, missing in report.missing.items():
        if missing == report.accepted:
            raise TableError(
                f"table.features: column {name!r} is null in all {report.accepted:,} usable rows",
                "Drop it from the features, or fix the table.",
            )


def _require_unique_key(good: DataFrame, table: TableConfig) -> None:
    from sparring.engine import functions as F

    repeated = good.groupBy(KEY).count().where(F.col("count") > 1)
    worst = repeated.orderBy(F.desc("count"), KEY).limit(3).collect()
    if worst:
        shown = "; ".join(f"{row[KEY].replace(chr(31), ', ')} ({row['count']} rows)" for row in worst)
        raise TableError(
            f"table.key: {', '.join(table.key)} does not identify a row: {shown}",
            "Add columns to the key, or leave table.key out: the row's content then identifies it.",
        )
