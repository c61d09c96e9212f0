"""One canonical form a row, so that equal rows have equal hashes and others, in practice, do not.

Spark's hash functions skip nulls, also inside arrays and structs: ``(null, 'a')`` and ``('a', null)`` collide.
Here every column is hashed with its null flag, and nested values through a text that shows their nulls.  xxHash64
keeps its weaknesses under another beginning once a text fills its stripes of 32 bytes, so that two of its hashes
are no 128 bits there: longer texts enter as their MD5, which is 32 bytes and clashes with no shorter text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType, StructType

STRIPE_BYTES = 32
JSON_OPTIONS = {"ignoreNullFields": "false"}


def canonical_hash(columns: Sequence[str], schema: StructType, normalize_unicode: bool = False) -> Column:
    """Return the 128-bit hash of ``columns``, 32 hexadecimal digits.

    Parameters
    ----------
    columns : sequence of str
        Columns of any type; their order matters, their names do not.
    schema : StructType
        Schema of the table they are in.
    normalize_unicode : bool, default False
        Compare text after Unicode normalisation form C.  Cost: text and nested columns pass through Python in
        batches.

    Returns
    -------
    Column
        Two rows have the same hash when each column is equal: null equals null only, -0.0 equals 0.0, NaN equals
        NaN, an empty text differs from null, maps are equal whatever the order of their entries.

    Examples
    --------
    >>> rows.select(canonical_hash(["carrier", "flight"], rows.schema))         # doctest: +SKIP
    """

    from sparring.engine import functions as F

    return F.hash128(
        *[word for name in columns for word in words_of(named(name), schema[name].dataType, normalize_unicode)]
    )


def cell_hash(name: str, schema: StructType) -> Column:
    """Return the 64-bit hash of one column: equal for equal values, null a value of its own."""
    from sparring.engine import functions as F

    return F.xxhash64(*words_of(named(name), schema[name].dataType))


def words_of(column: Column, kind: DataType, normalize_unicode: bool = False) -> list[Column]:
    """Return what Spark's hash is to see of a column: whether it is null, and its value."""
    return [column.isNull(), _flat(column, kind, normalize_unicode)]


def _flat(column: Column, kind: DataType, normalize_unicode: bool) -> Column:
    """Return a value that Spark's hash tells apart: atomic ones as they are, nested ones as text."""
    from pyspark.sql import types as T

    from sparring.engine import functions as F

    nested = isinstance(kind, (T.ArrayType, T.MapType, T.StructType))
    flat = _canonical(column, kind, nested)
    if nested:
        flat, kind = F.to_json(F.struct(flat.alias("v")), JSON_OPTIONS), T.StringType()
    if isinstance(kind, T.StringType) and normalize_unicode:
        flat = F.nfc(flat)
    if isinstance(kind, (T.StringType, T.BinaryType)):
        flat = flat.cast("binary")
        return F.when(F.length(flat) < STRIPE_BYTES, flat).otherwise(F.md5(flat).cast("binary"))
    return flat


def _canonical(column: Column, kind: DataType, nested: bool) -> Column:
    from pyspark.sql import types as T

    from sparring.engine import functions as F

    if isinstance(kind, (T.FloatType, T.DoubleType)):
        number = F.when(column == 0, F.lit(0.0).cast(kind)).otherwise(column)
        # Within a text a number is its hash: how Java writes it depends on Java's version.
        return F.when(column.isNotNull(), F.xxhash64(number)) if nested else number
    if isinstance(kind, T.TimestampType):
        return F.unix_micros(column)
    if isinstance(kind, T.TimestampNTZType):
        return column.cast("string")
    if isinstance(kind, T.ArrayType):
        return F.transform(column, lambda item: _canonical(item, kind.elementType, nested))
    if isinstance(kind, T.StructType):
        fields = [_canonical(column.getField(f.name), f.dataType, nested).alias(f.name) for f in kind.fields]
        return F.when(column.isNotNull(), F.struct(*fields))
    if isinstance(kind, T.MapType):
        entry = T.StructType([T.StructField("key", kind.keyType), T.StructField("value", kind.valueType)])
        # Spark sorts no maps; as text an entry can be sorted whatever its value's type.
        entries = F.transform(
            F.map_entries(column), lambda pair: F.to_json(_canonical(pair, entry, nested), JSON_OPTIONS)
        )
        return F.array_sort(entries)
    return column
