"""Spark's types and Arrow's: which is which, and the schemas that stages write as text."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import pyarrow as pa
from pyspark.sql import types as T

# Where Spark keeps its own schema in a Parquet file.
ROW_METADATA = b"org.apache.spark.sql.parquet.row.metadata"
# What an expression has: a column (Array), or the one value of a constant (Scalar).
Value: TypeAlias = Any

SIMPLE: dict[str, T.DataType] = {
    "string": T.StringType(),
    "boolean": T.BooleanType(),
    "tinyint": T.ByteType(),
    "byte": T.ByteType(),
    "smallint": T.ShortType(),
    "short": T.ShortType(),
    "int": T.IntegerType(),
    "integer": T.IntegerType(),
    "bigint": T.LongType(),
    "long": T.LongType(),
    "float": T.FloatType(),
    "double": T.DoubleType(),
    "binary": T.BinaryType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
    "timestamp_ntz": T.TimestampNTZType(),
    "void": T.NullType(),
}
ARROW: list[tuple[type[T.DataType], pa.DataType]] = [
    (T.StringType, pa.string()),
    (T.BooleanType, pa.bool_()),
    (T.ByteType, pa.int8()),
    (T.ShortType, pa.int16()),
    (T.IntegerType, pa.int32()),
    (T.LongType, pa.int64()),
    (T.FloatType, pa.float32()),
    (T.DoubleType, pa.float64()),
    (T.BinaryType, pa.binary()),
    (T.DateType, pa.date32()),
    (T.TimestampType, pa.timestamp("us", "UTC")),
    (T.TimestampNTZType, pa.timestamp("us")),
    (T.NullType, pa.null()),
]
WORD = re.compile(r"\s*(`(?:[^`]|``)*`|[A-Za-z_0-9]+|[<>(),:])")


def arrow_type(kind: T.DataType) -> pa.DataType:
    """Return Arrow's type for one of Spark's."""
    if isinstance(kind, T.UserDefinedType):
        return arrow_type(kind.sqlType())
    if isinstance(kind, T.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, T.ArrayType):
        return pa.list_(arrow_type(kind.elementType))
    if isinstance(kind, T.UserDefinedType):
        return arrow_type(kind.sqlType())
    if isinstance(kind, T.MapType):
        return pa.map_(arrow_type(kind.keyType), arrow_type(kind.valueType))
    if isinstance(kind, T.StructType):
        return pa.struct([pa.field(field.name, arrow_type(field.dataType)) for field in kind.fields])
    return next(found for known, found in ARROW if isinstance(kind, known))


def spark_type(kind: pa.DataType) -> T.DataType:
    """Return Spark's type for one of Arrow's."""
    if pa.types.is_decimal(kind):
        return T.DecimalType(kind.precision, kind.scale)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return T.ArrayType(spark_type(kind.value_type))
    if pa.types.is_map(kind):
        return T.MapType(spark_type(kind.key_type), spark_type(kind.item_type))
    if pa.types.is_struct(kind):
        return T.StructType([T.StructField(field.name, spark_type(field.type)) for field in kind])
    if pa.types.is_timestamp(kind):
        return T.TimestampType() if kind.tz else T.TimestampNTZType()
    return next(known() for known, found in ARROW if found == kind)


def parse_schema(text: str | T.StructType) -> T.StructType:
    """Return the schema that ``name type, name type`` stands for.

    Examples
    --------
    >>> parse_schema("node bigint, `a b` array<struct<x: int>>").simpleString()
    'struct<node:bigint,a b:array<struct<x:int>>>'
    """
    if isinstance(text, T.StructType):
        return text
    words = WORD.findall(text)
    try:
        return T.StructType(_fields(words, ""))
    except ValueError:
        return T.StructType([T.StructField("value", parse_type(text))])


def parse_type(text: str | T.DataType) -> T.DataType:
    """Return the type of this name, such as ``decimal(38,0)`` or ``map<string,int>``."""
    return text if isinstance(text, T.DataType) else _type(WORD.findall(text))


def _fields(words: list[str], end: str) -> list[T.StructField]:
    fields = []
    while words and words[0] != end:
        name = words.pop(0)
        if name.startswith("`"):
            name = name[1:-1].replace("``", "`")
        if words and words[0] == ":":
            words.pop(0)
        fields.append(T.StructField(name, _type(words)))
        if words and words[0] == ",":
            words.pop(0)
    return fields


def _type(words: list[str]) -> T.DataType:
    if not words:
        raise ValueError("a type is wanted")
    name = words.pop(0).lower()
    if name in SIMPLE:
        return SIMPLE[name]
    if name not in ("decimal", "array", "map", "struct"):
        raise ValueError(f"{name} is no type")
    if name == "decimal" and words[:1] != ["("]:
        return T.DecimalType(10, 0)
    words.pop(0)
    if name == "decimal":
        precision, scale = int(words[0]), int(words[2])
        del words[:4]
        return T.DecimalType(precision, scale)
    found: T.DataType
    if name == "struct":
        found = T.StructType(_fields(words, ">"))
    elif name == "array":
        found = T.ArrayType(_type(words))
    else:
        key = _type(words)
        words.pop(0)
        found = T.MapType(key, _type(words))
    words.pop(0)
    return found


def repeated(value: Value, rows: int) -> pa.Array:
    """Return a constant as a column; a column as it is."""
    if not isinstance(value, pa.Scalar):
        return value
    return pa.repeat(value, rows) if value.is_valid and rows else pa.nulls(rows, value.type)
