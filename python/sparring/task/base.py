"""What a task owns: everything that depends on the kind of problem, and on nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sparring.errors import ConfigError, did_you_mean
from sparring.task.metric import Metric, metric_named, metrics_of
from sparring.task.target import Target

# Rows have one score: P(positive), or a number; or one for each class, in the order of the classes.
SCORE, PROBABILITIES = "score", "probabilities"


class Task(ABC):
    """A kind of problem.

    Attributes
    ----------
    name : str
        In configurations and files.
    title : str
        For readers, such as ``"two classes"``.
    primary : str
        Name of the metric that decides unless the user names another.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    primary: ClassVar[str]

    # -- the label ----------------------------------------------------------------------------------------------

    @abstractmethod
    def target(self, values: Sequence[Any], kind: str, column: str, positive: object = None) -> Target:
        """Return what is predicted, from the label's distinct values.

        Parameters
        ----------
        values : sequence
            Distinct values of the label, sorted, missing ones left out; more than
            :data:`~sparring.task.choose.MOST_CLASSES` are cut.
        kind : str
            Spark's type of the column.
        column : str
            The label's name, for messages.
        positive : object, optional
            ``table.positive`` of the configuration.

        Raises
        ------
        LabelError
            If such values cannot be the label of this task.
        """

    @abstractmethod
    def splitter_params(self, label: str) -> dict[str, Any]:
        """Return the Params of a splitter that keep every part like the whole: by class, or by quantile bins."""

    # -- the predictions ----------------------------------------------------------------------------------------

    @abstractmethod
    def score_count(self, target: Target) -> int:
        """Return how many scores a row has: 1, or one for each class."""

    def score_column(self) -> str:
        """Return the column of stored predictions: :data:`SCORE` (double) or :data:`PROBABILITIES` (array<double>)."""
        return SCORE

    # -- what the scores are worth --------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Metric]:
        """The task's metrics, the primary one first."""
        return sorted(metrics_of(self.name), key=lambda metric: metric.name != self.primary)

    def metric(self, name: str | None = None) -> Metric:
        """Return the metric ``name``, the primary one by default."""
        return metric_named(name or self.primary, self.name)


TASKS: dict[str, Task] = {}


def register_task(task: Task) -> Task:
    """Have configurations name ``task``, and return it."""
    TASKS[task.name] = task
    return task


def task_named(name: str) -> Task:
    """Return the task of that name.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> from sparring.task import task_named
    >>> task_named("regression").primary
    'rmse'
    """
    if name not in TASKS:
        raise ConfigError(
            f"table.task: {name!r} is no task; they are {', '.join(TASKS)}",
            f"Name one of them, or auto.{did_you_mean(name, list(TASKS))}",
        )
    return TASKS[name]


def scores_of(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the scores of stored predictions, shape (n,) or (n, classes)."""
    if PROBABILITIES in columns:
        return np.vstack(list(columns[PROBABILITIES])) if columns[PROBABILITIES].ndim == 1 else columns[PROBABILITIES]
    return columns[SCORE]
