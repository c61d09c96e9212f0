"""The scores of rows as columns: the schema of predictions, in one place.

A row has one score - the probability of the positive class, or an estimate - in ``score``; or the probabilities of all
classes, in the order of their codes, in ``probabilities``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

SCORE, PROBABILITIES = "score", "probabilities"


def scores_of(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the scores of stored predictions, shape (n,) or (n, classes)."""
    if PROBABILITIES in columns:
        return np.vstack(list(columns[PROBABILITIES])) if columns[PROBABILITIES].ndim == 1 else columns[PROBABILITIES]
    return columns[SCORE]


def scores_array(scores: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Return scores of shape (n,) or (n, classes) as a column: numbers, or a list a row; null where ``missing``.

    Examples
    --------
    >>> scores_array(np.array([[0.25, 0.75]])).to_pylist()
    [[0.25, 0.75]]
    """
    if scores.ndim == 1:
        return pa.array(scores, pa.float64(), mask=missing)
    rows, width = scores.shape
    offsets = pa.array(np.arange(0, rows * width + 1, width, dtype=np.int32), mask=_with_end(missing))
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(scores, dtype=np.float64).ravel()))


def scores_from(column: pa.Array | pa.ChunkedArray, width: int) -> np.ndarray:
    """Return a column of numbers, or of lists of ``width`` numbers, as scores.

    Raises
    ------
    ValueError
        If a list is of another length.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if width == 1:
        return np.asarray(whole.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.asarray(whole.flatten(), dtype=np.float64).reshape(len(whole), width)


def score_type(width: int) -> DataType:
    """Return Spark's type of a column of scores."""
    from pyspark.sql import types as T

    return T.DoubleType() if width == 1 else T.ArrayType(T.DoubleType(), False)


def likeliest(scores: Column) -> Column:
    """Return the code of the class with the largest score, of equally likely ones the first; null for null."""
    from sparring.engine import functions as F

    return F.call_function("array_position", scores, F.array_max(scores)) - 1


def _with_end(missing: np.ndarray | None) -> np.ndarray | None:
    return None if missing is None else np.append(missing, False)
