"""Boosters of LightGBM."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sparring.errors import MissingDependencyError
from sparring.io.cells import Cells, stack
from sparring.models.model import Model


def import_lightgbm() -> Any:
    """Return the package, imported when it is needed.

    Raises
    ------
    MissingDependencyError
        If it is not installed, or the system has no OpenMP, which its wheel does not bring.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingDependencyError(
            "The library lightgbm is not installed", "Run: pip install 'sparring[lightgbm]'"
        ) from error
    except OSError as error:
        raise MissingDependencyError(
            f"LightGBM does not load here: {error}", "Install OpenMP; on Debian: apt-get install libgomp1"
        ) from error
    return lightgbm


class LightGBMModel(Model):
    """A booster of LightGBM; a cell absent from a row is zero to it.

    Parameters
    ----------
    text : str
        In LightGBM's own format, which runs no code.

    Raises
    ------
    MissingDependencyError
        If LightGBM cannot be imported.
    """

    name: ClassVar[str] = "lightgbm"
    file_name: ClassVar[str] = "model.lightgbm.txt"

    def __init__(self, text: str) -> None:
        self.text = text
        self.booster = import_lightgbm().Booster(model_str=text)

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
