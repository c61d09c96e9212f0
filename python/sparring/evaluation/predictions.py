"""Predictions as a contender stored them: the only thing that metrics are computed from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sparring.errors import TableError
from sparring.io import storage
from sparring.task import BINARY, PROBABILITIES, Task

COLUMNS = ("key", "label", "weight")


@dataclass(frozen=True)
class Predictions:
    """Scored rows of one part, in the order of their keys.

    Attributes
    ----------
    keys : ndarray of str, shape (n,)
        Unique.
    labels : ndarray of float64, shape (n,)
        Codes of classes, all present; or numbers.
    weights : ndarray of float64, shape (n,)
        Positive.
    scores : ndarray of float64, shape (n,) or (n, classes)
        Probability of class 1, or the estimate; or the probabilities of all classes.
    clusters : ndarray of int64, shape (n,)
        Number of the row's group, from 0: what is independent of each other.  Every row is its own cluster without
        groups.
    grouped : bool
        Whether the clusters are groups.
    """

    keys: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    clusters: np.ndarray
    grouped: bool

    @classmethod
    def read(cls, folder: str, split: str, task: Task = BINARY) -> Predictions:
        """Return the rows of ``split`` from the Parquet files in ``folder``.

        Parameters
        ----------
        folder : str
            A contender's ``predictions`` folder, local or remote, with the columns ``key``, ``split``,
            ``label``, ``weight``, the task's score and perhaps ``group``.
        split : {"validation", "test"}
            The part to read; the other one's row groups are skipped where statistics allow.
        task : Task, default BINARY
            Names the column of the scores, and checks them.

        Raises
        ------
        TableError
            If a column is missing, no row is of ``split``, a key repeats or a score is none of the task.
        LabelError
            If a label is none of the task, or a class is missing.
        """
        system, inner = storage.filesystem(folder)
        dataset = ds.dataset(inner, filesystem=system, format="parquet")
        wanted = [*COLUMNS, task.score_column()]
        missing = [name for name in ("split", *wanted) if name not in dataset.schema.names]
        if missing:
            raise TableError(
                f"The predictions in {folder} lack {', '.join(missing)}; they have {', '.join(dataset.schema.names)}",
                "Run the train stage again.",
            )
        optional = ["group"] if "group" in dataset.schema.names else []
        table = dataset.to_table(columns=[*wanted, *optional], filter=pc.field("split") == split)
        return cls.from_table(table, f"the {split} predictions in {folder}", task)

    @classmethod
    def from_table(cls, table: pa.Table, owner: str = "the predictions", task: Task = BINARY) -> Predictions:
        """Return the rows of ``table``, sorted by key and checked; ``owner`` names them in errors.

        Examples
        --------
        >>> rows = {"key": ["b", "a"], "label": [1.0, 0.0], "weight": [1.0, 1.0], "score": [0.8, 0.3]}
        >>> Predictions.from_table(pa.table(rows)).scores.tolist()
        [0.3, 0.8]
        """
        if table.num_rows == 0:
            raise TableError(f"There are no rows in {owner}", "Run the train stage again.")
        table = table.sort_by("key")
        keys = table.column("key").to_numpy()
        labels, weights = (table.column(name).to_numpy().astype(np.float64) for name in ("label", "weight"))
        scores = _scores(table, task.score_column(), owner)
        _check(keys, weights, owner)
        task.check(labels, scores, owner)
        grouped = "group" in table.column_names
        groups = table.column("group").to_numpy() if grouped else None
        clusters = pd.factorize(groups, use_na_sentinel=False)[0] if groups is not None else np.arange(len(keys))
        return cls(keys, labels, weights, scores, clusters, grouped)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def cluster_count(self) -> int:
        """Number of groups, or of rows without groups."""
        return int(self.clusters.max()) + 1

    @property
    def cluster(self) -> str:
        """What is independent of each other: ``"group"`` or ``"row"``."""
        return "group" if self.grouped else "row"

    def digest(self) -> str:
        """Return a hash of everything but the scores: contenders of equal digest may be compared in pairs."""
        state = hashlib.blake2b(pd.util.hash_array(self.keys, categorize=False).tobytes(), digest_size=8)
        for values in (self.labels, self.weights, self.clusters):
            state.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        return state.hexdigest()


def _scores(table: pa.Table, column: str, owner: str) -> np.ndarray:
    """Return the scores as float64, of shape (n,) or (n, classes)."""
    stored = table.column(column)
    if column != PROBABILITIES:
        return stored.to_numpy().astype(np.float64)
    counts = pc.unique(pc.list_value_length(stored)).to_pylist()
    if len(counts) != 1 or counts[0] is None:
        raise TableError(
            f"Rows of {owner} have {' or '.join(map(str, sorted(counts, key=str)))} probabilities; all need as many as "
            "there are classes",
            "Store the probabilities of all classes, in the order of their codes.",
        )
    return pc.list_flatten(stored).to_numpy().astype(np.float64).reshape(len(stored), counts[0])


def _check(keys: np.ndarray, weights: np.ndarray, owner: str) -> None:
    """Raise for rows that no metric is defined on."""
    repeated = np.flatnonzero(keys[1:] == keys[:-1])
    if len(repeated):
        raise TableError(
            f"{len(repeated)} keys repeat in {owner}, the first is {keys[repeated[0]]!r}",
            "Check that the contender scored every row once.",
        )
    if not ((weights > 0) & np.isfinite(weights)).all():
        raise TableError(f"Some weights in {owner} are not positive numbers", "Quarantine such rows at ingest.")
