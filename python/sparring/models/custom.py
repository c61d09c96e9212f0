"""A user's own estimator, of any class that follows scikit-learn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sparring.errors import PackageError
from sparring.io.cells import Cells, stack
from sparring.models.model import Model

# Whoever sets it to 1 trusts where the model comes from.
TRUST = "SPARRING_TRUST_CUSTOM"


class CustomModel(Model):
    """A fitted estimator with ``predict_proba``, or ``predict`` of numbers.

    Its file is a pickle, which runs code of whoever wrote it when it is loaded; so it is loaded only where the
    environment variable ``SPARRING_TRUST_CUSTOM`` is 1.

    Parameters
    ----------
    estimator : object
        Fitted on class codes, or numbers.
    task : str
        Name of the task.
    size : int
        Number of feature columns.
    sparse : bool
        Whether it takes sparse rows.
    """

    name: ClassVar[str] = "custom"
    file_name: ClassVar[str] = "model.joblib"

    def __init__(self, estimator: Any, task: str, size: int, sparse: bool) -> None:
        self.estimator, self.task, self.size, self.sparse = estimator, task, size, sparse

    @property
    def width(self) -> int:
        """Number of feature columns that the model knows."""
        return self.size

    def scores(self, cells: Cells) -> np.ndarray:
        """Return the scores of the rows, float64."""
        rows = stack([cells], self.size)
        features = rows if self.sparse else rows.toarray()
        if self.task == "regression":
            return np.asarray(self.estimator.predict(features), dtype=np.float64)
        found = np.asarray(self.estimator.predict_proba(features), dtype=np.float64)
        return found[:, 1] if self.task == "binary" else found

    def save(self, path: Path) -> None:
        """Write the estimator as joblib does."""
        import joblib

        joblib.dump(vars(self), path)

    @classmethod
    def load(cls, path: Path) -> CustomModel:
        """Return the estimator that :meth:`save` wrote.

        Raises
        ------
        PackageError
            If it is not trusted.
        """
        if os.environ.get(TRUST) != "1":
            raise PackageError(
                f"{path} holds an estimator of a class of its owner's: to load it runs code of theirs",
                f"Set {TRUST}=1 where you know where it comes from.",
            )
        import joblib

        return cls(**joblib.load(path))
