"""Variable-length integers of protocol buffers, whole arrays at a time.

Source: Protocol Buffers documentation, "Encoding".
"""

from __future__ import annotations

import numpy as np


def size(values: np.ndarray) -> np.ndarray:
    """Return the number of bytes that each value takes.

    Examples
    --------
    >>> size(np.array([0, 127, 128, 16384])).tolist()
    [1, 1, 2, 3]
    """
    sizes = np.ones(len(values), np.int64)
    most = int(values.max()) if len(values) else 0
    for shift in range(7, 64, 7):
        if most >> shift == 0:
            break
        sizes += values >= 1 << shift
    return sizes


def encode(values: np.ndarray) -> np.ndarray:
    """Return the bytes of all values, one after the other.

    Parameters
    ----------
    values : ndarray of non-negative integers

    Returns
    -------
    ndarray of uint8

    Examples
    --------
    >>> encode(np.array([1, 300])).tobytes().hex()
    '01ac02'
    """
    sizes = size(values)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    rest = values.astype(np.uint64)
    for number in range(int(sizes.max()) if len(sizes) else 0):
        longer = sizes > number
        low = rest[longer] >> np.uint64(7 * number)
        more = (sizes[longer] > number + 1).astype(np.uint8) << 7
        out[starts[longer] + number] = (low & np.uint64(0x7F)).astype(np.uint8) | more
    return out


def decode(data: np.ndarray) -> np.ndarray:
    """Return the values in ``data``, an array of uint8 that holds nothing but varints.

    Raises
    ------
    ValueError
        If the last one is cut off.

    Examples
    --------
    >>> decode(np.array([0x01, 0xAC, 0x02], np.uint8)).tolist()
    [1, 300]
    """
    last = data < 0x80
    if len(data) and not last[-1]:
        raise ValueError("a varint is cut off")
    if last.all():
        return data.astype(np.int64)
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(len(data)) - np.repeat(starts, ends - starts + 1)
    shifted = (data & 0x7F).astype(np.int64) << (7 * place)
    return np.add.reduceat(shifted, starts)


def encode_one(value: int) -> bytes:
    """Return the bytes of one value."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def decode_one(data: bytes, at: int) -> tuple[int, int]:
    """Return the value that starts at ``at``, and where the next field starts.

    Raises
    ------
    ValueError
        If it is cut off.
    """
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a varint is cut off")
