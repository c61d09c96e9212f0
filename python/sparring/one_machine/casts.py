"""``Column.cast`` as Spark does it (not ANSI): what does not fit becomes null, and nothing raises."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from sparring.engine.own import of_distinct, shortest
from sparring.one_machine.text_values import (
    BLANKS,
    REGULAR_LONG,
    REGULAR_NUMBER,
    date_of,
    decimal_of,
    double_of,
    flag_of,
    long_of,
    timestamp_of,
)
from sparring.one_machine.types import arrow_type

MICROS = 1_000_000
DAY = 86_400 * MICROS
TRUE_SECONDS = pa.timestamp("s")


def cast(values: pa.Array, kind: T.DataType) -> pa.Array:
    """Return ``values`` in the type ``kind``.

    Raises
    ------
    TypeError
        Where the data half casts nothing so.
    """
    target, source = arrow_type(kind), values.type
    if source == target:
        return values
    if pa.types.is_null(source):
        return pa.nulls(len(values), target)
    if isinstance(kind, T.ArrayType) and pa.types.is_list(source):
        return _list(values, kind.elementType)
    for known, own in CASTS.items():
        if isinstance(kind, known):
            return own(values, target)
    raise TypeError(f"cast from {source} to {kind.simpleString()}")


def _list(values: pa.Array, kind: T.DataType) -> pa.Array:
    flat = cast(values.values, kind)
    mask = values.is_null() if values.null_count else None
    return pa.ListArray.from_arrays(values.offsets, flat, mask=mask)


def _to_text(values: pa.Array, target: pa.DataType) -> pa.Array:
    kind = values.type
    if pa.types.is_floating(kind):
        return shortest(values)
    if pa.types.is_timestamp(kind):
        return _timestamp_text(values)
    return of_distinct(values, str) if pa.types.is_decimal(kind) else values.cast(target)


def _timestamp_text(values: pa.Array) -> pa.Array:
    """Return times in UTC as ``yyyy-MM-dd HH:mm:ss`` and the fraction without its zeros at the end."""
    micros = values.cast(pa.int64())
    seconds = floor_divide(micros, MICROS)
    text = seconds.cast(TRUE_SECONDS).cast(pa.string())
    rest = pc.subtract(micros, pc.multiply(seconds, MICROS))
    if not pc.any(pc.greater(rest, 0)).as_py():
        return text
    padded = pc.utf8_slice_codeunits(pc.add(rest, MICROS).cast(pa.string()), 1)
    fraction = pc.binary_join_element_wise(".", pc.utf8_rtrim(padded, "0"), "")
    return pc.binary_join_element_wise(text, pc.if_else(pc.greater(rest, 0), fraction, ""), "")


def floor_divide(values: pa.Array, by: int) -> pa.Array:
    """Return whole numbers divided and rounded down."""
    quotients = pc.divide(values, by)
    negative = pc.and_(pc.less(values, 0), pc.not_equal(pc.multiply(quotients, by), values))
    return pc.if_else(negative, pc.subtract(quotients, 1), quotients)


def _to_number(values: pa.Array, target: pa.DataType) -> pa.Array:
    kind = values.type
    if pa.types.is_string(kind):
        return _parsed(values, pa.float64(), REGULAR_NUMBER, double_of).cast(target)
    if pa.types.is_decimal(kind):
        return mapped(values, float, pa.float64()).cast(target)
    if pa.types.is_timestamp(kind):
        return pc.divide(values.cast(pa.int64()).cast(pa.float64()), float(MICROS)).cast(target)
    if pa.types.is_date(kind):
        return pa.nulls(len(values), target)
    return values.cast(target, safe=False)


def _to_whole(values: pa.Array, target: pa.DataType) -> pa.Array:
    kind = values.type
    if pa.types.is_string(kind):
        values = _parsed(values, pa.int64(), REGULAR_LONG, long_of)
        limit = np.iinfo(target.to_pandas_dtype())
        inside = pc.and_(pc.greater_equal(values, int(limit.min)), pc.less_equal(values, int(limit.max)))
        return pc.if_else(inside, values, None).cast(target)
    if pa.types.is_floating(kind):
        return _truncated(values, target)
    if pa.types.is_decimal(kind):
        return mapped(values, _low_bits, pa.int64()).cast(target, safe=False)
    if pa.types.is_timestamp(kind):
        return floor_divide(values.cast(pa.int64()), MICROS).cast(target, safe=False)
    if pa.types.is_date(kind):
        return pa.nulls(len(values), target)
    return values.cast(target, safe=False)


def _low_bits(value: decimal.Decimal) -> int:
    """Return the lowest 64 bits of a decimal without its fraction, as Java's ``longValue``."""
    return (int(value) + 2**63) % 2**64 - 2**63


def _truncated(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Return floats without their fraction; those beyond the type are its ends, NaN is 0."""
    numbers = values.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    limit = np.iinfo(target.to_pandas_dtype() if target.bit_width >= 32 else np.int32)
    with np.errstate(invalid="ignore"):
        whole = np.nan_to_num(numbers, nan=0.0).astype(limit.dtype)
    whole = np.where(numbers >= limit.max, limit.max, np.where(numbers <= limit.min, limit.min, whole))
    return masked(whole.astype(target.to_pandas_dtype()), values)


def _to_flag(values: pa.Array, target: pa.DataType) -> pa.Array:
    return mapped(values, flag_of, target) if pa.types.is_string(values.type) else pc.not_equal(values, 0)


def _to_date(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        return floor_divide(values.cast(pa.int64()), DAY).cast(pa.int32()).cast(target)
    return mapped(values, date_of, pa.int32()).cast(target)


def _to_timestamp(values: pa.Array, target: pa.DataType) -> pa.Array:
    kind = values.type
    if pa.types.is_string(kind):
        return mapped(values, timestamp_of, pa.int64()).cast(target)
    if pa.types.is_date(kind):
        return pc.multiply(values.cast(pa.int32()).cast(pa.int64()), DAY).cast(target)
    if pa.types.is_timestamp(kind):
        return values.cast(pa.int64()).cast(target)
    if pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(values), values, None)
        return _truncated(pc.multiply(finite.cast(pa.float64()), float(MICROS)), pa.int64()).cast(target)
    return pc.multiply(values.cast(pa.int64()), MICROS).cast(target)


def _to_decimal(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_floating(values.type):
        values = shortest(values)
    return mapped(values, lambda value: decimal_of(value, target.precision, target.scale), target)


def _to_bytes(values: pa.Array, target: pa.DataType) -> pa.Array:
    return values.cast(target)


CASTS: dict[type[T.DataType], Callable[[pa.Array, pa.DataType], pa.Array]] = {
    T.StringType: _to_text,
    T.DecimalType: _to_decimal,
    T.IntegralType: _to_whole,
    T.FractionalType: _to_number,
    T.BooleanType: _to_flag,
    T.DateType: _to_date,
    T.TimestampType: _to_timestamp,
    T.TimestampNTZType: _to_timestamp,
    T.BinaryType: _to_bytes,
}


def _parsed(values: pa.Array, target: pa.DataType, regular: str, otherwise: Callable[[str], Any]) -> pa.Array:
    """Return texts as numbers: those of the plain form all at once, the others one distinct text after the other."""
    plain = pc.match_substring_regex(values, regular)
    found = pc.if_else(plain, values, None).cast(target)
    if pc.all(plain, skip_nulls=True).as_py() is not False:
        return found
    odd = pc.if_else(plain, None, values)
    return pc.coalesce(found, mapped(pc.utf8_trim(odd, BLANKS), otherwise, target))


def mapped(values: pa.Array, function: Callable[[Any], Any], target: pa.DataType) -> pa.Array:
    """Return ``function`` of each value, asked once for each distinct one; null where it is None."""
    coded = values.dictionary_encode()
    found = [None if value is None else function(value) for value in coded.dictionary.to_pylist()]
    return pa.array(found, target).take(coded.indices)


def masked(values: np.ndarray, like: pa.Array) -> pa.Array:
    """Return NumPy's values as Arrow's, null where ``like`` is."""
    mask = like.is_null().to_numpy(zero_copy_only=False) if like.null_count else None
    return pa.array(values, mask=mask)


decimal.getcontext().prec = 80
