"""The table contract: which columns a run needs, of which type, and what makes a row unusable.

``standardize`` adds the columns that every later stage relies on:

====================  =======  ==================================================================
``sparring__key``     string   identifies the row
``sparring__label``   double   the class code, or the number; null where the label is missing
``sparring__weight``  double   1 without a weight column
``sparring__reason``  string   why the row is quarantined; null for a good row
====================  =======  ==================================================================

Later stages add ``sparring__cluster`` and ``sparring__survivor`` (deduplication), ``sparring__split`` and
``sparring__group`` (split).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sparring.data.numbers import LARGEST, as_number, as_text, not_nan, outside
from sparring.data.readers import CORRUPT
from sparring.data.timestamps import as_timestamp
from sparring.errors import TableError, did_you_mean
from sparring.spark.reserved import named
from sparring.task import Target
from sparring.task.classes import MOST_CLASSES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructType

    from sparring.config.schema import TableConfig

KEY, LABEL, WEIGHT, REASON = "sparring__key", "sparring__label", "sparring__weight", "sparring__reason"
CLUSTER, SURVIVOR = "sparring__cluster", "sparring__survivor"
SPLIT, GROUP = "sparring__split", "sparring__group"
# In a column's metadata, which Parquet files keep: its type in the table.
RAW_TYPE = "sparring.type"


def check_schema(schema: StructType, table: TableConfig, extra: Iterable[str] = ()) -> None:
    """Raise :class:`TableError` for the first configured column that is absent or of an unusable type.

    Parameters
    ----------
    schema : StructType
        Schema of the table as read.
    table : TableConfig
    extra : iterable of str, optional
        Columns of any type that deduplication needs besides.
    """
    from pyspark.sql import types as T

    number = (T.NumericType, T.StringType, T.BooleanType)
    atomic = (*number, T.DateType, T.TimestampType)
    moment = (T.DateType, T.TimestampType, T.TimestampNTZType, T.StringType)
    wanted: list[tuple[str, list[str], tuple[type, ...]]] = [
        ("table.label", [table.label], number),
        ("table.key", table.key, atomic),
        ("table.group", table.group, atomic),
        ("table.time", [table.time] if table.time else [], (*moment, T.NumericType)),
        ("table.weight", [table.weight] if table.weight else [], (T.NumericType, T.StringType)),
        ("table.features.numeric", table.features.numeric, number),
        ("table.features.cyclic", list(table.features.cyclic), number),
        ("table.features.categorical", table.features.categorical, atomic),
        ("table.features.timestamp", table.features.timestamp, moment),
        ("deduplicate", list(extra), (T.DataType,)),
    ]
    for owner, columns, kinds in wanted:
        for column in columns:
            _check_column(schema, column, owner, kinds)


def _check_column(schema: StructType, column: str, owner: str, kinds: tuple[type, ...]) -> None:
    if column not in schema.names:
        raise TableError(
            f"{owner}: column {column!r} is not in the table, which has {', '.join(schema.names)}",
            f"Name an existing column.{did_you_mean(column, schema.names)}",
        )
    found = schema[column].dataType
    if not isinstance(found, kinds):
        allowed = ", ".join(kind.__name__.removesuffix("Type").lower() for kind in kinds)
        raise TableError(
            f"{owner}: column {column!r} must be {allowed}; it is {found.simpleString()}",
            "Convert the column, or list it under another kind.",
        )


def label_values(frame: DataFrame, label: str) -> list[object]:
    """Return the sorted distinct values of the label, at most one more than a label may have classes.

    Missing ones do not count.

    Cost: one pass over one column.
    """

    rows = frame.select(named(label)).where(named(label).isNotNull()).distinct().limit(MOST_CLASSES + 1).collect()
    values = [row[0] for row in rows if row[0] == row[0]]
    return sorted(values, key=lambda value: (str(type(value)), value))


def standardize(frame: DataFrame, table: TableConfig, target: Target, extra: Iterable[str] = ()) -> DataFrame:
    """Return the configured columns, cast to their kinds, with label, weight and reason under their reserved names.

    Rows are never dropped: a bad one has its reason, the first that applies, in ``sparring__reason``.

    Parameters
    ----------
    frame : DataFrame
        The table as read.
    table : TableConfig
    target : Target
        What is predicted.
    extra : iterable of str, optional
        Columns to keep besides those that the table's configuration names.

    Notes
    -----
    Cost: a projection, no pass of its own.
    """
    from sparring.engine import functions as F

    numbers = [*table.features.numeric, *table.features.cyclic]
    timestamps = [*table.features.timestamp]
    reason = F.coalesce(*_reasons(frame, table, numbers, timestamps, target), F.lit(None).cast("string"))
    label = target.encoded(named(table.label))
    weight = named(table.weight).cast("double") if table.weight else F.lit(1.0)
    casts = {name: as_number(named(name)) for name in numbers}
    casts |= {name: as_timestamp(named(name), frame.schema[name].dataType) for name in timestamps}
    casts |= {name: as_text(named(name), frame.schema[name].dataType) for name in table.features.categorical}
    standard = [reason.alias(REASON), label.alias(LABEL), weight.alias(WEIGHT)]
    # A model that is served later must read raw rows as they were read here.
    types = {name: {RAW_TYPE: frame.schema[name].dataType.simpleString()} for name in frame.columns}
    kept = [casts.get(name, named(name)).alias(name, metadata=types[name]) for name in used_columns(table, extra)]
    carried = [named(name) for name in (KEY, CORRUPT) if name in frame.columns]
    return frame.select(*kept, *carried, *standard)


def used_columns(table: TableConfig, extra: Iterable[str] = ()) -> list[str]:
    """Return every column that the configuration names, once each."""
    single = [name for name in (table.label, table.time, table.weight) if name]
    return list(dict.fromkeys([*table.key, *single, *table.group, *table.features.columns, *extra]))


def _reasons(
    frame: DataFrame, table: TableConfig, numbers: list[str], timestamps: list[str], target: Target
) -> list[Column]:
    """Return the checks of a row in the order they are reported, each null when it passes."""
    from sparring.engine import functions as F

    def when(condition: Column, text: str) -> Column:
        return F.when(condition, F.lit(text))

    def unparsed(name: str, parsed: Column) -> Column:
        return named(name).isNotNull() & parsed.isNull()

    def present(name: str) -> Column:
        return not_nan(named(name), frame.schema[name].dataType)

    checks = [when(F.col(CORRUPT).isNotNull(), "line does not parse")] if CORRUPT in frame.columns else []
    label = named(table.label)
    checks.append(when(label.isNull() | (label.cast("string") == "NaN"), f"label {table.label} missing"))
    if not target.classes:
        beyond = F.abs(label.cast("double")) > LARGEST
        checks.append(when(beyond, f"label {table.label} not a number up to {LARGEST:.3g}"))
    checks += [when(present(name).isNull(), f"key {name} missing") for name in table.key]
    if table.group:
        all_null = F.coalesce(*[present(name).cast("string") for name in table.group]).isNull()
        checks.append(when(all_null, f"group {', '.join(table.group)} missing"))
    if table.weight:
        weight = named(table.weight).cast("double")
        # NaN is greater than any number to Spark.
        good = (weight > 0) & (weight <= LARGEST)
        checks.append(
            when(~F.coalesce(good, F.lit(False)), f"weight {table.weight} not a positive number up to {LARGEST:.3g}")
        )
    checks += [when(unparsed(name, named(name).cast("double")), f"feature {name} not a number") for name in numbers]
    checks += [check for name in numbers for check in outside(name, as_number(named(name)))]
    for name in timestamps:
        time = as_timestamp(named(name), frame.schema[name].dataType)
        checks.append(when(unparsed(name, time), f"feature {name} not a time"))
    return checks
