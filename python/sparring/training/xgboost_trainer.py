"""What all trainers of XGBoost share, wherever it runs."""

from __future__ import annotations

from typing import Any, ClassVar

from sparring.training.spec import TrainingSpec
from sparring.training.trainer import Equivalence, Trainer
from sparring.training.xgboost_parameters import FAMILY, OBJECTIVES, XGBoostParameters


class XGBoostTrainer(Trainer):
    """A trainer of XGBoost's boosted trees."""

    library = "xgboost"
    family = FAMILY
    tasks = frozenset(OBJECTIVES)
    column: ClassVar[str] = "xgboost"

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.parameters = XGBoostParameters.of(hyperparameters, owner, self.column)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return self.parameters.effective()

    def capacity(self) -> dict[str, Any]:
        """Return rounds, depth and learning rate."""
        return self.parameters.capacity()

    def equivalence(self, spec: TrainingSpec) -> Equivalence:
        """Return the group of all XGBoosts that see the rows in one order."""
        return Equivalence("xgboost", self.parameters.objective, 1e-6)
