"""From stored predictions to metrics with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import norm

from sparring.evaluation import metrics
from sparring.evaluation.delong import AucComponents, auc_components, delong_covariance
from sparring.evaluation.predictions import Predictions

METRICS = ("roc_auc", "pr_auc", "log_loss", "brier", "accuracy")
HIGHER_IS_BETTER = {"roc_auc": True, "pr_auc": True, "log_loss": False, "brier": False, "accuracy": True}


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its confidence interval; the ends are None when they cannot be known."""

    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Return ``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Evaluation:
    """What one contender's predictions are worth on the test part.

    Attributes
    ----------
    metrics : dict of str to Interval
        For each of :data:`METRICS` the estimate and its percentile interval from the bootstrap of units.
    threshold : float
        ``score >= threshold`` means class 1; chosen on validation for the highest accuracy.
    delong : Interval
        ROC AUC with DeLong's interval.
    sample : dict
        Rows, units, their kind, base rate, confidence, resamples, seed and the digest of the rows.
    curves : dict
        ``"roc"`` and ``"calibration"`` points.
    replicates : ndarray of float64, shape (resamples, 5)
        Each metric on each resample; the r-th resample is the same for all contenders.
    components : AucComponents
        Behind DeLong's tests between contenders.
    """

    metrics: dict[str, Interval]
    threshold: float
    delong: Interval
    sample: dict[str, Any]
    curves: dict[str, Any]
    replicates: np.ndarray = field(repr=False)
    components: AucComponents = field(repr=False)

    @property
    def p_baseline(self) -> float | None:
        """One-sided test that the ROC AUC is above 0.5, that of a constant (DeLong); None when it cannot be known."""
        variance = delong_covariance(self.components, self.components)
        if np.isnan(variance):
            return None
        if variance <= 0:
            return 0.0 if self.components.auc > 0.5 else 1.0
        return float(norm.sf((self.components.auc - 0.5) / np.sqrt(variance)))

    def to_dict(self) -> dict[str, Any]:
        """Return metrics by name, each ``{"value", "low", "high"}``, then ``"sample"`` and ``"curves"``;
        JSON-ready.

        ``"baseline"`` is the test against a constant score.  ``roc_auc`` also has ``"delong"``; ``accuracy`` has
        ``"threshold"`` and ``"majority"``, the accuracy of always naming the commoner class.
        """
        answer: dict[str, Any] = {name: interval.to_dict() for name, interval in self.metrics.items()}
        answer["roc_auc"]["delong"] = self.delong.to_dict()
        answer["baseline"] = {"roc_auc": 0.5, "p_value": self.p_baseline}
        base = self.sample["base_rate"]
        answer["accuracy"] |= {"threshold": self.threshold, "majority": max(base, 1 - base)}
        return {**answer, "sample": self.sample, "curves": self.curves}


def evaluate(
    validation: Predictions,
    test: Predictions,
    *,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Evaluation:
    """Return the metrics of a contender with their intervals.

    Parameters
    ----------
    validation : Predictions
        The threshold of accuracy is chosen on these rows.
    test : Predictions
        Everything else is computed on these.
    confidence : float, default 0.95
        Of the intervals, in (0, 1).
    resamples : int, default 200
        Bootstrap resamples of the test units.  Groups are drawn whole: rows of a group are not independent.
    seed : int, default 0
        Contenders evaluated with one seed on the same rows see the same resamples, so that they can be
        compared in pairs.

    Returns
    -------
    Evaluation

    Notes
    -----
    Resamples without both classes do not count for ROC AUC and PR AUC; they occur in tiny parts only.

    Costs one sort, then O(rows) a resample: 67,000 rows x 200 resamples take about a second.
    """
    threshold = metrics.best_threshold(validation.labels, validation.scores, validation.weights)
    ranking = metrics.rank(test.labels, test.scores)
    losses = metrics.row_losses(test.labels, test.scores, threshold)
    values = _values(ranking, test.weights, losses)
    replicates = np.array(
        [
            _values(ranking, test.weights * counts[test.units], losses)
            for counts in unit_counts(test.unit_count, resamples, seed)
        ]
    )
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    low, high = np.nanpercentile(replicates, tails, axis=0)
    components = auc_components(test)
    return Evaluation(
        {name: Interval(*map(float, ends)) for name, *ends in zip(METRICS, values, low, high, strict=True)},
        threshold,
        delong_interval(components, confidence),
        _sample(test, confidence, resamples, seed),
        {
            "roc": metrics.roc_curve(ranking, test.weights),
            "calibration": metrics.calibration_curve(test.labels, test.scores, test.weights),
        },
        replicates,
        components,
    )


def unit_counts(units: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield for each resample how often each unit was drawn; n draws with replacement from n units."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(0, units, units), minlength=units).astype(np.float64)


def delong_interval(components: AucComponents, confidence: float) -> Interval:
    """Return the AUC with DeLong's interval, cut at 0 and 1."""
    error = np.sqrt(delong_covariance(components, components))
    if np.isnan(error):
        return Interval(components.auc, None, None)
    reach = float(norm.ppf((1 + confidence) / 2) * error)
    return Interval(components.auc, max(0.0, components.auc - reach), min(1.0, components.auc + reach))


def _values(ranking: metrics.Ranking, weights: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Return the metrics in the order of METRICS."""
    means = weights @ losses / weights.sum()
    return np.array([metrics.roc_auc(ranking, weights), metrics.pr_auc(ranking, weights), *means])


def _sample(test: Predictions, confidence: float, resamples: int, seed: int) -> dict[str, Any]:
    return {
        "rows": len(test),
        "units": test.unit_count,
        "unit": "group" if test.grouped else "row",
        "base_rate": float(test.weights @ test.labels / test.weights.sum()),
        "confidence": confidence,
        "resamples": resamples,
        "seed": seed,
        "digest": test.digest(),
    }
