"""Arrow arrays as NumPy arrays, without copies where that is possible."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Bytes of the columns worked on at a time: what is made of them is ten times as large.
PORTION = 1 << 22


def portions(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Return the batch in consecutive slices of some ``PORTION`` bytes."""
    step = max(1, batch.num_rows * PORTION // max(batch.nbytes, 1))
    for low in range(0, batch.num_rows, step):
        yield batch.slice(low, step)


def bytes_and_offsets(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all texts (or binaries), end to end, and where each begins; null has none."""
    values = pc.fill_null(
        values, "" if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) else b""
    )
    large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    _, starts, data = values.buffers()
    first = values.offset
    if starts is None or data is None:
        return np.zeros(0, dtype=np.uint8), np.zeros(len(values) + 1, dtype=np.int64)
    offsets = np.frombuffer(starts, dtype="<i8" if large else "<i4")[first : first + len(values) + 1].astype(np.int64)
    held = memoryview(data)[offsets[0] : offsets[-1]]
    return np.frombuffer(held, dtype=np.uint8), offsets - offsets[0]


def bytes_of(values: pa.Array) -> np.ndarray:
    """Return the bytes of all binaries, end to end."""
    return bytes_and_offsets(values)[0]


def uint64_of(values: pa.Array) -> np.ndarray:
    """Return the bits of a long column without nulls."""
    return values.to_numpy().view(np.uint64)


def binaries(rows: np.ndarray, filled: np.ndarray) -> pa.Array:
    """Return the bytes of each row of a contiguous array as a binary, null where not ``filled``."""
    width = rows.shape[1] * rows.itemsize
    kept = np.ascontiguousarray(rows[filled])
    offsets = np.concatenate([[0], np.cumsum(filled * width)]).astype(np.int32)
    array = pa.Array.from_buffers(pa.binary(), len(rows), [None, pa.py_buffer(offsets), pa.py_buffer(kept)])
    return array if filled.all() else pc.if_else(pa.array(filled), array, None)
