"""Trainers whose hyperparameters are a column of the declared table, as they are."""

from __future__ import annotations

from typing import Any, ClassVar

from sparring.training import parameters
from sparring.training.trainer import Trainer


class DeclaredTrainer(Trainer):
    """A trainer that passes its hyperparameters on under the names of a column of the table.

    Attributes
    ----------
    column : str
        See :mod:`sparring.training.parameters`.
    """

    column: ClassVar[str]

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.given = parameters.checked(hyperparameters, self.column, self.family, owner)

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return parameters.effective(self.given, self.column, self.family)
