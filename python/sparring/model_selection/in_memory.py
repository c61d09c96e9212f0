"""Columns in memory - NumPy, pandas with types of any kind, Arrow - as the table that Spark would have of them.

Spark's own conversion takes some types wrongly or not at all: unsigned and half-width numbers, categories, pandas'
missing values, columns backed by Arrow; and what it makes of a time depends on a setting.  Here every column goes
through Arrow, which knows them all, and times are what they say in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.errors import SchemaError
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

MOST_LONG = 2**63 - 1


def spark_table(spark: SparkSession, columns: Mapping[str, Any], owner: str) -> DataFrame:
    """Return a table of ``columns``.

    Parameters
    ----------
    spark : SparkSession
    columns : mapping of str to array, Series or Arrow column
        All of one length.
    owner : str
        Who asks, for messages.

    Raises
    ------
    SchemaError
        If a column is of a type that no key, group or class has.

    Notes
    -----
    Cost: all values pass through the driver.
    """
    arrays = {name: _arrow(values, f"{owner}: column {name!r}") for name, values in columns.items()}
    schema = T.StructType([T.StructField(name, _stored(array.type)) for name, array in arrays.items()])
    frame = pd.DataFrame({name: _plain(array) for name, array in arrays.items()}, columns=list(arrays))
    made = spark.createDataFrame(frame, schema)
    return made.select(*[_typed(named(name), array.type).alias(name) for name, array in arrays.items()])


def whole_numbers(values: Any) -> Any:
    """Return integers where all known values are whole: what pandas makes of integers with a gap are floats."""
    array = _arrow(values, "column")
    if not pa.types.is_floating(array.type):
        return values
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return values


def _arrow(values: Any, what: str) -> pa.Array:
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as problem:
        if not _beyond_long(values):
            raise SchemaError(
                f"{what} must hold values of one type, which Arrow knows, got {problem}", "Convert the column."
            ) from problem
        array = pa.array([None if value is None else Decimal(value) for value in values])
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return _widened(array, what)


def _beyond_long(values: Any) -> bool:
    return all(value is None or isinstance(value, int) for value in values)


def _widened(array: pa.Array, what: str) -> pa.Array:
    """Return ``array`` in the one type of its kind that Spark has too."""
    kind = array.type
    if pa.types.is_integer(kind):
        beyond = kind == pa.uint64() and (pc.max(array).as_py() or 0) > MOST_LONG
        return array.cast(pa.decimal128(20, 0) if beyond else pa.int64())
    if pa.types.is_timestamp(kind):
        # Spark's times have microseconds.
        return array.cast(pa.timestamp("us", kind.tz), safe=False)
    for known, common in (
        (pa.types.is_floating, pa.float64()),
        (pa.types.is_large_string, pa.string()),
        (pa.types.is_large_binary, pa.binary()),
        (pa.types.is_date, pa.date32()),
        (pa.types.is_null, pa.string()),
    ):
        if known(kind):
            return array.cast(common)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.ListArray.from_arrays(array.offsets.cast(pa.int32()), _widened(array.values, what))
    if not any(
        known(kind) for known in (pa.types.is_boolean, pa.types.is_string, pa.types.is_binary, pa.types.is_decimal)
    ):
        raise SchemaError(f"{what} is of type {kind}, which is no key, group, class or time", "Convert the column.")
    return array


def _stored(kind: pa.DataType) -> T.DataType:
    """Return the type in which values travel: times and dates as numbers, which no setting changes."""
    if pa.types.is_decimal(kind):
        return T.DecimalType(kind.precision, kind.scale)
    if pa.types.is_list(kind):
        return T.ArrayType(_stored(kind.value_type))
    for known, stored in (
        (pa.types.is_floating, T.DoubleType()),
        (pa.types.is_boolean, T.BooleanType()),
        (pa.types.is_string, T.StringType()),
        (pa.types.is_binary, T.BinaryType()),
    ):
        if known(kind):
            return stored
    return T.LongType()


def _plain(array: pa.Array) -> Any:
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    if pa.types.is_date(kind):
        array = array.cast(pa.int32()).cast(pa.int64())
    if pa.types.is_list(kind):
        return pd.Series(array.to_pylist(), dtype=object)
    return array.to_pandas(integer_object_nulls=True)


def _typed(column: Column, kind: pa.DataType) -> Column:
    if pa.types.is_timestamp(kind):
        return F.timestamp_micros(column)
    return F.date_from_unix_date(column.cast("int")) if pa.types.is_date(kind) else column
