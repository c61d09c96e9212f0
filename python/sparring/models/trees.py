"""Sums of binary trees, walked with NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sparring.io.cells import Cells
from sparring.models.links import LINKS
from sparring.models.model import Model

# Dense rows of a block of trees: 64 MB at 2,000 features.
BLOCK_ROWS = 4_096


@dataclass(frozen=True)
class TreesModel(Model):
    """A weighted sum of binary trees, boosted or a forest, by whatever library.

    All trees lie in one set of arrays; a leaf is its own child, so that ``depth`` steps end in a leaf everywhere.
    A row goes left where its value is <= the threshold.  MLlib's boosted classifier makes ``1 / (1 + exp(-2 sum))`` of
    the weighted sum (``org.apache.spark.mllib.tree.loss.LogLoss``); boosted regressors, and forests and single trees,
    whose leaves hold an estimate or the shares of the classes, take the sum.

    Attributes
    ----------
    feature, left, right : ndarray of int32, shape (nodes,)
    threshold : ndarray of float64, shape (nodes,)
    value : ndarray of float64, shape (nodes,) or (nodes, classes)
        An estimate, the share of the positive class, or those of several classes.
    roots : ndarray of int32, shape (trees,)
    weights : ndarray of float64, shape (trees,)
    size : int
        Number of feature columns.
    depth : int
        Of the deepest tree.
    link : {"logistic", "softmax", "identity", "shares"}
        From twice the sum, or the sum, to the score; ``shares``: the sum is a probability, or those of all classes.
    """

    name: ClassVar[str] = "trees"
    file_name: ClassVar[str] = "trees.npz"

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    weights: np.ndarray
    size: int
    depth: int
    link: str = "logistic"

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return self.size

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the scores of the rows, float64; blocks of rows bound the memory."""
        count = len(cells.offsets) - 1
        sums = [self._sums(cells, start, min(start + BLOCK_ROWS, count)) for start in range(0, count, BLOCK_ROWS)]
        together = np.concatenate([np.empty((0, *self.value.shape[1:])), *sums])
        if self.link == "shares":
            # The sum of so many shares may be beyond 1 by its rounding.
            return together.clip(0.0, 1.0)
        together = together if together.ndim == 2 else together[:, None]
        return LINKS[self.link](2.0 * together if self.link == "logistic" else together)

    def _sums(self, cells: Cells, start: int, stop: int) -> np.ndarray:
        """Walk all trees for all rows of a block at once, level by level."""
        dense = cells.dense(start, stop, self.size)
        nodes = np.broadcast_to(self.roots, (stop - start, len(self.roots)))
        every = np.arange(stop - start)[:, None]
        for _ in range(self.depth):
            goes_left = dense[every, self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
        return np.tensordot(self.value[nodes], self.weights, axes=(1, 0))

    def save(self, path: Path) -> None:
        """Write the arrays in NumPy's own format."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> TreesModel:
        """Return the trees that :meth:`save` wrote; a pickled object among them is refused."""
        with np.load(path, allow_pickle=False) as arrays:
            values: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        link = str(values.pop("link", "logistic"))
        return cls(**{**values, "size": int(values["size"]), "depth": int(values["depth"]), "link": link})
