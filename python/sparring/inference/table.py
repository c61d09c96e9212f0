"""A table to score: the columns that a model package declares, in their types, and rows that cannot be scored apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.data.contract import KEY, REASON
from sparring.data.key import with_row_key
from sparring.data.numbers import as_number, not_nan, outside
from sparring.data.readers import CORRUPT, read_table
from sparring.errors import TableError, did_you_mean
from sparring.serving.manifest import RawColumn
from sparring.spark.reserved import named, reserved

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from sparring.config.schema import TableConfig

NUMBERS = ("numeric", "cyclic")
# Spark's name of a type -> how an error names it.
WORDS = {"double": "a number", "timestamp": "a time", "boolean": "true or false"}


def open_rows(spark: SparkSession, table: TableConfig, columns: list[RawColumn]) -> DataFrame:
    """Return a table's keys and the declared columns in their types, with a row's key and reason; no label needed.

    Parameters
    ----------
    spark : SparkSession
    table : TableConfig
        Where the table is, and its key; its other columns are not read.
    columns : list of RawColumn
        What the model package declares.

    Returns
    -------
    DataFrame
        Key columns, declared columns, ``sparring__key`` (string) and ``sparring__reason``: why a row cannot be scored,
        null for a good one.

    Raises
    ------
    TableError
        If the table cannot be read or lacks a column.

    Notes
    -----
    Cost: a projection; without a key one shuffle of the rows to number equal ones.
    """
    raw = read_table(spark, table)
    _require(raw, [*table.key, *(column.name for column in columns)])
    reason = reason_of_row(raw, table.key, columns)
    # Where they clash the key's own type is kept, under a name of its own, and the features' beside it.
    keys = [named(name).alias(own) for own, name in key_columns(table).items() if name != KEY]
    features = [_typed(named(column.name), column).alias(column.name) for column in columns]
    return with_row_key(raw, table.key, KEY).select(*keys, *features, named(KEY), reason.alias(REASON))


def key_columns(table: TableConfig) -> dict[str, str]:
    """Return the columns of :func:`open_rows` that identify a row, and their names in the table."""
    return {reserved(f"key_{at}"): name for at, name in enumerate(table.key)} or {KEY: KEY}


def target_type(column: RawColumn) -> str:
    """Return the type of Spark's that a declared column is sent in.

    Examples
    --------
    >>> target_type(RawColumn("hour", "cyclic", "int")), target_type(RawColumn("code", "categorical", "int"))
    ('double', 'int')
    """
    if column.kind in NUMBERS:
        return "double"
    if column.kind == "timestamp":
        return "timestamp"
    return "timestamp" if column.type == "timestamp_ntz" else column.type


def _typed(value: Column, column: RawColumn) -> Column:
    return not_nan(value.cast(target_type(column)), target_type(column))


def reason_of_row(frame: DataFrame, key: list[str], columns: list[RawColumn]) -> Column:
    """Return why a row cannot be scored with a model that takes ``columns``: the first reason, null for a good row."""
    from sparring.engine import functions as F

    return F.coalesce(*_reasons(frame, key, columns), F.lit(None).cast("string"))


def _reasons(frame: DataFrame, key: list[str], columns: list[RawColumn]) -> list[Column]:
    """Return the checks of a row in the order they are reported, each null when it passes."""
    from sparring.engine import functions as F

    checks = []
    if CORRUPT in frame.columns:
        checks.append(F.when(F.col(CORRUPT).isNotNull(), F.lit("line does not parse")))
    keys = {name: not_nan(named(name), frame.schema[name].dataType) for name in key}
    checks += [F.when(value.isNull(), F.lit(f"key {name} missing")) for name, value in keys.items()]
    for column in columns:
        value, kind = named(column.name), target_type(column)
        word = WORDS.get(kind, f"of type {kind}")
        unparsed = value.isNotNull() & value.cast(kind).isNull()
        checks.append(F.when(unparsed, F.lit(f"feature {column.name} not {word}")))
        if column.kind in NUMBERS:
            checks += outside(column.name, as_number(value), *column.limits)
    return checks


def _require(frame: DataFrame, names: list[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise TableError(
                f"The model takes column {name!r}, which is not in the table: it has {', '.join(frame.columns)}",
                f"Give a table with the columns of the training data, the label aside."
                f"{did_you_mean(name, frame.columns)}",
            )
