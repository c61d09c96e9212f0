"""From stored predictions to metrics with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring.evaluation.bootstrap import resampled
from sparring.evaluation.delong import auc_components
from sparring.evaluation.evidence import Contributions, Evidence, Resamples
from sparring.evaluation.interval import Interval, by_cluster, effective_clusters, too_few
from sparring.evaluation.predictions import Predictions
from sparring.task import Metric, Plot, Scored, Table, Task


@dataclass(frozen=True)
class Evaluation:
    """What one contender's predictions are worth on the test part.

    Attributes
    ----------
    metric : Metric
        The one that decides.
    metrics : dict of str to Interval
        For each metric of the task the estimate and its interval; the one that decides comes first.
    sample : dict
        ``rows``, ``clusters`` (groups, or rows without groups), what a ``cluster`` is, ``effective_clusters`` of the
        rarest class where there are classes, how a sentence says so (``of_rarest``), ``confidence``, the ``digest`` of
        the rows, and what the task tells of the labels.
    evidence : Evidence
        Of the metric that decides: behind the tests between contenders.
    scores : ndarray of float64, shape (n,) or (n, classes)
        In the order of the rows' keys: contenders of equal scores need no test.
    label : str
        Name of the label: the unit of an error.
    decided : dict of str to dict
        By metric of decisions: the ``threshold``, where one was chosen on validation, and the metric of always deciding
        for the commonest label (``majority``).
    plots, tables : list of dict
        Of the task, see :mod:`sparring.task.shown`.
    """

    metric: Metric
    metrics: dict[str, Interval]
    sample: dict[str, Any]
    evidence: Evidence = field(repr=False)
    scores: np.ndarray = field(repr=False)
    label: str = "label"
    decided: dict[str, dict[str, float]] = field(default_factory=dict)
    plots: list[Plot] = field(default_factory=list, repr=False)
    tables: list[Table] = field(default_factory=list, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what decides (``metric``), ``metrics`` by name, ``sample``, ``plots`` and ``tables``; JSON-ready.

        Each of the metrics is as :meth:`Interval.to_dict`, and those of decisions have what they were decided by.
        """
        return {
            "metric": self.metric.describe(self.label),
            "metrics": {name: found.to_dict() | self.decided.get(name, {}) for name, found in self.metrics.items()},
            "sample": self.sample,
            "plots": self.plots,
            "tables": self.tables,
        }


def evaluate(
    task: Task,
    validation: Predictions,
    test: Predictions,
    *,
    metric: Metric | None = None,
    confidence: float = 0.95,
    names: list[str] | None = None,
    label: str = "label",
) -> Evaluation:
    """Return the metrics of a contender with their intervals.

    Parameters
    ----------
    task : Task
    validation : Predictions
        What the task decides by, such as the threshold of a probability, is chosen on these rows.
    test : Predictions
        Everything else is computed on these.
    metric : Metric, optional
        The one that decides; the task's own by default.
    confidence : float, default 0.95
        Of the intervals, in (0, 1).
    names : list of str, optional
        The classes as their owner writes them, in the order of their codes; by default the codes.
    label : str, default "label"
        The label's name, for titles.

    Returns
    -------
    Evaluation

    Notes
    -----
    Groups count as one draw each: rows of a group are not independent.  Which method each interval uses, and how
    often it holds the truth, is in ``docs/guide/verdict.md`` and ``docs/benchmarks/coverage.md``.

    Costs a sort of the rows or two, then O(rows); a metric without influence a bootstrap.
    """
    metric = metric or task.metric()
    threshold = task.threshold(validation.labels, validation.scores, validation.weights)
    decisions = task.decisions(test.scores, threshold)
    strata = _strata(task, test)
    doubt = too_few(float(strata.min()), test.cluster, task.of_rarest)
    metrics = [metric, *(other for other in task.metrics if other.name != metric.name)]
    evidence = {
        each.name: _evidence(task, each, test, decisions if each.of == "decisions" else test.scores, strata)
        for each in metrics
    }
    scored = Scored(test.labels, test.weights, test.scores, decisions, names or _codes(test), label)
    return Evaluation(
        metric,
        {name: _interval(found, confidence, doubt) for name, found in evidence.items()},
        {**_sample(test, task, float(strata.min()), confidence), **task.sample(scored)},
        evidence[metric.name],
        test.scores,
        label,
        {each.name: _decided(each, test, threshold) for each in metrics if each.of == "decisions"},
        task.plots(scored),
        task.tables(scored),
    )


def _evidence(task: Task, metric: Metric, test: Predictions, predicted: np.ndarray, strata: np.ndarray) -> Evidence:
    """Return what is known of a metric's spread, by the best method that it allows."""
    if metric.interval == "delong":
        return auc_components(test)
    rows = (test.labels, predicted, test.weights)
    value, all_clusters = metric.function(*rows), effective_clusters(by_cluster(test.weights, test.clusters))
    if metric.influence is None:
        return Resamples(metric, value, resampled(metric, test, predicted), all_clusters)
    count = task.rests_on(strata) if metric.interval == "logit" else all_clusters
    return Contributions(metric, value, by_cluster(metric.influence(*rows), test.clusters), count)


def _interval(evidence: Evidence, confidence: float, doubt: str | None) -> Interval:
    """Return the interval, with the doubt that there is; what is known exactly is not doubted."""
    found = evidence.interval(confidence)
    return found if found.low is not None and found.low == found.high else found.doubted(doubt)


def _strata(task: Task, test: Predictions) -> np.ndarray:
    """Return the effective clusters of each stratum of the task."""
    numbers = task.strata(test.labels)
    return np.array(
        [
            effective_clusters(by_cluster(test.weights * (numbers == number), test.clusters))
            for number in range(int(numbers.max()) + 1)
        ]
    )


def _decided(metric: Metric, test: Predictions, threshold: float | None) -> dict[str, float]:
    """Return what a metric of decisions was decided by, and its value for the commonest label alone."""
    values, places = np.unique(test.labels, return_inverse=True)
    commonest = values[np.bincount(places, test.weights).argmax()]
    majority = metric.function(test.labels, np.full(len(test), commonest), test.weights)
    return {"majority": majority} | ({} if threshold is None else {"threshold": threshold})


def _codes(test: Predictions) -> list[str]:
    return [str(code) for code in range(test.scores.shape[1])] if test.scores.ndim == 2 else []


def _sample(test: Predictions, task: Task, effective: float, confidence: float) -> dict[str, Any]:
    return {
        "rows": len(test),
        "clusters": test.cluster_count,
        "cluster": test.cluster,
        "effective_clusters": effective,
        "of_rarest": task.of_rarest,
        "confidence": confidence,
        "digest": test.digest(),
    }


def deciding(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metric that decides, of an ``Evaluation.to_dict()``: its value, interval and whether that holds."""
    found: dict[str, Any] = evaluation["metrics"][evaluation["metric"]["name"]]
    return found
