"""Functions of numbers, text and times, a column at a time, as Spark defines them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from sparring.engine.own import BEGINNINGS
from sparring.one_machine.buffers import hexadecimal
from sparring.one_machine.casts import DAY, MICROS, cast, floor_divide, mapped, masked
from sparring.one_machine.java_times import parse_times
from sparring.one_machine.md5 import md5
from sparring.one_machine.operators import common_type, in_type, remainder, substring
from sparring.one_machine.scope import Scope
from sparring.one_machine.types import Value
from sparring.one_machine.xxhash64 import hash128, xxhash64

WIDE = Context(prec=80)


def _coalesce(at: Scope, *columns: Any) -> Value:
    values = [at.value(column) for column in columns]
    kind = common_type([value.type for value in values])
    return pc.coalesce(*(in_type(value, kind) for value in values))


def _hashed(at: Scope, *columns: Any) -> Value:
    return xxhash64([at.value(column) for column in columns], at.length)


def _hash128(at: Scope, *words: Any) -> Value:
    """Return 32 hexadecimal digits; a word is let go once it is hashed."""
    return hexadecimal(hash128((at.value(word) for word in words), at.length, BEGINNINGS))


# -- numbers -----------------------------------------------------------------------------------------------------------


def _abs(at: Scope, column: Any) -> Value:
    return pc.abs(at.value(column))


def _ceil(at: Scope, column: Any) -> Value:
    return _rounded(at.array(column), pc.ceil, ROUND_CEILING)


def _floor(at: Scope, column: Any) -> Value:
    return _rounded(at.array(column), pc.floor, ROUND_FLOOR)


def _rounded(values: pa.Array, of_float: Callable[[pa.Array], pa.Array], how: str) -> pa.Array:
    kind = values.type
    if pa.types.is_decimal(kind):
        whole = pa.decimal128(min(kind.precision - kind.scale + 1, 38), 0)
        return mapped(values, lambda value: value.quantize(Decimal(1), how, WIDE), whole)
    return cast(of_float(values.cast(pa.float64())), T.LongType())


def _round(at: Scope, column: Any, scale: int = 0) -> Value:
    """Round half up, as Spark's BigDecimal does; of doubles."""
    numbers = at.array(column).cast(pa.float64())
    return mapped(numbers, lambda value: _half_up(value, scale), pa.float64())


def _half_up(value: float, scale: int) -> float:
    from decimal import ROUND_HALF_UP

    if not np.isfinite(value):
        return value
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, WIDE))


def _pmod(at: Scope, column: Any, by: Any) -> Value:
    one, other = at.value(column), at.value(by)
    kind = common_type([one.type, other.type])
    divisor = in_type(other, kind)
    found = remainder(in_type(one, kind), divisor)
    return pc.if_else(pc.less(found, 0), pc.add(found, divisor), found)


def _div(at: Scope, column: Any, by: Any) -> Value:
    """Return whole numbers divided, cut towards zero, int64."""
    return pc.divide(in_type(at.value(column), pa.int64()), in_type(at.value(by), pa.int64()))


def _nanvl(at: Scope, column: Any, other: Any) -> Value:
    value, instead = at.value(column), at.value(other)
    kind = common_type([value.type, instead.type])
    value = in_type(value, kind)
    return pc.if_else(pc.fill_null(pc.is_nan(value), False), in_type(instead, kind), value)


def _least(at: Scope, *columns: Any) -> Value:
    return _extreme(at, columns, pc.less)


def _greatest(at: Scope, *columns: Any) -> Value:
    return _extreme(at, columns, pc.greater)


def _extreme(at: Scope, columns: tuple[Any, ...], better: Callable[..., Any]) -> Value:
    """Return the least or largest of several columns; nulls do not count."""
    values = [at.array(column) for column in columns]
    kind = common_type([value.type for value in values])
    found = in_type(values[0], kind)
    for value in values[1:]:
        other = in_type(value, kind)
        if pa.types.is_struct(kind):
            take = _is_better_struct(other, found, better)
        else:
            take = pc.or_kleene(pc.is_null(found), better(other, found))
        found = pc.if_else(pc.fill_null(take, False), other, found)
    return found


def _is_better_struct(other: pa.Array, found: pa.Array, better: Callable[..., Any]) -> pa.Array:
    from sparring.one_machine.order import rank_codes

    ranks = rank_codes(pa.concat_arrays([other, found]))
    return better(pa.array(ranks[: len(other)]), pa.array(ranks[len(other) :]))


def _shift_right(at: Scope, column: Any, places: Any) -> Value:
    value, by = at.array(column), at.value(places)
    wide = by.cast(value.type) if isinstance(by, pa.Array) else pa.scalar(by.as_py(), value.type)
    # Java counts places modulo the width.
    return pc.shift_right(value, pc.bit_wise_and(wide, value.type.bit_width - 1))


def _shift_right_unsigned(at: Scope, column: Any, places: int) -> Value:
    values = at.array(column)
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
    return masked((numbers >> np.uint64(places)).view(np.int64), values)


# -- text --------------------------------------------------------------------------------------------------------------


def text_of(value: Value) -> Value:
    """Return a value as text, as Spark does for functions of text."""
    return in_type(value, pa.string())


def _length_of(at: Scope, column: Any) -> Value:
    value = at.value(column)
    if pa.types.is_binary(value.type):
        return pc.binary_length(value).cast(pa.int32())
    return pc.utf8_length(text_of(value)).cast(pa.int32())


def _concat(at: Scope, *columns: Any) -> Value:
    return pc.binary_join_element_wise(*(text_of(at.value(column)) for column in columns), "")


def _concat_ws(at: Scope, separator: str, *columns: Any) -> Value:
    values = [at.value(column) for column in columns]
    if len(values) == 1 and isinstance(values[0], pa.Array) and pa.types.is_list(values[0].type):
        return pc.fill_null(pc.binary_join(without_nulls(values[0]), separator), "")
    if len(values) == 1:
        return pc.fill_null(text_of(values[0]), "")
    texts = [text_of(value) for value in values]
    # Each with the separator before it; the first one parts nothing.
    pieces = [pc.if_else(pc.is_valid(text), pc.binary_join_element_wise(separator, text, ""), "") for text in texts]
    return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*pieces, ""), len(separator))


def without_nulls(lists: pa.Array) -> pa.Array:
    """Return arrays without the values that are null."""
    if not lists.values.null_count:
        return lists
    before = np.concatenate([[0], np.cumsum(lists.values.is_valid().to_numpy(zero_copy_only=False))])
    offsets = pa.array(before[lists.offsets.to_numpy()].astype(np.int32))
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(offsets, lists.values.drop_null(), mask=mask)


def _lower(at: Scope, column: Any) -> Value:
    return pc.utf8_lower(at.value(column))


def _trim(at: Scope, column: Any) -> Value:
    return pc.utf8_trim(text_of(at.value(column)), " ")


def _left_pad(at: Scope, column: Any, width: int, padding: str) -> Value:
    if getattr(column, "call", "") == "hex" and (width, padding) == (16, "0"):
        # All digits of a hash: no zero is taken away to be put back.
        return _digits(at.array(column.arguments[0]))
    return pc.utf8_slice_codeunits(pc.utf8_lpad(at.value(column), width, padding), 0, width)


def _translate(at: Scope, column: Any, letters: str, replacements: str) -> Value:
    texts = text_of(at.array(column))
    pairs = {letter: replacements[at_] if at_ < len(replacements) else "" for at_, letter in enumerate(letters)}
    for letter, replacement in pairs.items():
        if pc.any(pc.match_substring(texts, letter)).as_py():
            if any(later in replacement for later in pairs):
                table = str.maketrans(pairs)
                return mapped(texts, partial(_translated, table), pa.string())
            texts = pc.replace_substring(texts, letter, replacement)
    return texts


def _translated(table: dict[int, str], text: str) -> str:
    return text.translate(table)


def _regexp_replace(at: Scope, column: Any, pattern: str, replacement: str) -> Value:
    return mapped(at.array(column), lambda text: re.sub(pattern, replacement, text), pa.string())


def _substring(at: Scope, column: Any, start: Any, length: Any) -> Value:
    return substring(text_of(at.array(column)), at.value(start), at.value(length))


def _hexadecimal(at: Scope, column: Any) -> Value:
    """Return whole numbers in hexadecimal digits, without zeros in front."""
    values = at.array(column)
    return pc.if_else(pc.equal(values, 0), "0", pc.utf8_ltrim(_digits(values), "0"))


def _digits(values: pa.Array) -> pa.Array:
    """Return whole numbers in 16 hexadecimal digits."""
    words = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    text = hexadecimal(np.ascontiguousarray(words).byteswap().view(np.uint8).reshape(-1, 8), upper=True)
    return pc.if_else(values.is_valid(), text, None) if values.null_count else text


def _md5(at: Scope, column: Any) -> Value:
    value = at.value(column)
    if isinstance(value, pa.Scalar):
        value = pa.array([value.as_py()], value.type)
    return md5(value.cast(pa.binary()))


def _conv(at: Scope, column: Any, base: int, to: int) -> Value:
    return mapped(at.array(column), lambda text: str(int(text, base)), pa.string())


def _bin(at: Scope, column: Any) -> Value:
    return mapped(at.array(column), lambda number: f"{number % 2**64:b}", pa.string())


def _format_number(at: Scope, column: Any, digits: int) -> Value:
    step = Decimal(1).scaleb(-digits)
    return mapped(at.array(column), lambda value: f"{value.quantize(step, ROUND_HALF_EVEN, WIDE):,f}", pa.string())


# -- times -------------------------------------------------------------------------------------------------------------


def _unix_micros(at: Scope, column: Any) -> Value:
    return at.array(column).cast(pa.int64())


def _unix_date(at: Scope, column: Any) -> Value:
    return at.array(column).cast(pa.int32())


def _date_of_days(at: Scope, column: Any) -> Value:
    return at.array(column).cast(pa.int32()).cast(pa.date32())


def _time_of_micros(at: Scope, column: Any) -> Value:
    return at.array(column).cast(pa.int64()).cast(pa.timestamp("us", "UTC"))


def _time_of_seconds(at: Scope, column: Any) -> Value:
    return cast(at.array(column), T.TimestampType())


def _year(at: Scope, column: Any) -> Value:
    return pc.year(at.array(column)).cast(pa.int32())


def _hour(at: Scope, column: Any) -> Value:
    return pc.hour(at.array(column)).cast(pa.int32())


def _minute(at: Scope, column: Any) -> Value:
    return pc.minute(at.array(column)).cast(pa.int32())


def _date_part(at: Scope, part: Any, column: Any) -> Value:
    """Return ``SECOND``: seconds with six decimal places."""
    micros = at.array(column).cast(pa.int64())
    rest = pc.subtract(micros, pc.multiply(floor_divide(micros, 60 * MICROS), 60 * MICROS))
    return mapped(rest, lambda value: Decimal(value).scaleb(-6), pa.decimal128(8, 6))


def _to_timestamp(at: Scope, column: Any, form: str | None = None) -> Value:
    texts = at.array(column)
    if form is None:
        return cast(texts, T.TimestampType())
    return parse_times(texts, form).cast(pa.timestamp("us", "UTC"))


def _to_date(at: Scope, column: Any, form: str | None = None) -> Value:
    texts = at.array(column)
    if form is None:
        return cast(texts, T.DateType())
    return floor_divide(parse_times(texts, form), DAY).cast(pa.int32()).cast(pa.date32())


# -- where a row was read ----------------------------------------------------------------------------------------------


def _row_number(at: Scope) -> Value:
    return pa.array(np.arange(at.rows))


def _no_file(at: Scope) -> Value:
    return pa.scalar("")


def _no_block(at: Scope) -> Value:
    return pa.scalar(0, pa.int64())


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": _abs,
    "bin": _bin,
    "ceil": _ceil,
    "coalesce": _coalesce,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "conv": _conv,
    "date_from_unix_date": _date_of_days,
    "date_part": _date_part,
    "div": _div,
    "floor": _floor,
    "format_number": _format_number,
    "greatest": _greatest,
    "hex": _hexadecimal,
    "hour": _hour,
    "input_file_block_start": _no_block,
    "input_file_name": _no_file,
    "least": _least,
    "length": _length_of,
    "lower": _lower,
    "lpad": _left_pad,
    "md5": _md5,
    "minute": _minute,
    "monotonically_increasing_id": _row_number,
    "nanvl": _nanvl,
    "pmod": _pmod,
    "regexp_replace": _regexp_replace,
    "round": _round,
    "shiftright": _shift_right,
    "shiftrightunsigned": _shift_right_unsigned,
    "substring": _substring,
    "timestamp_micros": _time_of_micros,
    "timestamp_seconds": _time_of_seconds,
    "to_date": _to_date,
    "to_timestamp": _to_timestamp,
    "translate": _translate,
    "trim": _trim,
    "unix_date": _unix_date,
    "unix_micros": _unix_micros,
    "hash128": _hash128,
    "xxhash64": _hashed,
    "year": _year,
}
