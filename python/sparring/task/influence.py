"""The influence of every row on a metric: how far the metric moves when the row's weight grows.

The influences sum to 0, and the sum of their squares over independent clusters is the metric's variance (the
infinitesimal jackknife; Efron, 1982).  So one pass over the rows gives a metric and what its interval needs, without
resampling.
"""

from __future__ import annotations

import numpy as np

from sparring.task.ranking import Ranking, roc_auc


def mean_influence(losses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on the weighted mean of ``losses``, both of shape (n,)."""
    total = weights.sum()
    return weights * (losses - weights @ losses / total) / total


def roc_auc_influence(ranking: Ranking, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on the ROC AUC: its placement in the other class; O(rows).

    Parameters
    ----------
    ranking : Ranking
    labels, weights : ndarray of float64, shape (n,)
        In the original order of the rows.

    Examples
    --------
    >>> from sparring.task.ranking import rank
    >>> labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> roc_auc_influence(rank(labels, scores), labels, np.ones(4)).tolist()
    [0.125, -0.125, -0.125, 0.125]
    """
    auc = roc_auc(ranking, weights)
    above_positive, above_negative = ranking.cumulative(weights)
    total_positive, total_negative = above_positive[-1], above_negative[-1]
    # Share of the other class that a row of this score is rightly ordered against; ties count half.
    beaten = 1 - (above_negative - np.diff(above_negative, prepend=0.0) / 2) / total_negative
    losing = (above_positive - np.diff(above_positive, prepend=0.0) / 2) / total_positive
    blocks, positive = ranking.blocks(), labels == 1
    placement = np.where(positive, beaten[blocks], losing[blocks])
    return weights * (placement - auc) / np.where(positive, total_positive, total_negative)


def pr_auc_influence(ranking: Ranking, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
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
