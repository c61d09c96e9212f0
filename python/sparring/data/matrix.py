"""The prepared matrix on disk, and how a contender without Spark reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

from sparring.data.fingerprint import fingerprint_of_arrays
from sparring.errors import TableError
from sparring.io import storage
from sparring.io.cells import Cells, cells_of, stack

PARTS = ("train", "validation", "test")
# Where Parquet keeps the values of vectors.
VALUES = "features.values."


@dataclass(frozen=True)
class Encoding:
    """What ``encoding.json`` says of the matrix beside it.

    Attributes
    ----------
    size : int
        Number of feature columns.
    storage : str
        ``"dense"`` or ``"sparse"``.
    names : list of str
        Name of each feature column.
    fingerprints : dict of str to str
        Part -> order-free fingerprint of its rows.
    rows : dict of str to int
        Part -> number of rows.
    """

    size: int
    storage: str
    names: list[str]
    fingerprints: dict[str, str]
    rows: dict[str, int]


@dataclass(frozen=True)
class Part:
    """One part of the matrix in memory, rows in the order of their keys.

    Attributes
    ----------
    keys : ndarray of str, shape (n,)
    labels, weights : ndarray of float64, shape (n,)
    groups : ndarray of str, shape (n,)
        What must not straddle; the unit of resampling.
    features : csr_matrix of float32, shape (n, size)
    """

    keys: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    groups: np.ndarray
    features: csr_matrix

    def fingerprint(self) -> str:
        """Return the fingerprint of the rows as they are held here."""
        cells = Cells(self.features.indptr, self.features.indices, self.features.data)
        return fingerprint_of_arrays(self.keys, self.labels, self.weights, cells)


class PreparedMatrix:
    """The folder that preparation wrote: ``encoding.json`` and ``matrix/split={train,validation,test}``.

    The column ``features`` is the storage form of pyspark.ml's vectors, which Spark reads as vectors
    (:func:`sparring.feature.vectors.read_vectors`) and Arrow as flat arrays: nobody converts or rewrites it.

    Parameters
    ----------
    folder : str
        Any path that :func:`sparring.io.storage.filesystem` understands.

    Examples
    --------
    >>> matrix = PreparedMatrix("runs/flights/prepare")        # doctest: +SKIP
    >>> matrix.read("train").features.shape                    # doctest: +SKIP
    (231638, 182)
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.rows = storage.join(folder, "matrix")

    def path(self, part: str) -> str:
        """Return the folder of ``part``."""
        return storage.join(self.rows, f"split={part}")

    def encoding(self) -> Encoding:
        """Return what ``encoding.json`` says."""
        return Encoding(**storage.read_json(storage.join(self.folder, "encoding.json")))

    def batches(self, part: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``part`` as they are stored."""
        system, inner = storage.filesystem(self.path(part))
        yield from ds.dataset(inner, filesystem=system, format="parquet").to_batches()

    def weighted(self, part: str) -> bool:
        """Return whether a row of ``part`` has another weight than 1: from the files' statistics, no row is read.

        A file without statistics counts as weighted.
        """
        chunks = [chunk for chunk in self._chunks(part) if chunk.path_in_schema == "weight"]
        known = [chunk.statistics for chunk in chunks if chunk.is_stats_set and chunk.statistics.has_min_max]
        return len(known) < len(chunks) or any(not known.min == known.max == 1 for known in known)

    def cells(self, part: str) -> int:
        """Return the number of stored feature values of ``part``, from the files' own metadata."""
        return sum(chunk.num_values for chunk in self._chunks(part) if chunk.path_in_schema.startswith(VALUES))

    def _chunks(self, part: str) -> list[pq.ColumnChunkMetaData]:
        """Return what the files' own metadata says of the columns of ``part``."""
        system, inner = storage.filesystem(self.path(part))
        files = ds.dataset(inner, filesystem=system, format="parquet").get_fragments()
        groups = [file.metadata.row_group(at) for file in files for at in range(file.metadata.num_row_groups)]
        return [group.column(at) for group in groups if group.num_rows for at in range(group.num_columns)]

    def read(self, part: str) -> Part:
        """Return ``part`` in memory, sorted by key so that every path sees one row order.

        Nothing is verified, see :meth:`require`.
        """
        batches = [batch for batch in self.batches(part) if batch.num_rows]
        return _sorted_by_key(batches, self.encoding().size)

    def require(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return ``found``, part -> fingerprint of the rows that were read, if it is what preparation wrote.

        Raises
        ------
        TableError
            If a part is missing or has other rows.
        """
        expected = self.encoding().fingerprints
        for part in PARTS:
            if found.get(part) != expected[part]:
                raise TableError(
                    f"The {part} part in {self.folder} has fingerprint {found.get(part)}, preparation wrote "
                    f"{expected[part]}",
                    "The files were changed or are incomplete; run the preparation again.",
                )
        return dict(found)


def _sorted_by_key(batches: list[pa.RecordBatch], size: int) -> Part:
    columns: dict[str, Any] = {
        name: np.concatenate([b.column(name).to_numpy(zero_copy_only=False) for b in batches])
        for name in ("key", "label", "weight", "group")
    }
    # Vectors are stored as float64, but every value was rounded to float32: nothing is lost.
    cells = [cells_of(batch) for batch in batches]
    features = stack([some._replace(values=some.values.astype(np.float32, copy=False)) for some in cells], size)
    order = np.argsort(columns["key"].astype(str), kind="stable")
    key, label, weight, group = (column[order] for column in columns.values())
    return Part(key, label, weight, group, features[order])
