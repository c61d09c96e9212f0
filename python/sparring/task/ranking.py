"""ROC AUC, PR AUC, threshold and curves on rows that are sorted once and weighted as often as needed.

A bootstrap resample changes only how often a row counts, never the order of the scores.  So rows are ranked
once (:func:`rank`), and each metric takes the ranking and one weight a row: O(n log n) once, then O(n) a
resample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """Rows by falling score.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Row numbers by falling score.
    ends : ndarray of int64, shape (n_distinct,)
        Place in ``order`` of the last row of each run of equal scores.
    positive : ndarray of bool, shape (n,)
        Whether the row at each place is of class 1.
    scores : ndarray of float64, shape (n_distinct,)
        The distinct scores, falling.
    """

    order: np.ndarray
    ends: np.ndarray
    positive: np.ndarray
    scores: np.ndarray

    def cumulative(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weight of (positives, negatives) at or above each distinct score.

        Parameters
        ----------
        weights : ndarray of float64, shape (n,)
            In the original order of the rows.

        Returns
        -------
        tuple of two ndarrays of float64, shape (n_distinct,)
        """
        placed = weights[self.order]
        positives = np.cumsum(placed * self.positive)[self.ends]
        return positives, np.cumsum(placed)[self.ends] - positives

    def blocks(self) -> np.ndarray:
        """Return, for each row in its original order, the number of its distinct score (0 = highest)."""
        lengths = np.diff(self.ends, prepend=-1)
        blocks = np.empty(len(self.order), dtype=np.int64)
        blocks[self.order] = np.repeat(np.arange(len(self.ends)), lengths)
        return blocks


def rank(labels: np.ndarray, scores: np.ndarray) -> Ranking:
    """Return the ranking of rows with ``labels`` (0 or 1) by ``scores``; O(n log n)."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
    return Ranking(order, ends, labels[order] == 1, falling[ends])


def roc_auc(ranking: Ranking, weights: np.ndarray) -> float:
    """Return the area under the ROC curve; ties count half; NaN when a class has no weight.

    Parameters
    ----------
    ranking : Ranking
    weights : ndarray of float64, shape (n,)

    Examples
    --------
    >>> labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> roc_auc(rank(labels, scores), np.ones(4))
    0.75
    """
    positives, negatives = ranking.cumulative(weights)
    total = positives[-1] * negatives[-1]
    if total <= 0:
        return float("nan")
    heights = positives - np.diff(positives, prepend=0.0) / 2
    return float(heights @ np.diff(negatives, prepend=0.0) / total)


def pr_auc(ranking: Ranking, weights: np.ndarray) -> float:
    """Return average precision: the sum of precision x gain in recall over the distinct scores.

    The step-wise sum, as scikit-learn defines it: linear interpolation would flatter (Davis, Goadrich: The
    Relationship Between Precision-Recall and ROC Curves, 2006).  NaN when there is no positive weight.
    """
    positives, negatives = ranking.cumulative(weights)
    if positives[-1] <= 0:
        return float("nan")
    above = positives + negatives
    precision = np.divide(positives, above, out=np.zeros_like(above), where=above > 0)
    return float(precision @ np.diff(positives, prepend=0.0) / positives[-1])


def best_threshold(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Return the threshold with the highest weighted accuracy when ``score >= threshold`` means class 1.

    It lies midway between two distinct scores, so that rounding of a score does not change its side; among
    equally good ones the highest is taken.  Above all scores means that calling nothing positive is best.

    Examples
    --------
    >>> best_threshold(np.array([0, 1, 1]), np.array([0.2, 0.6, 0.9]), np.ones(3))
    0.4
    """
    ranking = rank(labels, scores)
    positives, negatives = ranking.cumulative(weights)
    correct = np.append(0.0, positives) - np.append(0.0, negatives)
    distinct = ranking.scores
    middles = (distinct[:-1] + distinct[1:]) / 2
    candidates = np.concatenate([[np.nextafter(distinct[0], np.inf)], middles, [distinct[-1]]])
    return float(candidates[np.argmax(correct)])


def roc_curve(ranking: Ranking, weights: np.ndarray, points: int = 200) -> list[list[float]]:
    """Return about ``points`` pairs ``[false positive rate, true positive rate]``, evenly along the curve."""
    positives, negatives = ranking.cumulative(weights)
    rates = np.column_stack([negatives / negatives[-1], positives / positives[-1]])
    rates = np.vstack([[0.0, 0.0], rates])
    along = rates.sum(axis=1)
    kept = np.unique(np.append(np.searchsorted(along, np.linspace(0, along[-1], points)), len(along) - 1))
    return rates[np.minimum(kept, len(along) - 1)].round(5).tolist()


def calibration_curve(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, bins: int = 10
) -> list[dict[str, float]]:
    """Return mean score, observed rate, weight and rows of ``bins`` bins of equal weight, by rising score.

    Rows of equal score are never parted, so there may be fewer bins.
    """
    ranking = rank(labels, scores)
    positives, negatives = ranking.cumulative(weights)
    above = positives + negatives
    block_bin = np.minimum((bins * (above - np.diff(above, prepend=0.0) / 2) / above[-1]).astype(int), bins - 1)
    of_row = block_bin[ranking.blocks()]
    weight, mass, hits, rows = (
        np.bincount(of_row, values, minlength=bins)
        for values in (weights, weights * scores, weights * labels, np.ones_like(weights))
    )
    return [
        {"score": mass[b] / weight[b], "rate": hits[b] / weight[b], "weight": weight[b], "rows": int(rows[b])}
        for b in reversed(range(bins))
        if weight[b] > 0
    ]
