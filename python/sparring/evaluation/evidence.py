"""What is known of a metric's spread: for its interval, and for paired tests of two contenders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from sparring.evaluation.interval import (
    Interval,
    freedom_of,
    logit_interval,
    skewed_interval,
    standard_error,
    t_interval,
    wilson_interval,
)
from sparring.task import Metric


@dataclass(frozen=True)
class Paired:
    """What is known of the difference of two contenders' metrics on the same rows.

    Attributes
    ----------
    variance : float
        NaN when nothing is known.
    freedom : float
        Its degrees of freedom.
    one_more : float
        The square of what one more cluster would weigh.
    caution : float
        The square of what one more cluster might add to the difference, see :func:`caution`.
    unit : float
        The largest difference that there can be, to compare rounding with.
    """

    variance: float
    freedom: float
    one_more: float
    caution: float
    unit: float


class Evidence(ABC):
    """A metric's ``value`` and its spread."""

    value: float

    @property
    @abstractmethod
    def variance(self) -> float:
        """Of the value; NaN when nothing is known."""

    @abstractmethod
    def interval(self, confidence: float) -> Interval:
        """Return the value with its interval."""

    @abstractmethod
    def paired(self, other: Evidence) -> Paired:
        """Return what is known of the difference to ``other``, of the same metric on the same rows."""


@dataclass(frozen=True)
class Contributions(Evidence):
    """A metric and what each cluster adds to its deviation.

    Attributes
    ----------
    metric : Metric
    value : float
    by_cluster : ndarray of float64, shape (n_clusters,)
    count : float
        Effective clusters that the value rests on.
    """

    metric: Metric
    value: float
    by_cluster: np.ndarray
    count: float

    @property
    def variance(self) -> float:
        """Of the value, by the infinitesimal jackknife; NaN for a single cluster."""
        return standard_error(self.by_cluster) ** 2 if len(self.by_cluster) > 1 else float("nan")

    def interval(self, confidence: float) -> Interval:
        """Return the interval of the kind that the metric names."""
        value, influence, kind = self.value, self.by_cluster, self.metric.interval
        if kind == "logit":
            return logit_interval(value, influence, self.count, confidence)
        if kind == "wilson":
            return wilson_interval(value, influence, self.count, confidence)
        if kind == "skewed":
            # Losses are not negative; what is better the higher may be.
            least = -np.inf if self.metric.higher_is_better else 0.0
            return skewed_interval(value, influence, confidence, least)
        return t_interval(value, influence, confidence)

    def paired(self, other: Evidence) -> Paired:
        """Return the variance of the difference: of the differences of the clusters' contributions."""
        assert isinstance(other, Contributions)
        moved = self.by_cluster - other.by_cluster
        variance = standard_error(moved) ** 2 if len(moved) > 1 else float("nan")
        weight, unit = _one_more(self.metric, self.count, max(self.variance, other.variance))
        return Paired(variance, freedom_of(moved), weight**2, caution(moved, unit * weight), unit)


@dataclass(frozen=True)
class Resamples(Evidence):
    """A metric and its values on resamples of the clusters.

    Attributes
    ----------
    metric : Metric
    value : float
    values : ndarray of float64, shape (resamples,)
        NaN where a resample has no value.
    count : float
        Effective clusters.
    """

    metric: Metric
    value: float
    values: np.ndarray
    count: float

    @property
    def variance(self) -> float:
        """The variance of the resamples."""
        return _variance(self.values)

    def interval(self, confidence: float) -> Interval:
        """Return the interval between two percentiles of the resamples.

        They are as far out as Student's t is beyond the normal, without which few clusters make short intervals
        (Hesterberg, 2015).
        """
        known = self.values[~np.isnan(self.values)]
        if len(known) < 2 or self.count <= 1 or np.ptp(known) == 0:
            return Interval(self.value, None, None, "bootstrap of clusters")
        reach = stdtrit(self.count - 1, (1 + confidence) / 2) * np.sqrt(self.count / (self.count - 1))
        low, high = np.quantile(known, ndtr([-reach, reach]))
        return Interval(self.value, min(low, self.value), max(high, self.value), "bootstrap of clusters")

    def paired(self, other: Evidence) -> Paired:
        """Return the variance of the difference over the resamples, which both share."""
        assert isinstance(other, Resamples)
        variance = _variance(self.values - other.values)
        weight, unit = _one_more(self.metric, self.count, max(self.variance, other.variance))
        # Resamples do not tell how much a single cluster differs: it might turn around.
        return Paired(variance, max(self.count - 1, 1.0), weight**2, (unit * weight) ** 2, unit)


def caution(moved: np.ndarray, turn: float) -> float:
    """Return the square of what one more cluster might add to a difference of two contenders.

    Twice as much as the cluster of ``moved`` that differs most; where few clusters differ at all, so that little is
    known of how much they can, up to ``turn``, as if the cluster turned around.

    Parameters
    ----------
    moved : ndarray of float64, shape (n_clusters,)
        What each cluster adds to the difference.
    turn : float
        What a cluster would add on which one contender is all right and the other all wrong.

    Examples
    --------
    >>> caution(np.zeros(100), 0.01)
    0.0001
    >>> caution(np.full(100, 0.0005), 0.01)
    1e-06
    """
    squares = moved**2
    differing = squares.sum() ** 2 / (squares @ squares) if squares.any() else 0.0
    return float(min(turn, max(2 * np.abs(moved).max(initial=0.0), turn / (1 + differing))) ** 2)


def gap(left: Evidence, right: Evidence, confidence: float = 0.95) -> Interval:
    """Return the difference of a metric on different rows, with its interval.

    Rows are taken for independent; where some are scored by both the true interval is narrower.
    """
    variance, value = left.variance + right.variance, left.value - right.value
    if np.isnan(variance):
        return Interval(value, None, None, "normal")
    reach = float(ndtri((1 + confidence) / 2) * np.sqrt(variance))
    return Interval(value, value - reach, value + reach, "normal")


def _variance(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.var(ddof=1)) if len(known) > 1 else float("nan")


def _one_more(metric: Metric, count: float, variance: float) -> tuple[float, float]:
    """Return what one more cluster weighs, and how much a difference might be on it.

    In the label's unit as much as the metric spreads from cluster to cluster; elsewhere 1, which is all there is.
    """
    return 1 / max(count, 1.0), float(np.sqrt(variance * count)) if metric.in_label_units else 1.0
