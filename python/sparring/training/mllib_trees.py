"""Trees by MLlib: what its boosted ones, its forests and its single ones share."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from sparring.io import storage
from sparring.models import TreesModel
from sparring.models.mllib_files import read_trees
from sparring.training.declared import DeclaredTrainer
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class MllibTreeTrainer(DeclaredTrainer, MllibTrainer):
    """A trainer of MLlib's trees, whose estimators are named by what comes before ``Classifier`` and ``Regressor``."""

    column = "mllib"
    estimators: ClassVar[str]
    sizes: ClassVar[dict[str, str]]

    def capacity(self) -> dict[str, Any]:
        """Return how many trees, how deep, and rows a leaf."""
        found = self.effective()
        return {name: found[own] for name, own in self.sizes.items()}

    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the classifier or the regressor."""
        module, kind = ("regression", "Regressor") if spec.task == "regression" else ("classification", "Classifier")
        made = getattr(import_module(f"pyspark.ml.{module}"), f"{self.estimators}{kind}")
        estimator: Estimator[Any] = made(**COLUMNS, **self.effective(), seed=spec.seed)
        return estimator

    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Leave it at MLlib's own form, which is read without Spark."""

    @classmethod
    def load_model(cls, folder: str) -> TreesModel:
        """Return MLlib's trees as arrays, read from what Spark saved; no Spark is needed."""
        return read_trees(storage.join(folder, "mllib"))
