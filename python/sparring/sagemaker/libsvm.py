"""Arrow batches as libsvm text, column by column: no row is touched by Python on its own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.data.cells import Cells


def libsvm_lines(cells: Cells) -> pa.Array:
    """Return one line a row, ``0 index:value ...``: indices from 1, values in the shortest exact text.

    Parameters
    ----------
    cells : Cells
        Features; the label, which a request does not have, is written as 0.

    Returns
    -------
    pyarrow.StringArray

    Examples
    --------
    >>> cells = Cells(np.array([0, 1, 1]), np.array([4], np.int32), np.array([0.1], np.float32))
    >>> libsvm_lines(cells).to_pylist()
    ['0 5:0.1', '0 ']
    """
    indices = pa.array(cells.indices + 1).cast(pa.string())
    values = pa.array(cells.values.astype(np.float32)).cast(pa.string())
    pairs = pc.binary_join_element_wise(indices, values, ":")
    rows = pa.ListArray.from_arrays(pa.array(cells.offsets, pa.int32()), pairs)
    return pc.binary_join_element_wise("0", pc.binary_join(rows, " "), " ")


def chunks(lines: pa.Array, most_bytes: int, most_rows: int) -> list[bytes]:
    """Return request bodies of whole lines, each within both limits where a single line allows it."""
    ends = np.cumsum(pc.binary_length(lines).to_numpy(zero_copy_only=False).astype(np.int64) + 1)
    bodies: list[bytes] = []
    start = 0
    while start < len(lines):
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + most_bytes, side="right"))
        stop = min(max(stop, start + 1), start + most_rows, len(lines))
        bodies.append("\n".join(lines.slice(start, stop - start).to_pylist()).encode())
        start = stop
    return bodies
