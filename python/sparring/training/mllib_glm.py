"""Poisson and gamma regression by MLlib, with a logarithmic link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sparring.errors import TrainingError
from sparring.training.linear_trainer import LinearTrainer
from sparring.training.mllib_linear import train_labels
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class MllibGamma(LinearTrainer, MllibTrainer):
    """MLlib's generalized linear regression of positive numbers, by iteratively reweighted least squares."""

    family = "gamma_regression"
    distribution: ClassVar[str] = "gamma"
    tasks = frozenset({"regression"})
    title = "MLlib's gamma regression"

    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the estimator, its penalty that of the function which all minimise.

        Cost: the labels and weights of train are read without Spark.

        Raises
        ------
        TrainingError
            If a label is none that the distribution has.
        """
        from pyspark.ml.regression import GeneralizedLinearRegression

        own, (labels, weights) = self.parameters, train_labels(spec.matrix)
        require_in_domain(labels, self.distribution, spec.name)
        penalty = own.regParam / self._scale(labels, weights)
        limits: dict[str, Any] = {"maxIter": own.maxIter, "tol": own.tol, "regParam": penalty}
        return GeneralizedLinearRegression(**COLUMNS, **limits, family=self.distribution, link="log")

    def _scale(self, labels: np.ndarray, weights: np.ndarray) -> float:
        """Return the sum of the working weights by that of the rows' own."""
        return 1.0

    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Write the coefficients as JSON."""
        self.write(model.intercept, model.coefficients.toArray(), self.distribution, spec)


class MllibPoisson(MllibGamma):
    """MLlib's generalized linear regression of counts."""

    family = "poisson_regression"
    distribution = "poisson"
    title = "MLlib's Poisson regression"

    def _scale(self, labels: np.ndarray, weights: np.ndarray) -> float:
        return float(weights @ labels / weights.sum()) or 1.0


def require_in_domain(labels: np.ndarray, distribution: str, owner: str) -> None:
    """Raise :class:`TrainingError` for a label that the distribution does not have."""
    least = float(labels.min(initial=np.inf))
    if least < 0 or (least == 0 and distribution == "gamma"):
        wanted = "above 0" if distribution == "gamma" else "of 0 or more"
        raise TrainingError(
            f"{owner}: a {distribution} regression takes labels {wanted}, and train holds {least:g}",
            "Use linear_regression, or trees.",
        )
