"""Numbers as text and lists of them, a whole column at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.wire.records import binary
from sparring.wire.rows import FormatError


def texts(values: np.ndarray) -> pa.StringArray:
    """Return the shortest text that reads back as each number; whole numbers have no point.

    Examples
    --------
    >>> texts(np.array([0.1, 2.0], np.float32)).to_pylist()
    ['0.1', '2']
    """
    return pa.array(np.ascontiguousarray(values)).cast(pa.string())


def listed(offsets: np.ndarray, words: pa.StringArray, separator: str) -> pa.LargeStringArray:
    """Return the words of each row, joined."""
    rows = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), words.cast(pa.large_string()))
    return pc.binary_join(rows, pa.scalar(separator, pa.large_string()))


def wrapped(before: str, middle: pa.Array, after: str) -> pa.LargeStringArray:
    """Return each text between two constant ones."""
    return concatenated([before, middle, after], "")


def concatenated(parts: list[pa.Array | str], separator: str) -> pa.LargeStringArray:
    """Return the texts of some columns, row by row; a string stands in every row."""
    columns = [pa.scalar(p, pa.large_string()) if isinstance(p, str) else p.cast(pa.large_string()) for p in parts]
    return pc.binary_join_element_wise(*columns, pa.scalar(separator, pa.large_string()))


def lines(rows: pa.Array, end: str = "\n") -> pa.LargeBinaryArray:
    """Return each text with an end, side by side in one buffer."""
    ended = wrapped("", rows, end)
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ended), ended.buffers(), offset=ended.offset)


def require_finite(values: np.ndarray, what: str) -> None:
    """Raise :class:`FormatError` if JSON has no word for one of the numbers."""
    if not np.isfinite(values).all():
        raise FormatError(f"JSON has no word for {values[~np.isfinite(values)][0]}, which is among the {what}")


def empty() -> pa.LargeBinaryArray:
    """Return an array of no records, of the type that :func:`binary` gives."""
    return binary(np.empty(0, np.uint8), np.empty(0, np.int64))
