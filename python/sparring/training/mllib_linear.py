"""Linear regression by MLlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.dataset as ds

from sparring.data.matrix import PreparedMatrix
from sparring.io import storage
from sparring.training.linear_trainer import LinearTrainer
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class MllibLinear(LinearTrainer, MllibTrainer):
    """MLlib's linear regression by L-BFGS, on features as they are: they were scaled once, for every contender."""

    family = "linear_regression"
    tasks = frozenset({"regression"})
    title = "MLlib's linear regression"

    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the estimator, its penalty translated by the spread of the training labels.

        Cost: the labels and weights of train are read without Spark.
        """
        from pyspark.ml.regression import LinearRegression

        penalty = self.parameters.for_mllib_regression(label_deviation(*train_labels(spec.matrix)))
        arguments: dict[str, Any] = {"maxIter": self.parameters.maxIter, "tol": self.parameters.tol, **penalty}
        return LinearRegression(**COLUMNS, **arguments, standardization=False, solver="l-bfgs")

    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Write the coefficients as JSON."""
        self.write(model.intercept, model.coefficients.toArray(), "identity", spec)


def train_labels(matrix: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and weights of the train part; nothing else is read."""
    system, inner = storage.filesystem(PreparedMatrix(matrix).path("train"))
    table = ds.dataset(inner, filesystem=system, format="parquet").to_table(columns=["label", "weight"])
    labels, weights = (table[name].to_numpy().astype(np.float64) for name in ("label", "weight"))
    return labels, weights


def label_deviation(labels: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted sample standard deviation of labels, as MLlib computes it."""
    total = weights.sum()
    spread = float(weights @ (labels - weights @ labels / total) ** 2)
    return float(np.sqrt(spread / (total - weights @ weights / total)))
