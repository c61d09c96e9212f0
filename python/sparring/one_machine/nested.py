"""Arrays, maps and structs; and JSON, as Spark writes and reads it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from sparring.one_machine.casts import cast, mapped
from sparring.one_machine.operators import common_type, in_type
from sparring.one_machine.order import equal_codes, rank_codes
from sparring.one_machine.scope import Scope
from sparring.one_machine.types import Value, arrow_type, repeated

ESCAPED = re.compile(r'["\\\x00-\x1f]')
SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def struct_of(names: Sequence[str], values: Sequence[pa.Array], rows: int) -> pa.Array:
    """Return arrays as the fields of structs."""
    return pa.StructArray.from_arrays(list(values), names=list(names)) if values else pa.nulls(rows, pa.struct([]))


def _array(at: Scope, *columns: Any) -> Value:
    values = [at.array(column) for column in columns]
    rows = at.length
    if not values:
        return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.nulls(0))
    values = _alike(values)
    width = len(values)
    order = np.arange(width * rows).reshape(width, rows).T.ravel()
    offsets = pa.array(np.arange(0, width * rows + 1, width, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.concat_arrays(values).take(pa.array(order)))


def _alike(values: list[pa.Array]) -> list[pa.Array]:
    """Return arrays in one type; structs field by field."""
    if len({value.type for value in values}) == 1:
        return values
    if all(pa.types.is_struct(value.type) for value in values):
        fields = [_alike([value.field(at) for value in values]) for at in range(values[0].type.num_fields)]
        names = [field.name for field in values[0].type]
        return [pa.StructArray.from_arrays([field[at] for field in fields], names=names) for at in range(len(values))]
    kind = common_type([value.type for value in values])
    return [in_type(value, kind) for value in values]


def at_place(value: Value, key: Any, rows: int) -> Value:
    """Return the field of a struct, the value of a map's key or the place of an array; null where it is not there."""
    if pa.types.is_struct(value.type):
        if isinstance(value, pa.Scalar):
            value = repeated(value, rows)
        return pc.struct_field(value, key.as_py() if isinstance(key, pa.Scalar) else key)
    if pa.types.is_map(value.type):
        return _in_map(value, key)
    lists = value if isinstance(value, pa.Array) else repeated(value, rows)
    starts, ends = lists.offsets.to_numpy()[:-1], lists.offsets.to_numpy()[1:]
    place = np.asarray(key.fill_null(-1) if isinstance(key, pa.Array) else key if isinstance(key, int) else key.as_py())
    at = starts + place
    outside = (place < 0) | (at >= ends)
    if lists.null_count:
        outside |= lists.is_null().to_numpy(zero_copy_only=False)
    return lists.values.take(pa.array(np.where(outside, 0, at), mask=np.broadcast_to(outside, at.shape)))


def _in_map(value: Value, key: Any) -> Value:
    """Return what one map holds for each of many keys."""
    if not isinstance(value, pa.Scalar) or not isinstance(key, pa.Array):
        raise TypeError("the data half looks up columns in constant maps only")
    if not value.is_valid:
        return pa.nulls(len(key), value.type.item_type)
    entries = value.values
    keys, items = entries.field(0), entries.field(1)
    return items.take(pc.index_in(key, value_set=keys))


def _get(at: Scope, column: Any, place: Any) -> Value:
    key = at.value(place)
    return at_place(at.value(column), key, at.rows)


def _position(at: Scope, column: Any, wanted: Any) -> Value:
    """Return the first place, from 1 on, of a value in arrays; 0 where it is not, null where either is null."""
    lists, values = at.array(column), at.array(wanted)
    starts = lists.offsets.to_numpy()
    owners = np.repeat(np.arange(len(lists)), np.diff(starts))
    flat = lists.values.slice(int(starts[0]) if len(lists) else 0, len(owners))
    same = np.flatnonzero(pc.fill_null(pc.equal(flat, values.take(pa.array(owners))), False))
    places = np.zeros(len(lists), dtype=np.int64)
    rows = owners[same][::-1]
    places[rows] = same[::-1] - (starts[:-1] - starts[0])[rows] + 1
    unknown = pc.or_(lists.is_null(), values.is_null()).to_numpy(zero_copy_only=False)
    return pa.array(places, mask=unknown)


def _largest(at: Scope, column: Any) -> Value:
    """Return the largest value of each array; null of none."""
    lists = at.array(column)
    owners, flat = list_parents(lists), lists.flatten()
    order = np.lexsort([rank_codes(flat), owners])
    last = np.searchsorted(owners[order], np.arange(len(lists)), side="right") - 1
    empty = pc.fill_null(pc.equal(pc.list_value_length(lists), 0), True).to_numpy(zero_copy_only=False)
    return flat.take(pa.array(np.where(empty, 0, order[last] if len(order) else 0), mask=empty))


def list_parents(lists: pa.Array) -> np.ndarray:
    """Return the row of each value of arrays."""
    parents: np.ndarray = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return parents


def _size(at: Scope, column: Any) -> Value:
    """Return the number of values; -1 for null, as Spark has it."""
    return pc.fill_null(pc.list_value_length(at.array(column)), -1).cast(pa.int32())


def _sorted(at: Scope, column: Any) -> Value:
    lists = at.array(column)
    codes = rank_codes(lists.values, nulls_first=False)
    owners = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
    first = lists.offsets[0].as_py() if len(lists) else 0
    order = np.lexsort([codes[first : first + len(owners)], owners]) + first
    offsets = pa.array((lists.offsets.to_numpy() - first).astype(np.int32))
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(offsets, lists.values.take(pa.array(order)), mask=mask)


def _distinct(at: Scope, column: Any) -> Value:
    return _first_of_each(at.array(column))


def _first_of_each(lists: pa.Array) -> pa.Array:
    offsets = lists.offsets.to_numpy()
    owners = np.repeat(np.arange(len(lists)), np.diff(offsets))
    values = lists.values.slice(int(offsets[0]) if len(lists) else 0, len(owners))
    codes = equal_codes(values)
    _, firsts = np.unique(owners * (codes.max(initial=0) + 1) + codes, return_index=True)
    kept = np.sort(firsts)
    ends = np.concatenate([[0], np.cumsum(np.bincount(owners[kept], minlength=len(lists)))]).astype(np.int32)
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(ends), values.take(pa.array(kept)), mask=mask)


def _union(at: Scope, left: Any, right: Any) -> Value:
    both = [at.array(side).to_pylist() for side in (left, right)]
    kind = common_type([at.array(side).type.value_type for side in (left, right)])
    joined = [None if one is None or two is None else one + two for one, two in zip(*both, strict=True)]
    return _first_of_each(pa.array(joined, pa.list_(kind)))


def _entries(at: Scope, column: Any) -> Value:
    maps = at.array(column)
    kind = pa.list_(pa.struct([pa.field("key", maps.type.key_type), pa.field("value", maps.type.item_type)]))
    pairs = [None if entries is None else [{"key": k, "value": v} for k, v in entries] for entries in maps.to_pylist()]
    return pa.array(pairs, kind)


# -- JSON --------------------------------------------------------------------------------------------------------------


def _to_json(at: Scope, column: Any, options: Any = None) -> Value:
    keep_nulls = dict(options or {}).get("ignoreNullFields") == "false"
    value = at.array(column)
    text = json_text(value, keep_nulls)
    return pc.if_else(pc.is_null(value), None, text) if value.null_count else text


def json_text(values: pa.Array, keep_nulls: bool) -> pa.Array:
    """Return values as Spark's ``to_json`` writes them; ``null`` for null.

    Notes
    -----
    Whole columns at a time, but for maps.
    """
    kind = values.type
    if pa.types.is_struct(kind):
        text = _struct_text(values, keep_nulls)
    elif pa.types.is_list(kind):
        text = _list_text(values, keep_nulls)
    elif pa.types.is_map(kind):
        text = _map_text(values, keep_nulls)
    else:
        text = _plain_text(values)
    return pc.fill_null(pc.if_else(values.is_valid(), text, None), "null")


def _plain_text(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return values.cast(pa.string())
    if pa.types.is_binary(kind):
        return _quoted(mapped(values, lambda data: base64.b64encode(data).decode(), pa.string()))
    text = cast(values, T.StringType())
    if pa.types.is_floating(kind):
        finite = pc.is_finite(values)
        return pc.if_else(finite, text, _quoted(text))
    return text if pa.types.is_decimal(kind) else _quoted(text)


def _quoted(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, ESCAPED.pattern)).as_py():
        texts = mapped(texts, lambda text: ESCAPED.sub(_escape, text), pa.string())
    return pc.binary_join_element_wise('"', texts, '"', "")


def _escape(found: re.Match[str]) -> str:
    letter = found.group()
    return SHORT.get(letter) or f"\\u{ord(letter):04X}"


def _struct_text(values: pa.Array, keep_nulls: bool) -> pa.Array:
    pieces = []
    for at, field in enumerate(values.type):
        child = pc.struct_field(values, at)
        name = json.dumps(field.name, ensure_ascii=False)
        piece = pc.binary_join_element_wise(f"{name}:", json_text(child, keep_nulls), ",", "")
        pieces.append(piece if keep_nulls else pc.if_else(child.is_valid(), piece, ""))
    if not pieces:
        return repeated(pa.scalar("{}"), len(values))
    # The last comma parts nothing.
    inner = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*pieces, ""), 0, -1)
    return pc.binary_join_element_wise("{", inner, "}", "")


def _list_text(values: pa.Array, keep_nulls: bool) -> pa.Array:
    inner = json_text(values.values, keep_nulls)
    joined = pc.binary_join(pa.ListArray.from_arrays(values.offsets, inner), ",")
    return pc.binary_join_element_wise("[", joined, "]", "")


def _map_text(values: pa.Array, keep_nulls: bool) -> pa.Array:
    keys = cast(values.keys, T.StringType())
    pairs = pc.binary_join_element_wise(_quoted(keys), json_text(values.items, keep_nulls), ":")
    joined = pc.binary_join(pa.ListArray.from_arrays(values.offsets, pairs), ",")
    return pc.binary_join_element_wise("{", joined, "}", "")


def json_array(texts: pa.Array, kind: T.DataType) -> pa.Array:
    """Return texts of JSON as values of a type; what does not fit is null."""
    return mapped(texts, lambda text: _fitting(_read(text), kind), arrow_type(kind))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _fitting(value: Any, kind: T.DataType) -> Any:
    if value is None:
        return None
    if isinstance(kind, T.StructType):
        return {field.name: _fitting(value.get(field.name), field.dataType) for field in kind.fields}
    if isinstance(kind, T.ArrayType):
        return [_fitting(each, kind.elementType) for each in value]
    if isinstance(kind, T.MapType):
        return [(key, _fitting(each, kind.valueType)) for key, each in value.items()]
    return cast(pa.array([value]), kind)[0].as_py() if not isinstance(kind, T.StringType) else str(value)


NESTED: dict[str, Callable[..., Value]] = {
    "array": _array,
    "array_distinct": _distinct,
    "array_max": _largest,
    "array_position": _position,
    "array_sort": _sorted,
    "array_union": _union,
    "get": _get,
    "map_entries": _entries,
    "size": _size,
    "sort_array": _sorted,
    "to_json": _to_json,
}
