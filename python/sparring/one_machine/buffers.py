"""Arrow's texts as NumPy's bytes, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

# Bytes after the last text, so that eight can be read anywhere.
SPARE = 8


def bytes_of(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return where texts begin and the last one ends, and their bytes with 8 to spare."""
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    _, starts, data = column.buffers()
    kind, width = (np.int64, 8) if wide else (np.int32, 4)
    offsets: np.ndarray = np.frombuffer(starts, kind, len(column) + 1, column.offset * width).astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    held = np.zeros(last - first + SPARE, np.uint8)
    if data is not None and last > first:
        held[:-SPARE] = np.frombuffer(data, np.uint8, last - first, first)
    return offsets - first, held


def hexadecimal(rows: np.ndarray, upper: bool = False) -> pa.Array:
    """Return rows of bytes as text of two digits a byte."""
    digits = HEX["X" if upper else "x"][rows.reshape(-1)].view(np.uint8)
    width = 2 * rows.shape[1]
    if digits.size >= 2**31:
        raise pa.ArrowCapacityError(f"{len(rows):,} texts of {width} letters are more than one column holds")
    offsets = np.arange(0, width * len(rows) + 1, width, dtype=np.int32)
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(digits))


HEX: dict[str, np.ndarray] = {
    form: np.frombuffer("".join(f"{byte:02{form}}" for byte in range(256)).encode(), np.uint16) for form in "xX"
}
