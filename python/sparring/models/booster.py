"""Boosters of XGBoost."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from sparring.io.cells import Cells, stack
from sparring.models.model import Model


class XGBoostModel(Model):
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

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the scores of the rows, float64: those of the booster's objective."""
        import xgboost

        return self.booster.predict(xgboost.DMatrix(stack([cells], self.width))).astype(np.float64)

    def save(self, path: Path) -> None:
        """Write the booster as it was given."""
        path.write_bytes(self.data)

    @classmethod
    def load(cls, path: Path) -> XGBoostModel:
        """Return the booster in a file."""
        return cls(path.read_bytes())
