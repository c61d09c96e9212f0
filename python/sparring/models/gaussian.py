"""Gaussian naive Bayes: each feature a normal distribution of its own in each class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from sparring.io.cells import Cells
from sparring.models.links import softmax
from sparring.models.model import Model

# Dense rows at a time.
BLOCK_ROWS = 4_096


@dataclass(frozen=True)
class GaussianModel(Model):
    """Classes as products of normal distributions.

    Attributes
    ----------
    prior : ndarray of float64, shape (classes,)
        Logarithm of each class's share.
    mean, variance : ndarray of float64, shape (classes, size)
    """

    name: ClassVar[str] = "gaussian"
    file_name: ClassVar[str] = "gaussian.npz"

    prior: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return self.mean.shape[1]

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the probability of the positive class, or those of all classes; blocks of rows bound the memory."""
        count = len(cells.offsets) - 1
        blocks = [
            softmax(self._likelihoods(cells.dense(start, min(start + BLOCK_ROWS, count), self.width)))
            for start in range(0, count, BLOCK_ROWS)
        ]
        shares = np.concatenate([np.empty((0, len(self.prior))), *blocks])
        return shares[:, 1] if len(self.prior) == 2 else shares

    def _likelihoods(self, rows: np.ndarray) -> np.ndarray:
        """Return the logarithm of each class's share in what is seen, shape (n, classes)."""
        constant = self.prior - 0.5 * np.log(2 * np.pi * self.variance).sum(axis=1)
        distances = [
            ((rows - mean) ** 2 / variance).sum(axis=1) for mean, variance in zip(self.mean, self.variance, strict=True)
        ]
        return constant - 0.5 * np.column_stack(distances)

    def save(self, path: Path) -> None:
        """Write the arrays in NumPy's own format."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> GaussianModel:
        """Return what :meth:`save` wrote; a pickled object among it is refused."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})
