"""Boosters of LightGBM."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from sparring.errors import MissingDependencyError
from sparring.io.cells import Cells, stack
from sparring.models.model import Model

INSTALL = "Run: pip install 'sparring[lightgbm]'"


class LightGBMModel(Model):
    """A booster of LightGBM; a cell absent from a row is zero to it.

    Parameters
    ----------
    text : str
        In LightGBM's own format, which runs no code.

    Raises
    ------
    MissingDependencyError
        If LightGBM is not installed.
    """

    name: ClassVar[str] = "lightgbm"
    file_name: ClassVar[str] = "model.lightgbm.txt"

    def __init__(self, text: str) -> None:
        try:
            import lightgbm
        except ImportError as error:
            raise MissingDependencyError("The model is LightGBM's, which is not installed", INSTALL) from error

        self.text = text
        self.booster = lightgbm.Booster(model_str=text)

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return int(self.booster.num_feature())

    @property
    def rounds(self) -> int:
        """Number of boosting rounds."""
        return int(self.booster.current_iteration())

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the scores of the rows, float64: those of the booster's objective."""
        if len(cells.offsets) == 1:
            classes = self.booster.num_model_per_iteration()
            return np.empty((0, classes) if classes > 1 else 0)
        return np.asarray(self.booster.predict(stack([cells], self.width)), dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write the booster's text."""
        path.write_text(self.text, encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> LightGBMModel:
        """Return the booster in a file."""
        return cls(path.read_text(encoding="utf-8"))
