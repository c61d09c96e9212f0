"""Metrics: one entry each, with its direction and the tasks that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sparring.errors import ConfigError, did_you_mean

# (labels, scores or decisions, weights) -> value
Function = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
# The same -> the influence of every row on the value, shape (n,).
Influence = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """A figure of merit of scored rows.

    Attributes
    ----------
    name : str
        In ``report.json`` and in the configuration.
    title : str
        For readers.
    higher_is_better : bool
    tasks : frozenset of str
        Names of the tasks that it belongs to.
    function : callable
        ``(labels, scores, weights) -> float``: labels are class codes or numbers, shape (n,); scores have shape (n,),
        or (n, classes) for several classes; weights are positive.
    of : {"scores", "decisions"}
        Whether ``function`` is given the scores, or the class codes that the task makes of them.
    influence : callable or None
        As ``function``, and returns what every row adds to the value's deviation, shape (n,).  None: intervals and
        tests come from a bootstrap over clusters.
    interval : {"bootstrap", "delong", "logit", "wilson", "skewed", "t"}
        How its interval is computed, see :mod:`sparring.evaluation.interval`; the others need ``influence``.
    in_label_units : bool
        Whether the value has the label's unit, as an error in minutes has.
    """

    name: str
    title: str
    higher_is_better: bool
    tasks: frozenset[str]
    function: Function
    of: Literal["scores", "decisions"] = "scores"
    influence: Influence | None = None
    interval: Literal["bootstrap", "delong", "logit", "wilson", "skewed", "t"] = "bootstrap"
    in_label_units: bool = False

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is: ``sign * (left - right)`` is positive where left is better."""
        return 1 if self.higher_is_better else -1


METRICS: dict[str, Metric] = {}


def register_metric(metric: Metric) -> Metric:
    """Have ``metric`` computed for its tasks wherever metrics are: verdict, page, JSON, terminal; and return it.

    Raises
    ------
    ConfigError
        If another metric has that name.

    Examples
    --------
    >>> from sparring.task import METRICS
    >>> METRICS["roc_auc"].higher_is_better
    True
    """
    if METRICS.setdefault(metric.name, metric) != metric:
        raise ConfigError(f"There is a metric {metric.name!r} already", "Give yours another name.")
    return metric


def metric_named(name: str, task: str, owner: str = "evaluation.metric") -> Metric:
    """Return the metric ``name`` of ``task``.

    Raises
    ------
    ConfigError
        If there is none; ``owner`` opens the message.
    """
    known = {metric.name: metric for metric in metrics_of(task)}
    if name not in known:
        raise ConfigError(
            f"{owner}: {name!r} is no metric of a {task} task; they are {', '.join(known)}",
            f"Name one of them.{did_you_mean(name, list(known))}",
        )
    return known[name]


def metrics_of(task: str) -> list[Metric]:
    """Return the metrics of the task named ``task``, in the order in which they were registered."""
    return [metric for metric in METRICS.values() if task in metric.tasks]
