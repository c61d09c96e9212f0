"""Order-free fingerprint of a prepared matrix: proof that two contenders read the same rows.

Each row is hashed from its key, label, weight and non-zero features; the hashes are added modulo 2**64, so that
neither row order nor partitioning matters.  The same NumPy code runs on one machine and inside Spark's
``mapInArrow``, hence both sides compare like with like.

Zero features do not count: a dense and a sparse copy of one matrix have the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sparring.io.cells import Cells, cells_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Rows that are hashed at once.
BLOCK = 100_000


def _mix(x: np.ndarray) -> np.ndarray:
    """Finalise 64-bit words, as splitmix64 does (Steele, Lea, Flood: Fast splittable PRNGs, 2014, fig. 17)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _bits(values: np.ndarray) -> np.ndarray:
    """Return the bits of float64 values, with one zero and one NaN."""
    values = np.where(values == 0, 0.0, values.astype(np.float64))
    return np.where(np.isnan(values), np.nan, values).view(np.uint64)


def row_hashes(keys: np.ndarray, labels: np.ndarray, weights: np.ndarray, cells: Cells) -> np.ndarray:
    """Return one 64-bit hash a row.

    Parameters
    ----------
    keys : ndarray of str, shape (n_rows,)
    labels, weights : ndarray of float64, shape (n_rows,)
    cells : Cells
        The features as non-zero cells.

    Returns
    -------
    ndarray of uint64, shape (n_rows,)
    """
    stored = cells.values != 0
    cell = _mix(_bits(cells.values) + _mix(cells.indices.astype(np.uint64) + np.uint64(1)))
    cell[~stored] = 0
    sums = np.concatenate([[np.uint64(0)], np.cumsum(cell, dtype=np.uint64)])
    features = sums[cells.offsets[1:]] - sums[cells.offsets[:-1]]
    words = pd.util.hash_array(np.asarray(keys, dtype=object), categorize=False)
    for part in (_bits(labels), _bits(weights), features):
        words = _mix(words * np.uint64(0x9E3779B97F4A7C15) + part)
    return words


def batch_sum(batch: pa.RecordBatch) -> tuple[np.uint64, int]:
    """Return the sum of the row hashes of ``batch`` modulo 2**64, and its number of rows."""
    hashes = row_hashes(
        batch.column("key").to_numpy(zero_copy_only=False),
        batch.column("label").to_numpy(zero_copy_only=False),
        batch.column("weight").to_numpy(zero_copy_only=False),
        cells_of(batch),
    )
    return np.add.reduce(hashes, dtype=np.uint64), batch.num_rows


def _text(total: int, rows: int) -> str:
    return f"{total % 2**64:016x}-{rows}"


def fingerprint_of_batches(batches: Iterable[pa.RecordBatch]) -> str:
    """Return the fingerprint of the rows in ``batches``, such as ``'9f86d081884c7d65-1000'``."""
    total, rows = 0, 0
    for batch in batches:
        part, count = batch_sum(batch)
        total, rows = total + int(part), rows + count
    return _text(total, rows)


def fingerprint_of_arrays(keys: np.ndarray, labels: np.ndarray, weights: np.ndarray, cells: Cells) -> str:
    """Return the fingerprint of rows held in memory, see :func:`row_hashes`.

    Notes
    -----
    The working memory is that of :data:`BLOCK` rows: it is also asked about arrays that fill a machine.
    """
    total = 0
    for start in range(0, len(keys), BLOCK):
        rows = slice(start, start + BLOCK)
        hashes = row_hashes(keys[rows], labels[rows], weights[rows], cells.of_rows(start, start + BLOCK))
        total += int(np.add.reduce(hashes, dtype=np.uint64))
    return _text(total, len(keys))


def fingerprints_of_frame(matrix: DataFrame, part_col: str = "split") -> dict[str, str]:
    """Return part -> fingerprint of a matrix held by Spark, its features arrays or vectors.

    Parameters
    ----------
    matrix : DataFrame
        With ``key``, ``label``, ``weight``, the features and ``part_col``.
    part_col : str, default "split"
        Column of the part's name.

    Notes
    -----
    Cost: one pass in whole Arrow batches, no shuffle; a few small rows a partition reach the driver.
    """

    def partial(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            column = batch.column(part_col)
            for part in column.unique():
                rows = batch.filter(pc.equal(column, part))
                total, count = batch_sum(rows)
                yield pa.RecordBatch.from_pydict({"part": [part.as_py()], "total": [str(total)], "rows": [count]})

    schema = "part string, total string, rows long"
    found: dict[str, list[str]] = {}
    for row in matrix.mapInArrow(partial, schema).collect():
        found.setdefault(row["part"], []).append(_text(int(row["total"]), row["rows"]))
    return {part: combine(texts) for part, texts in found.items()}


def combine(fingerprints: Iterable[str]) -> str:
    """Return the fingerprint of the union of disjoint parts from the parts' fingerprints.

    Examples
    --------
    >>> combine(["0000000000000001-2", "ffffffffffffffff-3"])
    '0000000000000000-5'
    """
    split = [text.split("-") for text in fingerprints]
    return _text(sum(int(total, 16) for total, _ in split), sum(int(rows) for _, rows in split))
