"""From stored predictions to metrics with intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring.evaluation.delong import AucComponents, auc_components, delong_interval
from sparring.evaluation.influence import by_unit, mean_influence, pr_auc_influence
from sparring.evaluation.interval import (
    Interval,
    effective_units,
    logit_interval,
    skewed_interval,
    wilson_interval,
)
from sparring.evaluation.predictions import Predictions
from sparring.task import ranking as metrics

METRICS = ("roc_auc", "pr_auc", "log_loss", "brier", "accuracy")


@dataclass(frozen=True)
class Evaluation:
    """What one contender's predictions are worth on the test part.

    Attributes
    ----------
    metrics : dict of str to Interval
        For each of :data:`METRICS` the estimate and its interval.
    threshold : float
        ``score >= threshold`` means class 1; chosen on validation for the highest accuracy.
    sample : dict
        Rows, units, their kind, units of the rarer class, base rate, confidence and the digest of the rows.
    curves : dict
        ``"roc"`` and ``"calibration"`` points.
    components : AucComponents
        Behind the tests between contenders.
    scores : ndarray of float64, shape (n,)
        In the order of the rows' keys: contenders of equal scores need no test.
    """

    metrics: dict[str, Interval]
    threshold: float
    sample: dict[str, Any]
    curves: dict[str, Any]
    components: AucComponents = field(repr=False)
    scores: np.ndarray = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return metrics by name, each as :meth:`Interval.to_dict`, then ``"sample"`` and ``"curves"``; JSON-ready.

        ``accuracy`` also has ``"threshold"`` and ``"majority"``, the accuracy of always naming the commoner class.
        """
        answer: dict[str, Any] = {name: interval.to_dict() for name, interval in self.metrics.items()}
        base = self.sample["base_rate"]
        answer["accuracy"] |= {"threshold": self.threshold, "majority": max(base, 1 - base)}
        return {**answer, "sample": self.sample, "curves": self.curves}


def evaluate(validation: Predictions, test: Predictions, *, confidence: float = 0.95) -> Evaluation:
    """Return the metrics of a contender with their intervals.

    Parameters
    ----------
    validation : Predictions
        The threshold of accuracy is chosen on these rows.
    test : Predictions
        Everything else is computed on these.
    confidence : float, default 0.95
        Of the intervals, in (0, 1).

    Returns
    -------
    Evaluation

    Notes
    -----
    Groups count as one draw each: rows of a group are not independent.  Which method each interval uses, and how
    often it holds the truth, is in ``docs/guide/verdict.md`` and ``docs/benchmarks/coverage.md``.

    Costs one sort of the rows, then O(rows).
    """
    threshold = metrics.best_threshold(validation.labels, validation.scores, validation.weights)
    ranking = metrics.rank(test.labels, test.scores)
    components = auc_components(test)
    return Evaluation(
        _intervals(test, ranking, components, threshold, confidence),
        threshold,
        _sample(test, components, confidence),
        {
            "roc": metrics.roc_curve(ranking, test.weights),
            "calibration": metrics.calibration_curve(test.labels, test.scores, test.weights),
        },
        components,
        test.scores,
    )


def _intervals(
    test: Predictions, ranking: metrics.Ranking, components: AucComponents, threshold: float, confidence: float
) -> dict[str, Interval]:
    """Return the metrics in the order of METRICS."""
    losses = metrics.row_losses(test.labels, test.scores, threshold)
    means = test.weights @ losses / test.weights.sum()
    moved = [by_unit(column, test.units) for column in mean_influence(losses, test.weights).T]
    precision = by_unit(pr_auc_influence(ranking, test.labels, test.weights), test.units)
    units = effective_units(by_unit(test.weights, test.units))
    average = metrics.pr_auc(ranking, test.weights)
    found = {
        "pr_auc": logit_interval(average, precision, components.units[0], confidence),
        "log_loss": skewed_interval(float(means[0]), moved[0], confidence),
        "brier": wilson_interval(float(means[1]), moved[1], units, confidence),
        "accuracy": wilson_interval(float(means[2]), moved[2], units, confidence),
    }
    return {
        "roc_auc": delong_interval(components, confidence),
        **{name: interval.doubted(components.doubt) for name, interval in found.items()},
    }


def _sample(test: Predictions, components: AucComponents, confidence: float) -> dict[str, Any]:
    return {
        "rows": len(test),
        "positives": int(test.labels.sum()),
        "units": test.unit_count,
        "unit": test.unit,
        "units_of_rarer_class": min(components.units),
        "base_rate": float(test.weights @ test.labels / test.weights.sum()),
        "confidence": confidence,
        "digest": test.digest(),
    }
