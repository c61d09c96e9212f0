"""Arrow's types that Spark does not have, as Spark reads them."""

from __future__ import annotations

import pyarrow as pa

from sparring.one_machine.casts import floor_divide

# Types that Spark does not have, and what it reads them as.
UNSIGNED = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64()}


def as_spark(values: pa.Array) -> pa.Array:
    """Return a column of Parquet in the type that Spark reads it in."""
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(pa.int32())
    if pa.types.is_dictionary(kind):
        return as_spark(values.dictionary_decode())
    if kind in UNSIGNED:
        return values.cast(UNSIGNED[kind])
    if kind == pa.uint64():
        return values.cast(pa.decimal128(20, 0))
    if pa.types.is_timestamp(kind):
        zone = "UTC" if kind.tz else None
        if kind.unit == "ns":
            micros = floor_divide(values.cast(pa.int64()), 1_000)
        else:
            micros = values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
        return micros.cast(pa.timestamp("us", zone))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return values.cast(pa.binary())
    if pa.types.is_date64(kind):
        return values.cast(pa.date32())
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return as_spark(values.cast(pa.list_(kind.value_type)))
    if pa.types.is_list(kind) and as_spark(values.values).type != kind.value_type:
        mask = values.is_null() if values.null_count else None
        return pa.ListArray.from_arrays(values.offsets, as_spark(values.values), mask=mask)
    return values
