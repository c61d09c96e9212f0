"""Features of an Arrow batch as cells: the flat (offsets, indices, values) view of arrays and of MLlib's vectors.

A vector is a struct in Arrow and in Parquet: type (0 sparse, 1 dense), size, indices, values.
"""

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
    values : ndarray of float32, or of float64 where vectors hold it
        Value of each cell.
    """

    offsets: np.ndarray
    indices: np.ndarray
    values: np.ndarray

    def of_rows(self, start: int, end: int) -> Cells:
        """Return the rows from ``start`` to before ``end``, sharing memory."""
        offsets = self.offsets[start : end + 1]
        cells = slice(offsets[0], offsets[-1])
        return Cells(offsets - offsets[0], self.indices[cells], self.values[cells])

    def dense(self, start: int, end: int, size: int) -> np.ndarray:
        """Return the rows from ``start`` to before ``end`` with all their columns, float64; an absent cell is 0."""
        offsets = self.offsets[start : end + 1]
        cells = slice(offsets[0], offsets[-1])
        found = np.zeros((end - start, size))
        found[np.repeat(np.arange(end - start), np.diff(offsets)), self.indices[cells]] = self.values[cells]
        return found


def _flat(column: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets, starting at 0, and the values of a list column without copying."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], column.flatten().to_numpy(zero_copy_only=False)


def cells_of(batch: pa.RecordBatch) -> Cells:
    """Return the cells of a batch with ``features`` (arrays or vectors), or ``indices`` and ``values``."""
    if "features" in batch.schema.names:
        features = batch.column("features")
        if pa.types.is_struct(features.type):
            return _vector_cells(features)
        offsets, values = _flat(features)
        return Cells(offsets, _positions(offsets), values)
    offsets, indices = _flat(batch.column("indices"))
    _, values = _flat(batch.column("values"))
    return Cells(offsets, indices, values)


def _vector_cells(vectors: pa.StructArray) -> Cells:
    """Return the cells of vectors, each of which is dense or sparse."""
    offsets, values = _flat(vectors.field("values"))
    sparse = vectors.field("type").to_numpy() == 0
    if sparse.all():
        return Cells(offsets, _flat(vectors.field("indices"))[1], values)
    indices = _positions(offsets)
    # Dense ones have no indices: what is left are the sparse ones', in order.
    indices[np.repeat(sparse, np.diff(offsets))] = vectors.field("indices").flatten().to_numpy(zero_copy_only=False)
    return Cells(offsets, indices, values)


def _positions(offsets: np.ndarray) -> np.ndarray:
    """Return the place of each cell within its row, which is its column where all are stored."""
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
    return places.astype(np.int32)


def stack(parts: list[Cells], size: int) -> csr_matrix:
    """Return consecutive batches of cells as one matrix of shape (rows, size), in the values' own type."""
    starts = np.cumsum([0, *(len(part.values) for part in parts)])
    indptr = np.concatenate([[0], *(part.offsets[1:] + at for part, at in zip(parts, starts[:-1], strict=True))])
    values = np.concatenate([part.values for part in parts])
    indices = np.concatenate([part.indices for part in parts])
    return csr_matrix((values, indices, indptr), shape=(len(indptr) - 1, size))
