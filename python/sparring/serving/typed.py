"""Raw cells to the types that the preparation was fitted on, as ingest does with Spark; or which cell cannot be.

What :mod:`sparring.data.contract` does to a table in Spark is done here to a request in Arrow: numbers to double with
NaN as missing, times to UTC, categories to the text that Spark makes of their type.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.container.media import BodyError
from sparring.serving.manifest import RawColumn

TIMESTAMP = pa.timestamp("us", "UTC")
# No text of a table begins with it: a value that is no category of train.
UNSEEN = "\0unseen"
# A text that says its own zone.
ZONE = r"\d[T ]\d.*(Z|[+-]\d{2}(:?\d{2})?)\s*$"
WHOLE = ("tinyint", "smallint", "int", "bigint")


def typed(column: RawColumn, array: pa.Array, vocabulary: pa.Array | None = None) -> pa.Array:
    """Return a column as the encoder takes it: double, timestamp in UTC, or text.

    Parameters
    ----------
    column : RawColumn
    array : pyarrow.Array
        As it came: text, or whatever JSON or Parquet said it is.
    vocabulary : pyarrow.StringArray, optional
        Of a category: the texts that train knew.

    Raises
    ------
    BodyError
        Naming row (from 1), column and value, if a cell cannot be read as the column's kind.
    """
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if column.kind == "timestamp":
        return _timestamps(column, array)
    if column.kind == "categorical":
        assert vocabulary is not None
        return _texts(column, array, vocabulary)
    return _inside(column, array, _numbers(column, array))


def _numbers(column: RawColumn, array: pa.Array) -> pa.Array:
    """Return double; NaN becomes missing."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        if column.type == "boolean":
            array = _parsed(column, array, pa.bool_(), "true or false")
        else:
            array = _parsed(column, array, pa.float64(), "a number")
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    kind = array.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise BodyError(f"column {column.name!r} holds {kind}, numbers are expected")
    values = array.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)


def _inside(column: RawColumn, array: pa.Array, values: pa.Array) -> pa.Array:
    low, high = column.limits
    outside = pc.fill_null(pc.or_(pc.less(values, low), pc.greater(values, high)), False)
    _refuse(column, array, outside.to_numpy(zero_copy_only=False), f"a number from {low:.3g} to {high:.3g}")
    return values


def _timestamps(column: RawColumn, array: pa.Array) -> pa.Array:
    """Return times in UTC; a time without a zone is in UTC, as in the run's Spark session."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        array = _parsed_timestamps(column, array)
    elif pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
        array = pc.assume_timezone(array.cast(pa.timestamp("us"), safe=False), "UTC")
    elif not pa.types.is_timestamp(kind):
        raise BodyError(f"column {column.name!r} holds {kind}, times are expected")
    timestamps = array.cast(TIMESTAMP, safe=False)
    return pc.floor_temporal(timestamps, unit="day") if column.type == "date" else timestamps


def _parsed_timestamps(column: RawColumn, array: pa.Array) -> pa.Array:
    """Return ISO 8601 texts as times; more digits than microseconds are cut, as Spark does."""
    texts = pc.replace_substring_regex(array.cast(pa.string()), r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(texts, ZONE)
    nothing, wanted = pa.scalar(None, pa.string()), "a time such as 2013-01-31T05:00:00Z"
    plain = _parsed(column, pc.if_else(zoned, nothing, texts), pa.timestamp("us"), wanted)
    placed = _parsed(column, pc.if_else(zoned, texts, nothing), TIMESTAMP, wanted)
    return pc.coalesce(placed, pc.assume_timezone(plain, "UTC"))


def _texts(column: RawColumn, array: pa.Array, vocabulary: pa.Array) -> pa.Array:
    """Return categories as the texts of train; equal values are one category, however they are written."""
    if column.type == "string":
        return array.cast(pa.string())
    values = _as_trained(column, array)
    known = _as_trained(RawColumn(column.name, column.kind, column.type), vocabulary)
    text = vocabulary.take(pc.index_in(values, value_set=known))
    return pc.if_else(pc.is_null(values), pa.scalar(None, pa.string()), pc.fill_null(text, UNSEEN))


def _as_trained(column: RawColumn, array: pa.Array) -> pa.Array:
    """Return a category's values in the type that the table had."""
    if column.type in ("date", "timestamp", "timestamp_ntz"):
        return _timestamps(column, array)
    if column.type == "boolean" and not pa.types.is_boolean(array.type):
        return _parsed(column, array.cast(pa.string()), pa.bool_(), "true or false")
    if column.type == "boolean":
        return array
    values = _numbers(column, array)
    if column.type in WHOLE:
        broken = pc.fill_null(pc.not_equal(pc.floor(values), values), False)
        _refuse(column, array, broken.to_numpy(zero_copy_only=False), "a whole number")
    return values.cast(pa.float32(), safe=False) if column.type == "float" else values


def _parsed(column: RawColumn, array: pa.Array, kind: pa.DataType, wanted: str) -> pa.Array:
    """Return texts as numbers or truth values; only when one is neither are all looked at one by one."""
    trimmed = pc.utf8_trim_whitespace(array)
    try:
        return trimmed.cast(kind)
    except pa.ArrowInvalid:
        broken = np.array([not _parses(text, kind) for text in trimmed], dtype=bool)
        _refuse(column, array, broken, wanted)
        raise


def _parses(text: pa.Scalar, kind: pa.DataType) -> bool:
    try:
        text.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse(column: RawColumn, array: pa.Array, broken: np.ndarray, wanted: str) -> None:
    """Raise for the first broken cell, and say how many there are."""
    if not broken.any():
        return
    at = int(broken.argmax())
    more = f" ({int(broken.sum())} such cells)" if broken.sum() > 1 else ""
    raise BodyError(f"row {at + 1}, column {column.name!r}: {array[at].as_py()!r} is not {wanted}{more}")
