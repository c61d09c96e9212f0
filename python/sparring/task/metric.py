"""Metrics: one entry each, with its direction and the tasks that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sparring.errors import ComparisonError, ConfigError, did_you_mean

# (labels, scores or decisions, weights) -> value
Function = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
# The same -> the influence of every row on the value, shape (n,).
Influence = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# (labels, scores or decisions) -> (weights -> value): for resamples, which change nothing but the weights.
Reweighted = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], float]]
IntervalKind = Literal["bootstrap", "delong", "logit", "wilson", "skewed", "t"]
Shown = Literal["score", "share", "amount"]

# Differences smaller than this do not matter in metrics without a unit; of an error in the label's unit it is this
# share of what the simplest baseline has.
MARGIN, SHARE_OF_BASELINE = 0.002, 0.01


@dataclass(frozen=True)
class Metric:
    """A figure of merit of scored rows.

    Attributes
    ----------
    name : str
        In ``report.json`` and in the configuration.
    title : str
        For readers, as it stands within a sentence.
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
    reweighted : callable or None
        ``(labels, scores) -> (weights -> value)``, a quicker ``function`` for a bootstrap: weights may be 0.
    chance : float or None
        The value of scores that are all the same, where that is one number whatever the labels.
    shown_as : {"score", "share", "amount"}
        How a page writes the value: with four decimals, in per cent, or with four digits.
    """

    name: str
    title: str
    higher_is_better: bool
    tasks: frozenset[str]
    function: Function
    of: Literal["scores", "decisions"] = "scores"
    influence: Influence | None = None
    interval: IntervalKind = "bootstrap"
    in_label_units: bool = False
    reweighted: Reweighted | None = None
    chance: float | None = None
    shown_as: Shown = "score"

    @property
    def bounded(self) -> bool:
        """Whether the value lies in [0, 1]: so do the ends of intervals of these kinds."""
        return self.interval in ("delong", "logit", "wilson")

    def margin(self, baseline: float | None) -> float:
        """Return the difference below which two models are as good as each other.

        Parameters
        ----------
        baseline : float or None
            The metric of the simplest baseline, on the same rows.

        Raises
        ------
        ComparisonError
            If the metric is in the label's unit and the baseline's error is 0: nothing is a share of that.

        Examples
        --------
        >>> from sparring.task import METRICS
        >>> METRICS["roc_auc"].margin(0.5), METRICS["rmse"].margin(40.0)
        (0.002, 0.4)
        """
        if not self.in_label_units:
            return MARGIN
        if not baseline:
            raise ComparisonError(
                f"evaluation.margin: there is no margin for {self.title}, for the baseline's is {baseline}",
                "Set evaluation.margin to the difference that does not matter, in the label's unit.",
            )
        return SHARE_OF_BASELINE * abs(baseline)

    def describe(self, label: str) -> dict[str, Any]:
        """Return what a reader of a value must know, JSON-ready; the unit of ``label`` is named where it has one."""
        return {
            "name": self.name,
            "title": self.title,
            "higher_is_better": self.higher_is_better,
            "unit": label if self.in_label_units else None,
            "chance": self.chance,
            "shown_as": "amount" if self.in_label_units else self.shown_as,
            "of": self.of,
        }

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


# A metric with a number in its name, such as pinball_0.9: the part before the number -> what makes the metric.
FAMILIES: dict[str, Callable[[float], Metric]] = {}


def register_family(name: str, make: Callable[[float], Metric]) -> None:
    """Have ``NAME_NUMBER`` stand for the metric ``make(NUMBER)``."""
    FAMILIES[name] = make


def metric_named(name: str, task: str, owner: str = "evaluation.metric") -> Metric:
    """Return the metric ``name`` of ``task``.

    Raises
    ------
    ConfigError
        If there is none; ``owner`` opens the message.

    Examples
    --------
    >>> from sparring.task import metric_named
    >>> metric_named("pinball_0.9", "regression").title
    'pinball loss at 0.9'
    """
    known = {metric.name: metric for metric in metrics_of(task)}
    if name in known:
        return known[name]
    made = _made(name)
    if made is not None and task in made.tasks:
        return made
    families = [f"{family}_NUMBER" for family, make in FAMILIES.items() if task in make(0.5).tasks]
    raise ConfigError(
        f"{owner}: {name!r} is no metric of a {task} task; they are {', '.join([*known, *families])}",
        f"Name one of them.{did_you_mean(name, list(known))}",
    )


def metrics_of(task: str) -> list[Metric]:
    """Return the metrics of the task named ``task``, in the order in which they were registered."""
    return [metric for metric in METRICS.values() if task in metric.tasks]


def _made(name: str) -> Metric | None:
    """Return the metric of a family that ``name`` stands for; None where it is no such name."""
    family, _, number = name.rpartition("_")
    if family not in FAMILIES:
        return None
    try:
        return FAMILIES[family](float(number))
    except ValueError:
        return None
