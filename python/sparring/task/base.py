"""What a task owns: everything that depends on the kind of problem, and on nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from sparring.errors import ConfigError, did_you_mean
from sparring.task.metric import Metric, metric_named, metrics_of
from sparring.task.scored import Scored
from sparring.task.scores import SCORE
from sparring.task.shown import Plot, Table
from sparring.task.target import Target


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
    of_rarest : str
        How a sentence goes on that counts the independent rows or groups which a metric rests on, such as
        ``" of the rarer class"``.
    group_baseline : str
        Name of the baseline that knows the row's group and nothing else.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    primary: ClassVar[str]
    of_rarest: ClassVar[str] = ""
    group_baseline: ClassVar[str] = "group mean"

    def __repr__(self) -> str:
        return f"<task {self.name}>"

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

    @abstractmethod
    def check(self, labels: np.ndarray, scores: np.ndarray, owner: str) -> None:
        """Raise for labels or scores that the metrics are not defined on.

        Parameters
        ----------
        labels : ndarray of float64, shape (n,)
        scores : ndarray of float64, shape (n,) or (n, classes)
        owner : str
            Names the predictions in messages.

        Raises
        ------
        TableError
            If a score is none of this task.
        LabelError
            If a label is, or if there are too few different ones.
        """

    # -- what the scores are worth --------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Metric]:
        """The task's metrics, the primary one first."""
        return sorted(metrics_of(self.name), key=lambda metric: metric.name != self.primary)

    def metric(self, name: str | None = None) -> Metric:
        """Return the metric ``name``, the primary one by default."""
        return metric_named(name or self.primary, self.name)

    def margin(self, metric: Metric, baseline: float | None) -> float:
        """Return the difference in ``metric`` that does not matter, see :meth:`Metric.margin`."""
        return metric.margin(baseline)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return of each row what it must be counted with, numbered from 0: each of these must be many enough.

        By default all rows count together; tasks of classes count each class.
        """
        return np.zeros(len(labels), dtype=np.int64)

    def rests_on(self, sizes: np.ndarray) -> float:
        """Return on how many independent rows or groups a share such as PR AUC rests, of those in each stratum."""
        return float(sizes.min())

    def threshold(self, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float | None:
        """Return what is learnt on validation to decide by; None, the default, where nothing is."""
        return None

    def decisions(self, scores: np.ndarray, threshold: float | None) -> np.ndarray:
        """Return the label that the scores stand for, shape (n,): by default the score itself."""
        return scores

    # -- the baselines --------------------------------------------------------------------------------------------

    def indicators(self, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return of each label what scores of the shape of ``scores`` estimate: the label, or 1 for its class."""
        return labels if scores.ndim == 1 else (labels[:, None] == np.arange(scores.shape[1])).astype(np.float64)

    @abstractmethod
    def constants(self, labels: np.ndarray, weights: np.ndarray, indicators: np.ndarray) -> dict[str, np.ndarray]:
        """Return the scores that know nothing of a row, by the baseline's name; the simplest one first.

        Parameters
        ----------
        labels, weights : ndarray of float64, shape (n,)
            Of train.
        indicators : ndarray of float64, shape (n,) or (n, classes)
            From :meth:`indicators`.
        """

    # -- what is shown --------------------------------------------------------------------------------------------

    def describe(self, target: Target, label: str, metric: Metric) -> dict[str, Any]:
        """Return what the reader of a report must know of the task, JSON-ready.

        ``classes`` are text, in the order of their codes; ``metrics`` begin with ``metric``, which decides.
        """
        others = [other for other in self.metrics if other.name != metric.name]
        return {
            "name": self.name,
            "title": self.title,
            "label": label,
            "classes": target.names,
            "metric": metric.name,
            "metrics": [each.describe(label) for each in (metric, *others)],
        }

    def sample(self, scored: Scored) -> dict[str, Any]:
        """Return what a reader must know of the labels of a test part, JSON-ready.

        ``labels`` goes on after a number of rows in a sentence, such as ``"36 of them positive"``; empty where there is
        nothing to say.
        """
        return {"labels": ""}

    def plots(self, scored: Scored) -> list[Plot]:
        """Return the plots of a contender's predictions; none by default."""
        return []

    def tables(self, scored: Scored) -> list[Table]:
        """Return the tables of a contender's predictions, such as one of its classes; none by default."""
        return []


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
