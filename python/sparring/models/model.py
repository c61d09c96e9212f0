"""What every fitted model can do: score encoded rows without Spark, and survive as one file that runs no code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sparring.io.cells import Cells

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


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

    def objective(self, features: csr_matrix | np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float | None:
        """Return the value of the function that was minimised, penalty included; None where it is not comparable."""
        return None

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the model to ``path``."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Model:
        """Return the model that :meth:`save` wrote."""
