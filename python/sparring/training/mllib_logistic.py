"""Logistic regression by MLlib, of two and of several classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.training.linear_trainer import LinearTrainer
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class MllibLogistic(LinearTrainer, MllibTrainer):
    """MLlib's logistic regression, on features as they are: they were scaled once, for every contender."""

    family = "logistic_regression"
    tasks = frozenset({"binary", "multiclass"})
    title = "MLlib's logistic regression"

    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the estimator; scaling inside would change the function that is minimised."""
        from pyspark.ml.classification import LogisticRegression

        kind = "binomial" if spec.class_count == 2 else "multinomial"
        return LogisticRegression(**COLUMNS, **vars(self.parameters), standardization=False, family=kind)

    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Write the coefficients as JSON."""
        if spec.class_count == 2:
            intercept, coefficients, link = model.intercept, model.coefficients.toArray(), "logistic"
        else:
            intercept, coefficients, link = (
                model.interceptVector.toArray(),
                model.coefficientMatrix.toArray(),
                "softmax",
            )
        self.write(intercept, coefficients, link, spec)
