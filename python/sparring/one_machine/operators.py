"""Operators and methods of columns with Spark's meaning: integers wrap, division by 0 is null, NaN equals NaN."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.one_machine.casts import cast
from sparring.one_machine.scope import Scope
from sparring.one_machine.types import Value, spark_type

# From narrow to wide: of two, Spark takes the later.
WIDTHS = (pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64())


def common_type(kinds: Sequence[pa.DataType]) -> pa.DataType:
    """Return the type that values of several types are brought to."""
    known = [kind for kind in kinds if not pa.types.is_null(kind)]
    if not known:
        return pa.null()
    if len(set(known)) == 1:
        return known[0]
    if all(kind in WIDTHS or pa.types.is_decimal(kind) for kind in known):
        decimals = [kind for kind in known if pa.types.is_decimal(kind)]
        if not decimals:
            return max(known, key=WIDTHS.index)
        if any(pa.types.is_floating(kind) for kind in known):
            return pa.float64()
        scale = max(kind.scale for kind in decimals)
        whole = max(kind.precision - kind.scale for kind in decimals)
        return pa.decimal128(min(max(whole, 19) + scale, 38), scale)
    if any(pa.types.is_timestamp(kind) for kind in known) and all(pa.types.is_temporal(kind) for kind in known):
        return next(kind for kind in known if pa.types.is_timestamp(kind))
    return pa.string() if any(pa.types.is_string(kind) for kind in known) else known[0]


def in_type(value: Value, kind: pa.DataType) -> Value:
    """Return a value in another type, as Spark casts it."""
    if value.type == kind:
        return value
    wanted = spark_type(kind)
    if isinstance(value, pa.Scalar):
        return cast(pa.array([value.as_py()], value.type), wanted)[0]
    return cast(value, wanted)


def _both(at: Scope, left: Any, right: Any) -> tuple[Value, Value]:
    one, other = at.operand(left), at.operand(right)
    if one.type == other.type:
        return one, other
    kinds = [one.type, other.type]
    # Spark compares and adds text to numbers as numbers.
    if any(pa.types.is_string(kind) for kind in kinds) and any(kind in WIDTHS[1:] for kind in kinds):
        kinds = [pa.float64()]
    kind = common_type(kinds)
    return in_type(one, kind), in_type(other, kind)


def _is_decimal(value: Value) -> bool:
    return bool(pa.types.is_decimal(value.type))


# -- arithmetic --------------------------------------------------------------------------------------------------------


def _arithmetic(name: str) -> Callable[..., Value]:
    function, exact = getattr(pc, name), EXACT[name]

    def compute(at: Scope, left: Any, right: Any) -> Value:
        one, other = _both(at, left, right)
        return _decimals(one, other, exact, SCALES[name](one, other)) if _is_decimal(one) else function(one, other)

    return compute


# Of decimals: how they are computed, and how many places the answer has.
EXACT: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
}
SCALES: dict[str, Callable[[Value, Value], int]] = {
    "add": lambda one, other: max(one.type.scale, other.type.scale),
    "subtract": lambda one, other: max(one.type.scale, other.type.scale),
    "multiply": lambda one, other: one.type.scale + other.type.scale,
}


def _divide(at: Scope, left: Any, right: Any) -> Value:
    one, other = (in_type(at.operand(side), pa.float64()) for side in (left, right))
    return pc.divide(one, pc.if_else(pc.equal(other, 0.0), pa.scalar(None, pa.float64()), other))


def remainder(one: Value, other: Value) -> Value:
    """Return Java's remainder, which has the sign of the dividend; null where the divisor is 0."""
    if _is_decimal(one):
        return _decimals(one, other, lambda a, b: a - b * int(a / b) if b else None, one.type.scale)
    length = max((len(side) for side in (one, other) if isinstance(side, pa.Array)), default=1)
    arrays = [side if isinstance(side, pa.Array) else pa.repeat(side, length) for side in (one, other)]
    mask = pc.or_(pc.fill_null(pc.equal(arrays[1], 0), True), pc.is_null(arrays[0]))
    plain = [side.fill_null(1).to_numpy(zero_copy_only=False) for side in arrays]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.fmod(plain[0], plain[1])
    return pa.array(found, arrays[0].type, mask=mask.to_numpy(zero_copy_only=False))


def _decimals(one: Value, other: Value, function: Callable[[Decimal, Decimal], Decimal | None], scale: int) -> Value:
    """Return decimals computed in Python, of 38 digits."""
    lefts, rights = (side.to_pylist() if isinstance(side, pa.Array) else None for side in (one, other))
    rows = len(lefts if lefts is not None else rights or [None])
    lefts, rights = (
        values if values is not None else [side.as_py()] * rows
        for values, side in zip((lefts, rights), (one, other), strict=True)
    )
    pairs = zip(lefts, rights, strict=True)
    return pa.array([None if None in pair else function(*pair) for pair in pairs], pa.decimal128(38, scale))


def _remainder(at: Scope, left: Any, right: Any) -> Value:
    return remainder(*_both(at, left, right))


def _power(at: Scope, left: Any, right: Any) -> Value:
    return pc.power(*(in_type(at.operand(side), pa.float64()) for side in (left, right)))


def _negate(at: Scope, value: Any) -> Value:
    return pc.negate(at.value(value))


# -- comparison and logic ----------------------------------------------------------------------------------------------


def _compare(name: str) -> Callable[..., Value]:
    function = getattr(pc, name)

    def compare(at: Scope, left: Any, right: Any) -> Value:
        one, other = _both(at, left, right)
        found = function(one, other)
        return _with_nan(name, one, other, found) if pa.types.is_floating(one.type) else found

    return compare


def _with_nan(name: str, one: Value, other: Value, found: Value) -> Value:
    """Return a comparison in which NaN equals NaN and is larger than all else."""
    odd = [pc.fill_null(pc.is_nan(side), False) for side in (one, other)]
    if not any(mask.as_py() if isinstance(mask, pa.Scalar) else pc.any(mask).as_py() for mask in odd):
        return found
    ranks = [pc.if_else(mask, 1, 0) for mask in odd]
    either = pc.or_(*odd)
    told = pc.if_else(either, getattr(pc, name)(*ranks), found)
    unknown = pc.or_(*(pc.is_null(side) for side in (one, other)))
    return pc.if_else(unknown, pa.scalar(None, pa.bool_()), told)


def _and(at: Scope, left: Any, right: Any) -> Value:
    return pc.and_kleene(at.operand(left), at.operand(right))


def _or(at: Scope, left: Any, right: Any) -> Value:
    return pc.or_kleene(at.operand(left), at.operand(right))


def _invert(at: Scope, value: Any) -> Value:
    return pc.invert(at.value(value))


def _swapped(function: Callable[..., Value]) -> Callable[..., Value]:
    return lambda at, left, right: function(at, right, left)


# -- methods -----------------------------------------------------------------------------------------------------------


def _is_null(at: Scope, value: Any) -> Value:
    return pc.is_null(at.value(value))


def _is_not_null(at: Scope, value: Any) -> Value:
    return pc.is_valid(at.value(value))


def _is_in(at: Scope, value: Any, *wanted: Any) -> Value:
    listed = wanted[0] if len(wanted) == 1 and isinstance(wanted[0], (list, tuple, set)) else wanted
    found = at.value(value)
    known = pc.is_in(found, value_set=pa.array(list(listed), None if listed else found.type).cast(found.type))
    return pc.if_else(pc.is_null(found), pa.scalar(None, pa.bool_()), known)


def _between(at: Scope, value: Any, low: Any, high: Any) -> Value:
    return pc.and_kleene(_compare("greater_equal")(at, value, low), _compare("less_equal")(at, value, high))


def _matches(at: Scope, value: Any, pattern: str) -> Value:
    # Java and RE2 read the data half's patterns alike.
    return pc.match_substring_regex(at.value(value), pattern)


def _substring(at: Scope, value: Any, start: Any, length: Any) -> Value:
    return substring(at.array(value), at.operand(start), at.operand(length))


def substring(texts: pa.Array, start: Value, length: Value) -> pa.Array:
    """Return Spark's substring: places count from 1."""
    if isinstance(start, pa.Scalar) and isinstance(length, pa.Scalar):
        first = max(start.as_py() - 1, 0)
        return pc.utf8_slice_codeunits(texts, first, first + max(length.as_py(), 0))
    begins, widths = (
        side.to_pylist() if isinstance(side, pa.Array) else [side.as_py()] * len(texts) for side in (start, length)
    )
    cut = [
        None if None in (text, begin, width) else text[max(begin - 1, 0) : max(begin - 1, 0) + max(width, 0)]
        for text, begin, width in zip(texts.to_pylist(), map(_whole, begins), map(_whole, widths), strict=True)
    ]
    return pa.array(cut, pa.string())


def _whole(value: Any) -> Any:
    return None if value is None else operator.index(value)


OPERATORS: dict[str, Callable[..., Value]] = {
    "__add__": _arithmetic("add"),
    "__radd__": _swapped(_arithmetic("add")),
    "__sub__": _arithmetic("subtract"),
    "__rsub__": _swapped(_arithmetic("subtract")),
    "__mul__": _arithmetic("multiply"),
    "__rmul__": _swapped(_arithmetic("multiply")),
    "__truediv__": _divide,
    "__rtruediv__": _swapped(_divide),
    "__mod__": _remainder,
    "__rmod__": _swapped(_remainder),
    "__pow__": _power,
    "__rpow__": _swapped(_power),
    "__neg__": _negate,
    "__invert__": _invert,
    "__and__": _and,
    "__rand__": _swapped(_and),
    "__or__": _or,
    "__ror__": _swapped(_or),
    "__eq__": _compare("equal"),
    "__ne__": _compare("not_equal"),
    "__lt__": _compare("less"),
    "__le__": _compare("less_equal"),
    "__gt__": _compare("greater"),
    "__ge__": _compare("greater_equal"),
    "isNull": _is_null,
    "isNotNull": _is_not_null,
    "isin": _is_in,
    "between": _between,
    "rlike": _matches,
    "substr": _substring,
}
