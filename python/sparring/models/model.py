"""What every fitted model can do: score encoded rows without Spark, and survive as one file that runs no code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from sparring.io.cells import Cells


class Model(ABC):
    """A model that turns encoded rows into scores.

    Scores have shape (n,): the probability of the positive class, or an estimate; or (n, classes): the probabilities of
    all classes, in the order of their codes.
    """

    name: ClassVar[str]
    file_name: ClassVar[str]

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of feature columns that the model knows."""

    @abstractmethod
    def scores(self, cells: Cells) -> np.ndarray:
        """Return the scores of the rows, float64."""

    def objective(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray) -> float | None:
        """Return the value of the function that was minimised on these rows, penalty included; None where unknown.

        Parameters
        ----------
        features : csr_matrix, shape (n, width)
            Computed in float64 whatever is stored.
        labels, weights : ndarray of float64, shape (n,)
        """
        return None

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the model to ``path``."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Model:
        """Return the model that :meth:`save` wrote."""
