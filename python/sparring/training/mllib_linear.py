"""Linear regression by MLlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.dataset as ds

from sparring.data.matrix import PreparedMatrix
from sparring.io import storage
from sparring.models import LinearModel
from sparring.training.linear_parameters import LinearParameters
from sparring.training.mllib_logistic import read_linear, write_linear
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec
from sparring.training.trainer import Equivalence

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class MllibLinear(MllibTrainer):
    """MLlib's linear regression by L-BFGS, on features as they are: they were scaled once, for every contender."""

    family = "linear_regression"
    tasks = frozenset({"regression"})
    title = "MLlib's linear regression"

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.parameters = LinearParameters.of(hyperparameters, self.family, owner)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return vars(self.parameters)

    def equivalence(self, spec: TrainingSpec) -> Equivalence:
        """Return the group of all linear regressions."""
        return linear_equivalence(self.parameters)

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
        write_linear(model.intercept, model.coefficients.toArray(), "identity", self.parameters, spec)

    @classmethod
    def load_model(cls, folder: str) -> LinearModel:
        """Return the linear model in ``folder``, whichever library fitted it; it scores without Spark."""
        return read_linear(folder)


def linear_equivalence(parameters: LinearParameters) -> Equivalence:
    """Return the group of all linear regressions: one function, whoever minimises it."""
    return Equivalence("linear_regression", parameters.objective, 1e-5, 1e-9)


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
