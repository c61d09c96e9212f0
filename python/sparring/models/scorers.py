"""Models that score encoded rows with NumPy alone, or with XGBoost: what is served, whatever engine trained it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sparring.io.cells import Cells, stack

# Dense rows of a block of trees: 64 MB at 2,000 features.
BLOCK_ROWS = 4_096


class Scorer(ABC):
    """A model that turns encoded rows into probabilities."""

    name: ClassVar[str]
    file_name: ClassVar[str]

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of feature columns that the model knows."""

    @abstractmethod
    def probabilities(self, cells: Cells) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the model to ``path``."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Scorer:
        """Return the model that :meth:`save` wrote."""


def _sigmoid(margin: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-margin))


@dataclass(frozen=True)
class LinearScorer(Scorer):
    """A logistic regression.

    Attributes
    ----------
    intercept : float
    coefficients : ndarray of float64, shape (size,)
    """

    name: ClassVar[str] = "linear"
    file_name: ClassVar[str] = "linear.json"

    intercept: float
    coefficients: np.ndarray

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return len(self.coefficients)

    def probabilities(self, cells: Cells) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""
        products = cells.values.astype(np.float64) * self.coefficients[cells.indices]
        count = len(cells.offsets) - 1
        rows = np.repeat(np.arange(count), np.diff(cells.offsets))
        return _sigmoid(np.bincount(rows, weights=products, minlength=count) + self.intercept)

    def save(self, path: Path) -> None:
        """Write the coefficients as JSON."""
        value = {"intercept": self.intercept, "coefficients": self.coefficients.tolist()}
        path.write_text(json.dumps(value, allow_nan=False))

    @classmethod
    def load(cls, path: Path) -> LinearScorer:
        """Return the coefficients in a JSON file, ours or a run's ``coefficients.json``."""
        value = json.loads(path.read_text())
        return cls(float(value["intercept"]), np.asarray(value["coefficients"], dtype=np.float64))


@dataclass(frozen=True)
class TreesScorer(Scorer):
    """A weighted sum of binary trees, as MLlib's gradient-boosted classifier is.

    All trees lie in one set of arrays; a leaf is its own child, so that ``depth`` steps end in a leaf everywhere.
    MLlib goes left where the value is <= the threshold, and makes ``1 / (1 + exp(-2 sum))`` of the weighted sum
    (``org.apache.spark.mllib.tree.loss.LogLoss``).

    Attributes
    ----------
    feature, left, right : ndarray of int32, shape (nodes,)
    threshold, value : ndarray of float64, shape (nodes,)
    roots : ndarray of int32, shape (trees,)
    weights : ndarray of float64, shape (trees,)
    size : int
        Number of feature columns.
    depth : int
        Of the deepest tree.
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

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return self.size

    def probabilities(self, cells: Cells) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64; blocks of rows bound the memory."""
        count = len(cells.offsets) - 1
        sums = [self._sums(cells, start, min(start + BLOCK_ROWS, count)) for start in range(0, count, BLOCK_ROWS)]
        return _sigmoid(2.0 * np.concatenate([np.empty(0), *sums]))

    def _sums(self, cells: Cells, start: int, stop: int) -> np.ndarray:
        """Walk all trees for all rows of a block at once, level by level."""
        dense = np.zeros((stop - start, self.size))
        inside = slice(cells.offsets[start], cells.offsets[stop])
        rows = np.repeat(np.arange(stop - start), np.diff(cells.offsets[start : stop + 1]))
        dense[rows, cells.indices[inside]] = cells.values[inside]
        nodes = np.broadcast_to(self.roots, (stop - start, len(self.roots)))
        every = np.arange(stop - start)[:, None]
        for _ in range(self.depth):
            goes_left = dense[every, self.feature[nodes]] <= self.threshold[nodes]
            nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
        return self.value[nodes] @ self.weights

    def save(self, path: Path) -> None:
        """Write the arrays in NumPy's own format."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> TreesScorer:
        """Return the trees that :meth:`save` wrote; a pickled object among them is refused."""
        with np.load(path, allow_pickle=False) as arrays:
            values: dict[str, Any] = {name: arrays[name] for name in arrays.files}
        return cls(**{**values, "size": int(values["size"]), "depth": int(values["depth"])})


class XGBoostScorer(Scorer):
    """A booster of XGBoost; a cell absent from a row is missing to it.

    Parameters
    ----------
    data : bytes
        In XGBoost's UBJSON or JSON format.
    """

    name: ClassVar[str] = "xgboost"
    file_name: ClassVar[str] = "model.ubj"

    def __init__(self, data: bytes) -> None:
        import xgboost

        self.data = data
        self.booster = xgboost.Booster(model_file=bytearray(data))

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows; a booster trained on libsvm may know fewer than there are."""
        return int(self.booster.num_features())

    def probabilities(self, cells: Cells) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""
        import xgboost

        return self.booster.predict(xgboost.DMatrix(stack([cells], self.width))).astype(np.float64)

    def save(self, path: Path) -> None:
        """Write the booster as it was given."""
        path.write_bytes(self.data)

    @classmethod
    def load(cls, path: Path) -> XGBoostScorer:
        """Return the booster in a file."""
        return cls(path.read_bytes())


SCORERS: dict[str, type[Scorer]] = {kind.name: kind for kind in (LinearScorer, TreesScorer, XGBoostScorer)}
