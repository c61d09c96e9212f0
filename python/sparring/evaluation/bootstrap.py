"""The bootstrap of clusters, for metrics whose spread no formula tells.

Resamples depend on nothing but the number of clusters: all contenders see the same ones, so that pairs stay paired, and
the same predictions always give the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sparring.evaluation.predictions import Predictions
from sparring.task import Metric

SEED, RESAMPLES = 20_130_101, 1_000
# Beyond so many clusters fewer resamples tell a spread as well as it needs to be known, and 1,000 take minutes.
MANY, RESAMPLES_OF_MANY = 100_000, 200


def resampled(metric: Metric, rows: Predictions, predicted: np.ndarray) -> np.ndarray:
    """Return the values of ``metric`` on resamples of the clusters of ``rows``, drawn with replacement.

    Parameters
    ----------
    metric : Metric
    rows : Predictions
    predicted : ndarray, shape (n,) or (n, classes)
        Scores or decisions, as the metric takes them.

    Returns
    -------
    ndarray of float64, shape (resamples,)

    Notes
    -----
    A resample costs one evaluation of ``metric.function``, or of what ``metric.reweighted`` returned.
    """
    value = _function(metric, rows.labels, predicted)
    return np.array([value(rows.weights * counts[rows.clusters]) for counts in draws(rows.cluster_count)])


def draws(clusters: int) -> Iterator[np.ndarray]:
    """Yield how often each cluster is in a resample, one resample after the other."""
    random = np.random.default_rng([SEED, clusters])
    for _ in range(RESAMPLES if clusters <= MANY else RESAMPLES_OF_MANY):
        yield np.bincount(random.integers(0, clusters, clusters), minlength=clusters)


def _function(metric: Metric, labels: np.ndarray, predicted: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the metric as a function of weights of which some are 0."""
    if metric.reweighted is not None:
        return metric.reweighted(labels, predicted)

    def value(weights: np.ndarray) -> float:
        drawn = weights > 0
        return metric.function(labels[drawn], predicted[drawn], weights[drawn])

    return value
