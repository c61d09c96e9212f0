"""Variance of the AUC after DeLong, for independent rows and for rows in groups, with weights.

An AUC is a mean over pairs; its variance follows from how much each unit (row or group) moves it.  For rows
without groups and weights the result is that of DeLong, DeLong, Clarke-Pearson (1988), computed from ranks as
in Sun and Xu (2014) in O(n log n); with groups it is that of Obuchowski (1997).  Weights enter by
linearisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.evaluation.metrics import rank, roc_auc
from sparring.evaluation.predictions import Predictions


@dataclass(frozen=True)
class AucComponents:
    """An AUC and what each unit contributes to its deviation.

    Attributes
    ----------
    auc : float
    positives, negatives : ndarray of float64, shape (n_units,)
        Contribution of the unit's rows of class 1 and of class 0.
    factors : tuple of three float
        Small-sample factors m/(m-1) for the units with positives, with negatives and for all units.
    """

    auc: float
    positives: np.ndarray
    negatives: np.ndarray
    factors: tuple[float, float, float]


def auc_components(predictions: Predictions) -> AucComponents:
    """Return the AUC of ``predictions`` and the contributions of its units."""
    labels, weights, units = predictions.labels, predictions.weights, predictions.units
    ranking = rank(labels, predictions.scores)
    auc = roc_auc(ranking, weights)
    above_positive, above_negative = ranking.cumulative(weights)
    total_positive, total_negative = above_positive[-1], above_negative[-1]
    # Share of the other class that a row of this score is rightly ordered against; ties count half.
    beaten = 1 - (above_negative - np.diff(above_negative, prepend=0.0) / 2) / total_negative
    losing = (above_positive - np.diff(above_positive, prepend=0.0) / 2) / total_positive
    blocks, positive = ranking.blocks(), labels == 1
    count = predictions.unit_count

    def by_unit(rows: np.ndarray, placement: np.ndarray, total: float) -> np.ndarray:
        return np.bincount(units[rows], weights[rows] * (placement[blocks[rows]] - auc), minlength=count) / total

    factors = tuple(_factor(np.unique(units[rows]).size) for rows in (positive, ~positive))
    return AucComponents(
        auc,
        by_unit(positive, beaten, total_positive),
        by_unit(~positive, losing, total_negative),
        (factors[0], factors[1], _factor(count)),
    )


def _factor(units: int) -> float:
    return units / (units - 1) if units > 1 else float("nan")


def delong_covariance(left: AucComponents, right: AucComponents) -> float:
    """Return the covariance of two AUCs on the same rows; of one with itself, its variance.

    NaN when a class occurs in one unit only: then nothing is known about the variance.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"key": list("abcdef"), "label": [0., 0., 0., 1., 1., 1.], "weight": [1.] * 6,
    ...                   "score": [.1, .2, .6, .5, .7, .9]})
    >>> components = auc_components(Predictions.from_table(table))
    >>> round(components.auc, 4), round(delong_covariance(components, components) ** 0.5, 4)
    (0.8889, 0.1571)
    """
    positive, negative, both = left.factors
    cross = left.positives @ right.negatives + left.negatives @ right.positives
    return float(
        positive * (left.positives @ right.positives)
        + negative * (left.negatives @ right.negatives)
        + (both * cross if cross else 0.0)
    )
