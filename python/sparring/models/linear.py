"""Linear models: intercept and coefficients."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from sparring.io.cells import Cells
from sparring.models.links import sigmoid
from sparring.models.model import Model


@dataclass(frozen=True)
class LinearModel(Model):
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

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""
        products = cells.values.astype(np.float64) * self.coefficients[cells.indices]
        count = len(cells.offsets) - 1
        rows = np.repeat(np.arange(count), np.diff(cells.offsets))
        return sigmoid(np.bincount(rows, weights=products, minlength=count) + self.intercept)

    def save(self, path: Path) -> None:
        """Write the coefficients as JSON."""
        value = {"intercept": self.intercept, "coefficients": self.coefficients.tolist()}
        path.write_text(json.dumps(value, allow_nan=False))

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Return the coefficients in a JSON file, ours or a run's ``coefficients.json``."""
        value = json.loads(path.read_text())
        return cls(float(value["intercept"]), np.asarray(value["coefficients"], dtype=np.float64))
