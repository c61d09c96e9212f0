"""Predictions as a contender stored them: the only thing that metrics are computed from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sparring.errors import LabelError, TableError
from sparring.io import storage

COLUMNS = ("key", "label", "weight", "score")


@dataclass(frozen=True)
class Predictions:
    """Scored rows of one part, in the order of their keys.

    Attributes
    ----------
    keys : ndarray of str, shape (n,)
        Unique.
    labels : ndarray of float64, shape (n,)
        0 or 1, both present.
    weights : ndarray of float64, shape (n,)
        Positive.
    scores : ndarray of float64, shape (n,)
        Probability of class 1.
    units : ndarray of int64, shape (n,)
        Number of the row's group, from 0; what the bootstrap draws.  Every row is its own unit without
        groups.
    grouped : bool
        Whether the units are groups.
    """

    keys: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    units: np.ndarray
    grouped: bool

    @classmethod
    def read(cls, folder: str, split: str) -> Predictions:
        """Return the rows of ``split`` from the Parquet files in ``folder``.

        Parameters
        ----------
        folder : str
            A contender's ``predictions`` folder, local or remote, with the columns ``key``, ``split``,
            ``label``, ``weight``, ``score`` and perhaps ``group``.
        split : {"validation", "test"}
            The part to read; the other one's row groups are skipped where statistics allow.

        Raises
        ------
        TableError
            If a column is missing, no row is of ``split``, a key repeats or a score is no probability.
        LabelError
            If the labels are not 0 and 1, both present.
        """
        system, inner = storage.filesystem(folder)
        dataset = ds.dataset(inner, filesystem=system, format="parquet")
        missing = [name for name in ("split", *COLUMNS) if name not in dataset.schema.names]
        if missing:
            raise TableError(
                f"The predictions in {folder} lack {', '.join(missing)}; they have {', '.join(dataset.schema.names)}",
                "Run the train stage again.",
            )
        optional = ["group"] if "group" in dataset.schema.names else []
        table = dataset.to_table(columns=[*COLUMNS, *optional], filter=pc.field("split") == split)
        return cls.from_table(table, f"the {split} predictions in {folder}")

    @classmethod
    def from_table(cls, table: pa.Table, owner: str = "the predictions") -> Predictions:
        """Return the rows of ``table``, sorted by key and checked; ``owner`` names them in errors.

        Examples
        --------
        >>> rows = {"key": ["b", "a"], "label": [1.0, 0.0], "weight": [1.0, 1.0], "score": [0.8, 0.3]}
        >>> Predictions.from_table(pa.table(rows)).scores.tolist()
        [0.3, 0.8]
        """
        table = table.sort_by("key")
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        numbers = {name: columns[name].astype(np.float64) for name in COLUMNS[1:]}
        _check(columns["key"], numbers, owner)
        grouped = "group" in columns
        units = pd.factorize(columns["group"], use_na_sentinel=False)[0] if grouped else np.arange(len(columns["key"]))
        return cls(columns["key"], numbers["label"], numbers["weight"], numbers["score"], units, grouped)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def unit_count(self) -> int:
        """Number of groups, or of rows without groups."""
        return int(self.units.max()) + 1

    @property
    def unit(self) -> str:
        """What is independent of each other: ``"group"`` or ``"row"``."""
        return "group" if self.grouped else "row"

    def digest(self) -> str:
        """Return a hash of everything but the scores: contenders of equal digest may be compared in pairs."""
        state = hashlib.blake2b(pd.util.hash_array(self.keys, categorize=False).tobytes(), digest_size=8)
        for values in (self.labels, self.weights, self.units):
            state.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        return state.hexdigest()


def _check(keys: np.ndarray, numbers: dict[str, np.ndarray], owner: str) -> None:
    """Raise for rows that no metric is defined on."""
    if len(keys) == 0:
        raise TableError(f"There are no rows in {owner}", "Run the train stage again.")
    repeated = np.flatnonzero(keys[1:] == keys[:-1])
    if len(repeated):
        raise TableError(
            f"{len(repeated)} keys repeat in {owner}, the first is {keys[repeated[0]]!r}",
            "Check that the contender scored every row once.",
        )
    score, weight = numbers["score"], numbers["weight"]
    outside = ~((score >= 0) & (score <= 1))
    if outside.any():
        raise TableError(
            f"{int(outside.sum())} scores in {owner} are not in [0, 1], the first is {score[outside][0]}",
            "Store the probability of class 1 as score.",
        )
    if not ((weight > 0) & np.isfinite(weight)).all():
        raise TableError(f"Some weights in {owner} are not positive numbers", "Quarantine such rows at ingest.")
    classes = np.unique(numbers["label"])
    if classes.tolist() != [0.0, 1.0]:
        raise LabelError(
            f"The labels in {owner} are {classes.tolist()[:5]}; metrics need 0 and 1, both present",
            "Check the label column, or make the part larger.",
        )
