"""What every format holds: features of some rows, dense or sparse, with or without labels and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix, vstack

from sparring.io.cells import Cells, cells_of, stack

Features: TypeAlias = np.ndarray | csr_matrix
# What an algorithm says of n rows: name -> array of shape (n,), or (n, k) where an answer is a vector.
Answers = dict[str, np.ndarray]


class FormatError(ValueError):
    """Raised when bytes are not what their content type says, or rows cannot be said in a format."""


@dataclass(frozen=True)
class Rows:
    """Rows on their way to or from an algorithm.

    Attributes
    ----------
    features : ndarray or csr_matrix of float32, shape (n, width)
        Dense, or sparse: a cell that is not stored is absent, a stored zero is a zero.
    labels : ndarray of float64, shape (n,), or None
    weights : ndarray of float64, shape (n,), or None
    """

    features: Features
    labels: np.ndarray | None = None
    weights: np.ndarray | None = None

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.features.shape[0])

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.features.shape[1])

    @property
    def sparse(self) -> bool:
        """Whether absent cells are possible."""
        return not isinstance(self.features, np.ndarray)

    def __getitem__(self, part: slice) -> Rows:
        """Return some consecutive rows."""
        labels, weights = (None if column is None else column[part] for column in (self.labels, self.weights))
        return Rows(self.features[part], labels, weights)

    def cells(self) -> Cells:
        """Return the flat view of the features; a dense row stores all of its cells."""
        if self.sparse:
            matrix: csr_matrix = self.features
            return Cells(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)
        offsets = np.arange(self.count + 1, dtype=np.int64) * self.width
        indices = np.tile(np.arange(self.width, dtype=np.int32), self.count)
        return Cells(offsets, indices, np.ascontiguousarray(self.features).ravel())

    def dense(self) -> np.ndarray:
        """Return the features as an array of shape (n, width); absent cells become NaN."""
        if not self.sparse:
            return np.asarray(self.features)
        matrix: csr_matrix = self.features
        values = np.full(matrix.shape, np.nan, np.float32)
        values[np.repeat(np.arange(self.count), np.diff(matrix.indptr)), matrix.indices] = matrix.data
        return values


def rows_of(batch: pa.RecordBatch, width: int | None = None) -> Rows:
    """Return the rows of an Arrow batch.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        ``features`` (list of numbers), or ``indices`` and ``values``; ``label`` and ``weight`` where they exist.
    width : int, optional
        Number of features; sparse rows need it.

    Raises
    ------
    FormatError
        If dense rows differ in length, or sparse ones come without a width or exceed it.

    Examples
    --------
    >>> batch = pa.RecordBatch.from_pydict({"label": [1.0], "features": [[0.5, 2.0]]})
    >>> rows_of(batch).features.tolist()
    [[0.5, 2.0]]
    """
    cells = cells_of(batch)
    labels, weights = (_column(batch, name) for name in ("label", "weight"))
    if "features" in batch.schema.names:
        return Rows(_rectangle(cells, width), labels, weights)
    if width is None:
        raise FormatError("sparse rows need their width")
    if len(cells.indices) and int(cells.indices.max()) >= width:
        raise FormatError(f"an index is {int(cells.indices.max())}, the rows have {width} features")
    return Rows(stack([cells._replace(values=cells.values.astype(np.float32, copy=False))], width), labels, weights)


def rows_of_table(table: np.ndarray, labels: int, weights: bool) -> Rows:
    """Return rows whose first columns are the label (if ``labels`` is 1) and the weight (if ``weights``).

    Raises
    ------
    FormatError
        If there are fewer columns.
    """
    first = labels + int(weights)
    if table.shape[1] < first:
        raise FormatError(f"a row has {table.shape[1]} columns, the label and weight take {first}")
    # By way of float64, as xgboost and NumPy read text.
    features = table[:, first:].astype(np.float32)
    return Rows(features, table[:, 0] if labels else None, table[:, labels] if weights else None)


def _column(batch: pa.RecordBatch, name: str) -> np.ndarray | None:
    if name not in batch.schema.names:
        return None
    return batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)


def _rectangle(cells: Cells, width: int | None) -> np.ndarray:
    """Return dense cells as an array, whose rows must be equally long."""
    lengths = np.diff(cells.offsets)
    width = int(lengths[0]) if width is None and len(lengths) else width or 0
    if (lengths != width).any():
        raise FormatError(f"a row has {int(lengths[lengths != width][0])} features, others {width}")
    return np.asarray(cells.values, np.float32).reshape(len(lengths), width)


def concatenate(parts: list[Rows]) -> Rows:
    """Return the rows of ``parts`` one after the other; the widest sparse part gives the width.

    Raises
    ------
    FormatError
        If dense parts differ in width, or only some parts have labels.
    """
    if len(parts) == 1:
        return parts[0]
    labels, weights = (_joined([getattr(part, name) for part in parts], name) for name in ("labels", "weights"))
    if all(part.sparse for part in parts):
        width = max(part.width for part in parts)
        matrices = [_widened(part.features, width) for part in parts]
        return Rows(vstack(matrices, format="csr"), labels, weights)
    if len({part.width for part in parts}) > 1:
        raise FormatError(f"rows have {' and '.join(str(w) for w in sorted({p.width for p in parts}))} features")
    if any(part.sparse for part in parts):
        return Rows(vstack([csr_matrix(part.features) for part in parts], format="csr"), labels, weights)
    return Rows(np.concatenate([part.features for part in parts]), labels, weights)


def _widened(matrix: csr_matrix, width: int) -> csr_matrix:
    """Return the same cells in a wider matrix."""
    return csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width))


def _joined(columns: list[np.ndarray | None], name: str) -> np.ndarray | None:
    given = [column for column in columns if column is not None]
    if given and len(given) < len(columns):
        raise FormatError(f"some rows have {name}, others have none")
    return np.concatenate(given) if given else None
