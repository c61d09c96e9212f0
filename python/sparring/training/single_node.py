"""Training on one machine: arrays in memory, without Spark."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from scipy.sparse import csr_matrix

from sparring.data.matrix import Part, PreparedMatrix
from sparring.errors import TrainingError
from sparring.io.cells import Cells
from sparring.models import Model
from sparring.training.phases import Phases
from sparring.training.predictions import write_predictions
from sparring.training.spec import Outcome, RowsRead, TrainingSpec
from sparring.training.trainer import Trainer


@dataclass(frozen=True)
class FitSettings:
    """How rows are to be fitted, besides a trainer's hyperparameters.

    Attributes
    ----------
    task : str, default "binary"
    classes : int, default 2
        0 for a number.
    cores, seed : int
    validation : Part, optional
        May decide when to stop.
    """

    task: str = "binary"
    classes: int = 2
    cores: int = 1
    seed: int = 0
    validation: Part | None = None


class SingleNodeTrainer(Trainer):
    """A trainer of one machine: a library's fit on arrays."""

    engine = "single_node"

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the matrix that are read before the fit."""
        return ("train",)

    @abstractmethod
    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> Model:
        """Return the model fitted on rows in the order given.

        Parameters
        ----------
        features : csr_matrix of float32, shape (n, size)
        labels, weights : ndarray of float64, shape (n,)
            Class codes 0, 1, ..., or numbers.
        how : FitSettings
        """

    @abstractmethod
    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the model into the contender's folder."""

    def became(self, model: Model) -> dict[str, Any]:
        """Return how large ``model`` became; by default as it was told."""
        return self.capacity()

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Import the library, which takes seconds and is a phase of its own, and return its name and version."""

    def fit(self, spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
        """Read, fit, score and write; no Spark takes part.

        Notes
        -----
        Phases: import (of the library), read, fit, score and write.

        Cost: holds all parts in memory, for they are verified as they were fitted and scored.  Memory is at its peak
        while the largest part is sorted and fitted.
        """
        with phases("import"):
            versions = self.versions()
        matrix = PreparedMatrix(spec.matrix)
        require_memory(matrix, spec.name)
        read: dict[str, Part] = {}
        for part in self.parts:
            with phases("read"):
                read[part] = matrix.read(part)
        with phases("fit"):
            model = self._fitted(read, spec)
        for part in ("validation", "test"):
            with phases("read"):
                read[part] = read.get(part) or matrix.read(part)
            with phases("score"):
                scores = model.scores(cells_of_matrix(read[part].features))
            with phases("write"):
                write_predictions(spec.predictions, part, read[part], scores)
        with phases("write"):
            self.save_model(model, spec)
        outcome = Outcome(hyperparameters=self.effective(), capacity=self.became(model), versions=versions)
        return outcome, lambda: {part: rows.fingerprint() for part, rows in read.items()}

    def _fitted(self, read: dict[str, Part], spec: TrainingSpec) -> Model:
        train = read["train"]
        how = FitSettings(spec.task, spec.class_count, spec.cores, spec.seed, read.get("validation"))
        return self.fit_rows(train.features, train.labels, train.weights, how)


def cells_of_matrix(features: csr_matrix) -> Cells:
    """Return a matrix in memory as cells, sharing memory."""
    return Cells(features.indptr.astype(np.int64, copy=False), features.indices, features.data)


def require_memory(matrix: PreparedMatrix, name: str) -> None:
    """Raise :class:`TrainingError` if the train part cannot fit this machine's free memory.

    The need is estimated as the cells in float64 with their indices, held twice while they are sorted.
    """
    cells = matrix.cells("train")
    need = cells * (np.dtype(np.float64).itemsize + np.dtype(np.int32).itemsize) * 2
    free = psutil.virtual_memory().available
    if need > free:
        raise TrainingError(
            f"{name}: the train part's {cells:,} feature values need about {need / 2**30:.1f} GiB, "
            f"{free / 2**30:.1f} GiB are free",
            "Train on Spark, or on a machine with more memory.",
        )
