"""Boosted trees by MLlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.io import storage
from sparring.models import TreesModel
from sparring.models.mllib_files import read_trees
from sparring.training import parameters
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class MllibTrees(MllibTrainer):
    """MLlib's gradient-boosted trees: an algorithm of its own, compared with others by score only."""

    family = "gradient_boosted_trees"
    tasks = frozenset({"binary", "regression"})
    title = "MLlib's boosted trees"

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.given = parameters.checked(hyperparameters, self.library, self.family, owner)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return parameters.effective(self.given, self.library, self.family)

    def capacity(self) -> dict[str, Any]:
        """Return rounds, depth, learning rate and rows a leaf."""
        found = self.effective()
        names = {"rounds": "maxIter", "depth": "maxDepth", "learning_rate": "stepSize"}
        size = {name: found[own] for name, own in names.items()}
        return {**size, "min_leaf_rows": found["minInstancesPerNode"]}

    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the classifier or the regressor."""
        if spec.task == "regression":
            from pyspark.ml.regression import GBTRegressor

            return GBTRegressor(**COLUMNS, **self.effective(), seed=spec.seed)
        from pyspark.ml.classification import GBTClassifier

        return GBTClassifier(**COLUMNS, **self.effective(), seed=spec.seed)

    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Leave it at MLlib's own form, which is read without Spark."""

    @classmethod
    def load_model(cls, folder: str) -> TreesModel:
        """Return MLlib's trees as arrays, read from what Spark saved; no Spark is needed."""
        return read_trees(storage.join(folder, "mllib"))
