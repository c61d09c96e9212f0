"""The prepared matrix on disk, and how a contender without Spark reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from scipy.sparse import csr_matrix

from sparring.data import storage
from sparring.data.cells import cells_of, stack
from sparring.data.fingerprint import fingerprint_of_batches
from sparring.errors import TableError

PARTS = ("train", "validation", "test")


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
    fingerprint : str
        Of the rows as they were read.
    """

    keys: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    groups: np.ndarray
    features: csr_matrix
    fingerprint: str


class PreparedMatrix:
    """The folder that preparation wrote: ``encoding.json`` and ``matrix/split={train,validation,test}``.

    Parameters
    ----------
    folder : str
        Any path that :func:`sparring.data.storage.filesystem` understands.

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

    def cells(self, part: str) -> int:
        """Return the number of stored feature values of ``part``, from the files' own metadata."""
        system, inner = storage.filesystem(self.path(part))
        column = "features" if self.encoding().storage == "dense" else "values"
        files = ds.dataset(inner, filesystem=system, format="parquet").get_fragments()
        groups = [file.metadata.row_group(at) for file in files for at in range(file.metadata.num_row_groups)]
        columns = [group.column(at) for group in groups for at in range(group.num_columns)]
        return sum(chunk.num_values for chunk in columns if chunk.path_in_schema.split(".")[0] == column)

    def read(self, part: str) -> Part:
        """Return ``part`` in memory, sorted by key so that every path sees one row order.

        Raises
        ------
        TableError
            If what was read is not what preparation wrote.
        """
        encoding = self.encoding()
        batches = [batch for batch in self.batches(part) if batch.num_rows]
        found = fingerprint_of_batches(batches)
        if found != encoding.fingerprints[part]:
            raise TableError(
                f"The {part} part in {self.folder} has fingerprint {found}, preparation wrote "
                f"{encoding.fingerprints[part]}",
                "The files were changed or are incomplete; run the preparation again.",
            )
        return _sorted_by_key(batches, encoding.size, found)


def _sorted_by_key(batches: list[pa.RecordBatch], size: int, fingerprint: str) -> Part:
    columns: dict[str, Any] = {
        name: np.concatenate([b.column(name).to_numpy(zero_copy_only=False) for b in batches])
        for name in ("key", "label", "weight", "group")
    }
    features = stack([cells_of(batch) for batch in batches], size)
    order = np.argsort(columns["key"].astype(str), kind="stable")
    key, label, weight, group = (column[order] for column in columns.values())
    return Part(key, label, weight, group, features[order], fingerprint)
