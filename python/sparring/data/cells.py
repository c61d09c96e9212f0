"""Features of an Arrow batch as cells: the flat (offsets, indices, values) view of dense and sparse alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix


class Cells(NamedTuple):
    """Features of ``n`` rows in compressed sparse row form.

    Attributes
    ----------
    offsets : ndarray of int64, shape (n + 1,)
        Row ``i`` holds the cells ``offsets[i]:offsets[i + 1]``.
    indices : ndarray of int32
        Column of each cell.
    values : ndarray of float32
        Value of each cell.
    """

    offsets: np.ndarray
    indices: np.ndarray
    values: np.ndarray


def _flat(column: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets, starting at 0, and the values of a list column without copying."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], column.flatten().to_numpy(zero_copy_only=False)


def cells_of(batch: pa.RecordBatch) -> Cells:
    """Return the cells of a batch with ``features`` (dense) or ``indices`` and ``values`` (sparse)."""
    if "features" in batch.schema.names:
        offsets, values = _flat(batch.column("features"))
        widths = np.diff(offsets)
        indices = np.arange(len(values)) - np.repeat(offsets[:-1], widths)
        return Cells(offsets, indices.astype(np.int32), values)
    offsets, indices = _flat(batch.column("indices"))
    _, values = _flat(batch.column("values"))
    return Cells(offsets, indices, values)


def stack(parts: list[Cells], size: int) -> csr_matrix:
    """Return consecutive batches of cells as one float32 matrix of shape (rows, size)."""
    starts = np.cumsum([0, *(len(part.values) for part in parts)])
    indptr = np.concatenate([[0], *(part.offsets[1:] + at for part, at in zip(parts, starts[:-1], strict=True))])
    values = np.concatenate([part.values for part in parts])
    indices = np.concatenate([part.indices for part in parts])
    return csr_matrix((values, indices, indptr), shape=(len(indptr) - 1, size))
