"""What all trainers of linear models share, whichever library fits: hyperparameters, equivalence, the model's file."""

from __future__ import annotations

from typing import Any

from sparring.io import storage
from sparring.models import LinearModel
from sparring.training.linear_parameters import LinearParameters
from sparring.training.parameters import parameters_of
from sparring.training.spec import TrainingSpec
from sparring.training.trainer import Equivalence, Trainer

COEFFICIENTS = "coefficients.json"


class LinearTrainer(Trainer):
    """A trainer of linear models; those of one family minimise one function, whoever fits them."""

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.parameters = LinearParameters.of(hyperparameters, self.family, owner)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        known = parameters_of("sparring", self.family)
        return {name: value for name, value in vars(self.parameters).items() if name in known}

    def equivalence(self, spec: TrainingSpec) -> Equivalence:
        """Return the group of all trainers of the family."""
        return Equivalence(self.family, self.parameters.objective, 1e-5, 1e-9)

    def write(self, intercept: Any, coefficients: Any, link: str, spec: TrainingSpec) -> None:
        """Write the model as JSON."""
        own = self.parameters
        model = LinearModel(intercept, coefficients, link, own.regParam, own.elasticNetParam)
        storage.write_json(storage.join(spec.model, COEFFICIENTS), model.to_dict())

    @classmethod
    def load_model(cls, folder: str) -> LinearModel:
        """Return the linear model in ``folder``, whichever library fitted it; it scores without Spark."""
        return LinearModel.from_dict(storage.read_json(storage.join(folder, COEFFICIENTS)))
