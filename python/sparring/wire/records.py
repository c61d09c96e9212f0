"""Encoded rows side by side in one buffer, and request bodies cut from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa


def binary(data: np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
    """Return an array of byte strings that lie in ``data`` one after the other and stop at ``ends``."""
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), buffers)


def offsets_of(records: pa.LargeBinaryArray) -> np.ndarray:
    """Return the ``n + 1`` places in the buffer where records start and stop."""
    return np.frombuffer(records.buffers()[1], np.int64)[records.offset : records.offset + len(records) + 1]


def joined(records: pa.LargeBinaryArray) -> bytes:
    """Return all records one after the other.

    Examples
    --------
    >>> joined(pa.array([b"one,", b"two"], pa.large_binary())[1:])
    b'two'
    """
    if len(records) == 0:
        return b""
    offsets = offsets_of(records)
    return records.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()


def cuts(sizes: np.ndarray, most_bytes: int, most_rows: int) -> Iterator[slice]:
    """Yield the fewest slices of consecutive records within both limits.

    Parameters
    ----------
    sizes : ndarray of int
        Bytes of each record.
    most_bytes, most_rows : int
        A record larger than ``most_bytes`` has a slice of its own.

    Examples
    --------
    >>> list(cuts(np.array([3, 3, 9, 1]), most_bytes=6, most_rows=10))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + most_bytes, side="right"))
        stop = min(max(stop, start + 1), start + most_rows, len(sizes))
        yield slice(start, stop)
        start = stop
