"""Confidence intervals that hold on small test parts, from a metric and what each cluster of the test part adds to it.

A *cluster* is what was drawn independently: a row, or a whole group of rows.  Each method below takes the influence of
every cluster, so rows in groups and weights need no method of their own.  None draws random numbers: the same
predictions give the same interval.  ``benchmarks/coverage.py`` measures how often each holds the truth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, ndtri, owens_t, stdtrit

# Below so many clusters of the rarer class no method was found to hold what it promises on all the shapes tried.
LEAST_CLUSTERS = 10


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its confidence interval.

    Attributes
    ----------
    value : float
    low, high : float or None
        None when nothing is known about the spread.
    method : str
        How the ends were computed.
    reliable : bool
        Whether the test part is large enough for the method to hold its confidence.
    reason : str or None
        Why not, when it is not reliable.
    """

    value: float
    low: float | None
    high: float | None
    method: str = ""
    reliable: bool = True
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)

    def doubted(self, reason: str | None) -> Interval:
        """Return the interval, not reliable for ``reason`` where there is one."""
        return self if reason is None else replace(self, reliable=False, reason=reason)


def effective_clusters(shares: np.ndarray) -> float:
    """Return how many equal clusters would spread a mean as little as clusters with these ``shares`` do (Kish, 1965).

    Parameters
    ----------
    shares : ndarray of float64
        Weight of each cluster; zero for those that do not count.

    Examples
    --------
    >>> effective_clusters(np.array([1.0, 1.0, 2.0, 0.0])), effective_clusters(np.zeros(2))
    (2.6666666666666665, 0.0)
    """
    total = float(shares @ shares)
    return float(shares.sum() ** 2) / total if total > 0 else 0.0


def by_cluster(influence: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the sums of ``influence``, shape (n,), over the clusters, numbered from 0.

    Examples
    --------
    >>> by_cluster(np.array([1.0, 2.0, -3.0]), np.array([0, 0, 1])).tolist()
    [3.0, -3.0]
    """
    return np.bincount(clusters, influence)


def too_few(least: float, cluster: str, of_rarest: str) -> str | None:
    """Return why so few effective clusters carry no reliable interval; None when they are enough.

    Parameters
    ----------
    least : float
        Effective clusters, of the rarest class where there are classes.
    cluster : {"row", "group"}
    of_rarest : str
        Which these are, such as ``" of the rarer class"``.

    Examples
    --------
    >>> too_few(2, "row", " of the rarer class")
    '2 rows of the rarer class in the test part; intervals and tests need 10'
    """
    if least >= LEAST_CLUSTERS:
        return None
    return f"{least:.3g} {cluster}s{of_rarest} in the test part; intervals and tests need {LEAST_CLUSTERS}"


def logit_interval(value: float, influence: np.ndarray, clusters: float, confidence: float) -> Interval:
    """Return the t-interval of a share on the scale of its logit, which keeps it inside (0, 1).

    Parameters
    ----------
    value : float
        In [0, 1].
    influence : ndarray of float64, shape (n_clusters,)
        What each cluster adds to the deviation of ``value``.
    clusters : float
        Effective clusters behind the estimate, of PR AUC those with positives.
    confidence : float
    """
    error = standard_error(influence)
    if not 0 < value < 1 or error == 0 or clusters <= 1:
        return Interval(value, None, None, "logit t")
    reach = _quantile(confidence, min(clusters - 1, freedom_of(influence))) * error / (value * (1 - value))
    centre = np.log(value / (1 - value))
    low, high = (float(expit(centre + side * reach)) for side in (-1, 1))
    return Interval(value, low, high, "logit t")


def wilson_interval(value: float, influence: np.ndarray, clusters: float, confidence: float) -> Interval:
    """Return Wilson's score interval of a mean in [0, 1], for as many rows as the observed spread is worth.

    ``value (1 - value) / variance`` is that number (for a share of independent rows: their count); without any spread
    it is ``clusters``, the effective ones.  Wilson (1927) with Student's quantile.
    """
    variance = standard_error(influence) ** 2
    spread = value * (1 - value)
    worth = spread / variance if variance > 0 and spread > 0 else clusters
    square = _quantile(confidence, freedom_of(influence) if variance > 0 else max(clusters - 1, 1)) ** 2 / worth
    centre = (value + square / 2) / (1 + square)
    reach = np.sqrt(square * spread + square**2 / 4) / (1 + square)
    return Interval(value, max(0.0, float(centre - reach)), min(1.0, float(centre + reach)), "Wilson")


def skewed_interval(value: float, influence: np.ndarray, confidence: float, least: float = 0.0) -> Interval:
    """Return the interval of a mean of skewed losses: Student's t after Hall's monotone transformation (1992).

    Log loss is a few large losses among many small ones; a symmetric interval ends too low.  No value is below
    ``least``.
    """
    error = standard_error(influence)
    if error == 0:
        return Interval(value, None, None, "Hall")
    count = len(influence)
    skewness = float(np.mean(influence**3) / np.mean(influence**2) ** 1.5) / np.sqrt(count)
    reach = _quantile(confidence, min(count - 1, freedom_of(influence)))

    def untwisted(x: float) -> float:
        if abs(skewness) < 1e-9:
            return x
        return float(3 / skewness * (np.cbrt(1 + skewness * (x - skewness / 6)) - 1))

    return Interval(value, max(least, value - untwisted(reach) * error), value - untwisted(-reach) * error, "Hall")


def t_interval(value: float, influence: np.ndarray, confidence: float) -> Interval:
    """Return the symmetric interval of Student's t, with degrees of freedom from what the variance is made of."""
    error = standard_error(influence)
    if error == 0:
        return Interval(value, None, None, "Student's t")
    reach = _quantile(confidence, freedom_of(influence)) * error
    return Interval(value, value - reach, value + reach, "Student's t")


def auc_interval(auc: float, variance: float, at: float, freedom: float, confidence: float) -> Interval:
    """Return the score interval of an AUC: all areas that the observed one does not contradict.

    Parameters
    ----------
    auc : float
    variance : float
        As estimated, for an area of ``at``.
    at : float
        In (0, 1).
    freedom : float
        Degrees of freedom of ``variance``.
    confidence : float

    Notes
    -----
    The variance at another area is ``variance`` scaled by :func:`normal_spread`, in the manner of Newcombe (2006); so
    the interval stays inside [0, 1], and a perfect ranking of a few rows is no proof of a perfect model.
    """
    square = _quantile(confidence, freedom) ** 2 * variance / normal_spread(at)

    def contradiction(area: float) -> float:
        return (auc - area) ** 2 - square * normal_spread(area)

    inside = 1e-12
    low = brentq(contradiction, 0.0, min(auc, 1 - inside)) if auc > 0 else 0.0
    high = brentq(contradiction, max(auc, inside), 1.0) if auc < 1 else 1.0
    return Interval(auc, float(low), float(high), "score, DeLong")


def normal_spread(area: float) -> float:
    """Return the variance of a row's placement among the other class, when both classes' scores are normal.

    Equal variances of both classes make it the same for both; the integral is Owen's T function.

    Examples
    --------
    >>> round(normal_spread(0.5), 6), round(normal_spread(0.9), 6), normal_spread(1.0)
    (0.083333, 0.022402, 0.0)
    """
    if not 0 < area < 1:
        return 0.0
    return float(area - area**2 - 2 * owens_t(ndtri(area), 1 / np.sqrt(3)))


def careful_spread(area: float) -> float:
    """Return the variance of a row's placement in the class that spreads more, when scores are exponential.

    Hanley and McNeil (1982). Which class spreads more depends on the shape of the scores, and few rows do not show it.

    Examples
    --------
    >>> round(careful_spread(0.5), 6), round(careful_spread(0.9), 6)
    (0.083333, 0.042632)
    """
    area = max(area, 1 - area)
    return area**2 * (1 - area) / (1 + area)


def standard_error(influence: np.ndarray) -> float:
    """Return the root of the variance that the clusters' influences make up; 0 for one cluster."""
    count = len(influence)
    return float(np.sqrt(influence @ influence * count / (count - 1))) if count > 1 else 0.0


def freedom_of(influence: np.ndarray) -> float:
    """Return the degrees of freedom of a variance, from the kurtosis of what it was estimated from.

    A variance that a few clusters make up is known as badly as one of few; of normal deviates it has their number.
    """
    second, fourth = float(np.sum(influence**2)), float(np.sum(influence**4))
    count = len(influence)
    excess = count * fourth / second**2 - 1 if second > 0 else 0.0
    return max(1.0, min(count - 1.0, 2 * count / excess)) if excess > 0 else max(1.0, count - 1.0)


def _quantile(confidence: float, freedom: float) -> float:
    return float(stdtrit(freedom, (1 + confidence) / 2))
