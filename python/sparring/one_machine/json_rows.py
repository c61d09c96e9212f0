"""JSON objects as a table, in the types that Spark infers: by name, numbers as narrow as they fit, else text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyspark.sql import types as T

from sparring.engine.own import _java_form
from sparring.one_machine.text_files import TextFile, require_known, with_parts
from sparring.one_machine.types import arrow_type

KNOWN = {"multiLine", "encoding", "columnNameOfCorruptRecord", "mode", "dateFormat", "timestampFormat"}
MOST_LONG, DIGITS = 2**63, 38


def read_objects(files: Sequence[TextFile], options: dict[str, str]) -> pa.Table:
    """Return the objects of JSON files, a line each or, with ``multiLine``, a file each.

    Raises
    ------
    TableError
        If an option is not understood.
    """
    require_known(options, KNOWN)
    corrupt = options.get("columnNameOfCorruptRecord", "_corrupt_record")
    encoding, whole = options.get("encoding", "UTF-8"), options.get("multiLine") == "true"
    rows: list[dict[str, Any]] = []
    lengths = []
    for file in files:
        text = file.data.decode(encoding, errors="replace").removeprefix("\ufeff")
        found = list(_rows(text, whole, corrupt))
        rows += found
        lengths.append(len(found))
    kinds: dict[str, T.DataType] = {}
    for row in rows:
        for name, value in row.items():
            kinds[name] = _wider(kinds.get(name, T.NullType()), _kind(value))
    names = sorted(kinds)
    final = {name: _final(kinds[name]) for name in names}
    columns = [pa.array([_fit(row.get(n), final[n]) for row in rows], arrow_type(final[n])) for n in names]
    table = pa.table(columns, names=names)
    if not files or not files[0].parts:
        return table
    starts = [sum(lengths[:at]) for at in range(len(lengths))]
    pieces = zip(starts, lengths, files, strict=True)
    return pa.concat_tables([with_parts(table.slice(start, length), file) for start, length, file in pieces])


def _rows(text: str, whole: bool, corrupt: str) -> Iterable[dict[str, Any]]:
    for piece in [text] if whole else text.splitlines():
        if not piece.strip():
            continue
        try:
            value = json.loads(piece, parse_float=_Float)
        except ValueError:
            yield {corrupt: piece}
            continue
        for each in value if isinstance(value, list) else [value]:
            yield each if isinstance(each, dict) else {corrupt: piece}


class _Float(float):
    """A number with a point, which keeps its text."""

    def __new__(cls, text: str) -> _Float:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _kind(value: Any) -> T.DataType:
    if value is None:
        return T.NullType()
    if isinstance(value, bool):
        return T.BooleanType()
    if isinstance(value, int):
        if -MOST_LONG <= value < MOST_LONG:
            return T.LongType()
        digits = len(str(abs(value)))
        return T.DecimalType(digits, 0) if digits <= DIGITS else T.DoubleType()
    if isinstance(value, float):
        return T.DoubleType()
    if isinstance(value, str):
        return T.StringType()
    if isinstance(value, list):
        kind: T.DataType = T.NullType()
        for each in value:
            kind = _wider(kind, _kind(each))
        return T.ArrayType(kind)
    return T.StructType([T.StructField(name, _kind(value[name])) for name in sorted(value)])


def _wider(one: T.DataType, other: T.DataType) -> T.DataType:
    """Return the type that holds values of both."""
    if one == other or isinstance(other, T.NullType):
        return one
    if isinstance(one, T.NullType):
        return other
    if isinstance(one, T.NumericType) and isinstance(other, T.NumericType):
        if isinstance(one, T.DoubleType) or isinstance(other, T.DoubleType):
            return T.DoubleType()
        digits = max(kind.precision if isinstance(kind, T.DecimalType) else 20 for kind in (one, other))
        return T.DecimalType(min(digits, DIGITS), 0)
    if isinstance(one, T.ArrayType) and isinstance(other, T.ArrayType):
        return T.ArrayType(_wider(one.elementType, other.elementType))
    if isinstance(one, T.StructType) and isinstance(other, T.StructType):
        kinds = {field.name: field.dataType for field in one.fields}
        for field in other.fields:
            kinds[field.name] = _wider(kinds.get(field.name, T.NullType()), field.dataType)
        return T.StructType([T.StructField(name, kinds[name]) for name in sorted(kinds)])
    return T.StringType()


def _final(kind: T.DataType) -> T.DataType:
    """Return a type in which what was null throughout is text."""
    if isinstance(kind, T.NullType):
        return T.StringType()
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_final(kind.elementType))
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(field.name, _final(field.dataType)) for field in kind.fields])
    return kind


def _fit(value: Any, kind: T.DataType) -> Any:
    if value is None:
        return None
    if isinstance(kind, T.StringType):
        return value if isinstance(value, str) else _text(value)
    if isinstance(kind, T.DoubleType):
        return float(value)
    if isinstance(kind, T.DecimalType):
        return Decimal(value)
    if isinstance(kind, T.ArrayType):
        return [_fit(each, kind.elementType) for each in value]
    if isinstance(kind, T.StructType):
        return {field.name: _fit(value.get(field.name), field.dataType) for field in kind.fields}
    return value


def _text(value: Any) -> str:
    """Return a value in a column of text as Spark writes it."""
    if isinstance(value, float):
        return _java_form(repr(float(value)))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
