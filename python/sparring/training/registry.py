"""Trainers by engine, library and family; those of other packages by an entry point."""

from __future__ import annotations

from sparring.config.schema import ContenderConfig, RunConfig
from sparring.training.trainer import Trainer

# Entry points of other packages: name = "module:TrainerClass".
ENTRY_POINTS = "sparring.trainers"


def trainer_of(contender: ContenderConfig) -> Trainer:
    """Return the trainer of ``contender``, its hyperparameters checked; no work is done.

    Raises
    ------
    ConfigError
        If there is none for engine, library and family, or a hyperparameter is wrong.
    """
    raise NotImplementedError


def check_contenders(config: RunConfig, task: str | None = None) -> None:
    """Raise for the first contender that cannot be trained here, for ``task`` where that is known already.

    Raises
    ------
    ConfigError
        If a hyperparameter is wrong, there is no such trainer, or it does not know the task; what to use is said.
    MissingDependencyError, PlatformError
        If something is not installed or does not run here.
    """
    raise NotImplementedError
