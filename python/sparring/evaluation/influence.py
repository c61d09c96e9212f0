"""Each metric with the influence of every row: how far the metric moves when the row's weight grows.

The influences sum to 0, and the sum of their squares over independent units is the metric's variance (the
infinitesimal jackknife; Efron, 1982).  So one pass over the ranked rows gives all metrics and what their intervals
need, without resampling.
"""

from __future__ import annotations

import numpy as np

from sparring.task import ranking as metrics


def pr_auc_influence(ranking: metrics.Ranking, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on average precision; O(rows).

    Parameters
    ----------
    ranking : Ranking
    labels, weights : ndarray of float64, shape (n,)
        In the original order of the rows.

    Returns
    -------
    ndarray of float64, shape (n,)
        A row moves the precision at its own score, of all lower ones, and the share of each positive.
    """
    positives, negatives = ranking.cumulative(weights)
    above, total = positives + negatives, positives[-1]
    gained, precision = np.diff(positives, prepend=0.0), positives / above
    average = float(precision @ gained / total)

    def from_here_on(change: np.ndarray) -> np.ndarray:
        return np.cumsum((gained * change / above**2)[::-1])[::-1]

    blocks = ranking.blocks()
    of_positive = precision - average + from_here_on(negatives)
    return weights * np.where(labels == 1, of_positive[blocks], -from_here_on(positives)[blocks]) / total


def mean_influence(losses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on the weighted means of the columns of ``losses``, shape (n, columns)."""
    total = weights.sum()
    return weights[:, None] * (losses - weights @ losses / total) / total


def by_unit(influence: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the sums of ``influence``, shape (n,), over the units, numbered from 0.

    Examples
    --------
    >>> by_unit(np.array([1.0, 2.0, -3.0]), np.array([0, 0, 1])).tolist()
    [3.0, -3.0]
    """
    return np.bincount(units, influence)
