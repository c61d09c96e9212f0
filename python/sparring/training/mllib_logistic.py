"""Logistic regression by MLlib, of two and of several classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparring.io import storage
from sparring.models import LinearModel
from sparring.training.linear_parameters import LinearParameters
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec
from sparring.training.trainer import Equivalence

if TYPE_CHECKING:
    from pyspark.ml import Estimator

COEFFICIENTS = "coefficients.json"


class MllibLogistic(MllibTrainer):
    """MLlib's logistic regression, on features as they are: they were scaled once, for every contender."""

    family = "logistic_regression"
    tasks = frozenset({"binary", "multiclass"})
    title = "MLlib's logistic regression"

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.parameters = LinearParameters.of(hyperparameters, self.family, owner)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return vars(self.parameters)

    def equivalence(self, spec: TrainingSpec) -> Equivalence:
        """Return the group of all logistic regressions."""
        return logistic_equivalence(self.parameters)

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
        write_linear(intercept, coefficients, link, self.parameters, spec)

    @classmethod
    def load_model(cls, folder: str) -> LinearModel:
        """Return the linear model in ``folder``, whichever library fitted it; it scores without Spark."""
        return read_linear(folder)


def logistic_equivalence(parameters: LinearParameters) -> Equivalence:
    """Return the group of all logistic regressions: one function, whoever minimises it."""
    return Equivalence("logistic_regression", parameters.objective, 1e-5, 1e-9)


def write_linear(
    intercept: Any, coefficients: Any, link: str, parameters: LinearParameters, spec: TrainingSpec
) -> None:
    """Write a contender's linear model."""
    model = LinearModel(intercept, coefficients, link, parameters.regParam, parameters.elasticNetParam)
    storage.write_json(storage.join(spec.model, COEFFICIENTS), model.to_dict())


def read_linear(folder: str) -> LinearModel:
    """Return the linear model in a contender's folder."""
    return LinearModel.from_dict(storage.read_json(storage.join(folder, COEFFICIENTS)))
