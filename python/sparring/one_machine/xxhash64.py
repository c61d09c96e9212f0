"""Spark's ``xxhash64`` in NumPy, bit for bit: a whole column at a time.

As in Spark (``XxHash64Function``), the hash of one column is the seed of the next, and a null leaves it as it is.
Rows go through in chunks that fit the second-level cache: NumPy is as fast as its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.one_machine.buffers import bytes_of
from sparring.one_machine.threads import in_threads

U = np.uint64
PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
P1, P2, P3, P4, P5 = map(U, PRIMES)
SPARK_SEED = 42
CHUNK = 16_384
STRIPE = 32
ROTATIONS = {bits: (U(bits), U(64 - bits)) for bits in (1, 7, 11, 12, 18, 23, 27, 31)}


def xxhash64(columns: Sequence[pa.Array | pa.Scalar], rows: int) -> pa.Array:
    """Return Spark's ``xxhash64`` of columns and constants, int64.

    Parameters
    ----------
    columns : sequence of Array or Scalar
        Of atomic types.
    rows : int

    Notes
    -----
    Cost: 4 ns a number, 25 to 40 ns a text of 8 to 20 bytes, for each column and thread; a thread a core.
    """
    hashed = np.full(rows, U(SPARK_SEED))
    for column in columns:
        _fold(hashed, column)
    return pa.array(hashed.view(np.int64))


def hash128(words: Iterable[pa.Array | pa.Scalar], rows: int, beginnings: Sequence[int]) -> np.ndarray:
    """Return one hash beside the other for each of two beginnings, big-endian bytes, shape (rows, 16).

    Parameters
    ----------
    words : iterable of Array or Scalar
        Asked for one after the other, each hashed before the next.
    rows : int
    beginnings : sequence of int
        Two of 32 bits, hashed before the words.
    """
    halves = [np.full(rows, U(SPARK_SEED)) for _ in beginnings]
    for half, beginning in zip(halves, beginnings, strict=True):
        _fold(half, pa.scalar(beginning, pa.int32()))
    for word in words:
        for half in halves:
            _fold(half, word)
    return np.stack(halves, axis=1).byteswap().view(np.uint8)


def _fold(hashed: np.ndarray, word: pa.Array | pa.Scalar) -> None:
    """Hash a column, or a constant, into all rows."""
    if word.is_valid if isinstance(word, pa.Scalar) else word.null_count < len(word):
        in_threads(lambda at: _chunk(hashed[at : at + CHUNK], word, at), range(0, len(hashed), CHUNK))


def _chunk(hashed: np.ndarray, word: pa.Array | pa.Scalar, at: int) -> None:
    with np.errstate(over="ignore"):
        if isinstance(word, pa.Scalar):
            _constant(hashed, word)
        else:
            _column(hashed, word.slice(at, CHUNK))


def _constant(hashed: np.ndarray, value: pa.Scalar) -> None:
    """Hash one value into all rows, once where they are equal as yet."""
    if not len(hashed):
        return
    if (hashed == hashed[0]).all():
        one = hashed[:1].copy()
        _column(one, pa.array([value.as_py()], value.type))
        hashed[:] = one[0]
    else:
        _column(hashed, pa.repeat(value, len(hashed)))


def _column(hashed: np.ndarray, column: pa.Array) -> None:
    before = hashed.copy() if column.null_count else None
    kind = column.type
    if pa.types.is_null(kind):
        return
    if _is_text(kind) or (pa.types.is_decimal(kind) and kind.precision > 18):
        _hash_texts(hashed, *(bytes_of(column) if _is_text(kind) else _big_integers(column)))
    elif kind.bit_width <= 32:
        _hash_int(hashed, _ints(column))
    else:
        _hash_long(hashed, _longs(column))
    if before is not None:
        np.copyto(hashed, before, where=column.is_null().to_numpy(zero_copy_only=False))


def _is_text(kind: pa.DataType) -> bool:
    known = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return any(is_one(kind) for is_one in known)


def _raw(column: pa.Array, kind: type) -> np.ndarray:
    """Return a buffer's values, whatever lies under nulls."""
    width = np.dtype(kind).itemsize
    found: np.ndarray = np.frombuffer(column.buffers()[1], kind, len(column), column.offset * width)
    return found


def _ints(column: pa.Array) -> np.ndarray:
    """Return what Spark hashes as 32 bits, as uint64."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return pc.fill_null(column, False).cast(pa.uint8()).to_numpy(zero_copy_only=False).astype(U)
    if kind == pa.float32():
        numbers = _raw(column, np.float32) + np.float32(0)
        numbers[np.isnan(numbers)] = np.nan
        return numbers.view(np.uint32).astype(U)
    widths: dict[int, type] = {8: np.int8, 16: np.int16, 32: np.int32}
    return _raw(column, widths[kind.bit_width]).astype(np.int32).view(np.uint32).astype(U)


def _longs(column: pa.Array) -> np.ndarray:
    """Return what Spark hashes as 64 bits, a copy as uint64."""
    if pa.types.is_decimal(column.type):
        halves: np.ndarray = np.frombuffer(column.buffers()[1], "<u8", 2 * len(column), 16 * column.offset)
        return halves[::2].copy()
    if column.type == pa.float64():
        # -0.0 + 0.0 is 0.0
        numbers = _raw(column, np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers.view(U)
    return _raw(column, np.uint64).copy()


def _big_integers(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return 128-bit numbers as Java's ``BigInteger.toByteArray``: big-endian, as few bytes as hold the sign."""
    rows = len(column)
    words: np.ndarray = np.frombuffer(column.buffers()[1], np.uint8, 16 * rows, 16 * column.offset)
    big = words.reshape(rows, 16)[:, ::-1]
    sign = np.where(big[:, :1] >= 128, np.uint8(255), np.uint8(0))
    redundant = (big[:, :-1] == sign) & ((big[:, 1:] >= 128) == (sign >= 128))
    lead = np.cumprod(redundant, axis=1).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(16 - lead)])
    return offsets, np.concatenate([big[np.arange(16) >= lead[:, None]], np.zeros(8, np.uint8)])


# -- the hash, in place ------------------------------------------------------------------------------------------------


def _rotate(words: np.ndarray, bits: int) -> None:
    left, right = ROTATIONS[bits]
    carried = words << left
    words >>= right
    words |= carried


def _finish(hashed: np.ndarray) -> None:
    for shift, factor in ((U(33), P2), (U(29), P3)):
        hashed ^= hashed >> shift
        hashed *= factor
    hashed ^= hashed >> U(32)


def _mix_long(hashed: np.ndarray, words: np.ndarray) -> None:
    words *= P2
    _rotate(words, 31)
    words *= P1
    hashed ^= words
    _rotate(hashed, 27)
    hashed *= P1
    hashed += P4


def _mix_int(hashed: np.ndarray, words: np.ndarray) -> None:
    hashed ^= words * P1
    _rotate(hashed, 23)
    hashed *= P2
    hashed += P3


def _hash_long(hashed: np.ndarray, words: np.ndarray) -> None:
    hashed += P5 + U(8)
    _mix_long(hashed, words)
    _finish(hashed)


def _hash_int(hashed: np.ndarray, words: np.ndarray) -> None:
    hashed += P5 + U(4)
    _mix_int(hashed, words)
    _finish(hashed)


def _hash_texts(hashed: np.ndarray, offsets: np.ndarray, data: np.ndarray) -> None:
    """Hash texts, those of one length together."""
    lengths = np.diff(offsets)
    if not len(lengths):
        return
    order = np.argsort(lengths, kind="stable")
    ordered, starts = hashed[order], offsets[:-1][order]
    values, counts = np.unique(lengths, return_counts=True)
    begin = 0
    for length, count in zip(values.tolist(), counts.tolist(), strict=True):
        here = slice(begin, begin + count)
        _hash_length(ordered[here], starts[here], length, data)
        begin += count
    hashed[order] = ordered


def _hash_length(hashed: np.ndarray, starts: np.ndarray, length: int, data: np.ndarray) -> None:
    longs: np.ndarray = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    ints: np.ndarray = np.ndarray((len(data) - 3,), "<u4", data, strides=(1,))
    at = 0
    if length >= STRIPE:
        _stripes(hashed, lambda place: longs[starts + place], length)
        at = length // STRIPE * STRIPE
        hashed += U(length)
    else:
        hashed += P5 + U(length)
    while at + 8 <= length:
        _mix_long(hashed, longs[starts + at])
        at += 8
    if at + 4 <= length:
        _mix_int(hashed, ints[starts + at].astype(U))
        at += 4
    while at < length:
        hashed ^= data[starts + at].astype(U) * P5
        _rotate(hashed, 11)
        hashed *= P1
        at += 1
    _finish(hashed)


def _stripes(hashed: np.ndarray, words: Callable[[int], np.ndarray], length: int) -> None:
    """Hash what is in whole stripes of 32 bytes: four lanes."""
    lanes = [hashed + (P1 + P2), hashed + P2, hashed.copy(), hashed - P1]
    for at in range(0, length - STRIPE + 1, STRIPE):
        for number, lane in enumerate(lanes):
            lane += words(at + 8 * number) * P2
            _rotate(lane, 31)
            lane *= P1
    hashed[:] = 0
    for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True):
        turned = lane.copy()
        _rotate(turned, bits)
        hashed += turned
    for lane in lanes:
        lane *= P2
        _rotate(lane, 31)
        lane *= P1
        hashed ^= lane
        hashed *= P1
        hashed += P4
