"""Statistics of counts: what the checks conclude from histograms, free of Spark."""

from __future__ import annotations

import numpy as np
from scipy import special

LEAST_EXPECTED = 5.0
PSI_BINS = 10
PSI_FLOOR = 1e-4


def auc_of_counts(scores: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> float:
    """Return the ROC AUC of rows counted by score; ties count half, NaN when a class has no row.

    Parameters
    ----------
    scores, positives, negatives : ndarray of float64, shape (n,)
        Rows of either class that have each score; a score may occur more than once.

    Examples
    --------
    >>> auc_of_counts(np.array([0.1, 0.9]), np.array([1.0, 3.0]), np.array([3.0, 1.0]))
    0.75
    """
    if positives.sum() <= 0 or negatives.sum() <= 0:
        return float("nan")
    _, place = np.unique(scores, return_inverse=True)
    up, down = (np.bincount(place, counts) for counts in (positives, negatives))
    below = np.cumsum(down) - down / 2
    return float(up @ below / (up.sum() * down.sum()))


def auc_noise(positives: float, negatives: float, units: float) -> float:
    """Return the standard deviation of the AUC of a score that knows nothing (Mann and Whitney, 1947).

    Parameters
    ----------
    positives, negatives : float
        Rows of either class.
    units : float
        Independent units among the rows: groups where rows belong to some, else as many as rows.
    """
    if min(positives, negatives, units) <= 0:
        return float("inf")
    rows = positives + negatives
    variance = (rows + 1) / (12 * positives * negatives)
    return float(np.sqrt(variance * max(1.0, rows / units)))


def ks_of_counts(left: np.ndarray, right: np.ndarray, units: tuple[float, float]) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov statistic of two histograms over the same bins, and its asymptotic p.

    Parameters
    ----------
    left, right : ndarray, shape (bins,)
        Rows by rising bin.
    units : tuple of two float
        Independent units on either side.

    Notes
    -----
    The largest gap at the bins' edges: never above that of the rows themselves, and below it by at most the largest
    share of one bin; exact where each distinct value has a bin.  So p errs to the safe side.
    """
    if left.sum() <= 0 or right.sum() <= 0:
        return 0.0, 1.0
    gap = float(np.abs(np.cumsum(left) / left.sum() - np.cumsum(right) / right.sum()).max())
    effective = units[0] * units[1] / (units[0] + units[1])
    # Here, because it takes longer to import than a worker of Spark to do its task.
    from scipy.stats import kstwo

    return gap, float(kstwo.sf(gap, max(1, round(effective))))


def psi_of_counts(left: np.ndarray, right: np.ndarray) -> float:
    """Return the population stability index of two histograms, over bins that hold a tenth of ``left`` each."""
    if left.sum() <= 0 or right.sum() <= 0:
        return 0.0
    middles = (np.cumsum(left) - left / 2) / left.sum()
    bins = np.minimum((middles * PSI_BINS).astype(int), PSI_BINS - 1)
    shares = [np.maximum(np.bincount(bins, side, PSI_BINS) / side.sum(), PSI_FLOOR) for side in (left, right)]
    return float((shares[0] - shares[1]) @ np.log(shares[0] / shares[1]))


def chi_square(table: np.ndarray, shrink: float = 1.0) -> tuple[float, float]:
    """Return p of the chi-square test of independence and Cramer's V, corrected for bias.

    Parameters
    ----------
    table : ndarray, shape (values, parts)
        Rows by value and part.  Values that are expected less than 5 times in a part are united.
    shrink : float in (0, 1], default 1
        Independent units per row: the statistic of rows that come in groups is that much smaller.

    Returns
    -------
    tuple of two float
        p, and V in [0, 1] after Bergsma, "A bias-correction for Cramer's V and Tschuprow's T" (2013).
    """
    table = united(table[:, table.sum(axis=0) > 0] * shrink)
    if min(table.shape) < 2:
        return 1.0, 0.0
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    phi = max(0.0, statistic / total - freedom / max(total - 1, 1))
    sides = [side - (side - 1) ** 2 / max(total - 1, 1) for side in table.shape]
    return float(special.chdtrc(freedom, statistic)), float(np.sqrt(phi / max(min(sides) - 1, 1e-12)))


def united(table: np.ndarray) -> np.ndarray:
    """Return a contingency table in which values that are too rare for the chi-square test are one."""
    table = table[table.sum(axis=1) > 0]
    if not len(table):
        return table
    smallest_part = table.sum(axis=0).min() / table.sum()
    rare = table.sum(axis=1) * smallest_part < LEAST_EXPECTED
    if not rare.any():
        return table
    rest = table[rare].sum(axis=0, keepdims=True)
    kept = table[~rare]
    if len(kept) and rest.sum() * smallest_part < LEAST_EXPECTED:
        # Too rare even together: they join the rarest of the others.
        kept = kept[np.argsort(-kept.sum(axis=1), kind="stable")]
        kept[-1] += rest[0]
        return kept
    return np.vstack([kept, rest])


def upper_bound(found: int, looked_at: int, confidence: float = 0.95) -> float:
    """Return the one-sided upper confidence bound of a share (Clopper and Pearson, 1934).

    Examples
    --------
    >>> round(upper_bound(0, 300), 4)
    0.0099
    """
    if found >= looked_at:
        return 1.0
    return float(special.betaincinv(found + 1, looked_at - found, confidence))


def lower_bound(found: int, looked_at: int, confidence: float = 0.95) -> float:
    """Return the one-sided lower confidence bound of a share (Clopper and Pearson, 1934)."""
    return 0.0 if found == 0 else float(special.betaincinv(found, looked_at - found + 1, 1 - confidence))
