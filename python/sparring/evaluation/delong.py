"""Variance of the AUC after DeLong, for independent rows and for rows in groups, with weights.

An AUC is a mean over pairs; its variance follows from how much each unit (row or group) moves it.  For rows
without groups and weights the result is that of DeLong, DeLong, Clarke-Pearson (1988), computed from ranks as
in Sun and Xu (2014) in O(n log n); with groups it is that of Obuchowski (1997).  Weights enter by
linearisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.evaluation.interval import Interval, auc_interval, effective_units, model_spread, too_few
from sparring.evaluation.metrics import rank, roc_auc
from sparring.evaluation.predictions import Predictions

# DeLong's variance of few rows is drawn towards a model's, as if so many units of each class had shown the model's.
MODEL_UNITS = 30


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
    units : tuple of two float
        Effective number of units with positives and with negatives.
    unit : str
        ``"row"`` or ``"group"``.
    constant : bool
        Whether every score is the same: then the AUC is one half and known.
    """

    auc: float
    positives: np.ndarray
    negatives: np.ndarray
    factors: tuple[float, float, float]
    units: tuple[float, float]
    unit: str
    constant: bool

    @property
    def doubt(self) -> str | None:
        """Why the test part is too small for intervals and tests; None when it is not."""
        return too_few(*self.units, self.unit)


@dataclass(frozen=True)
class Variance:
    """A variance in its parts: over units with positives, over units with negatives, and between both.

    ``freedom`` is after Welch and Satterthwaite, as in the test of Brunner and Munzel (2000).
    """

    positive: float
    negative: float
    cross: float
    freedom: float

    @property
    def total(self) -> float:
        """The variance; equal contributions cancel up to rounding, so that it is never below 0."""
        return max(self.positive + self.negative + self.cross, 0.0)


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
    shares = [np.bincount(units[rows], weights[rows], minlength=count) for rows in (positive, ~positive)]
    return AucComponents(
        auc,
        by_unit(positive, beaten, total_positive),
        by_unit(~positive, losing, total_negative),
        (factors[0], factors[1], _factor(count)),
        (effective_units(shares[0]), effective_units(shares[1])),
        predictions.unit,
        len(ranking.scores) == 1,
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


def auc_variance(components: AucComponents, minus: AucComponents | None = None) -> Variance:
    """Return DeLong's variance of an AUC, or of its difference to that of ``minus`` on the same rows."""
    positives, negatives = components.positives, components.negatives
    if minus is not None:
        positives, negatives = positives - minus.positives, negatives - minus.negatives
    factors = components.factors
    positive = factors[0] * float(positives @ positives)
    negative = factors[1] * float(negatives @ negatives)
    cross = 2 * float(positives @ negatives)
    cross = factors[2] * cross if cross else 0.0
    return Variance(positive, negative, cross, _freedom(positive, negative, cross, components.units))


def _freedom(positive: float, negative: float, cross: float, units: tuple[float, float]) -> float:
    spread = positive**2 / max(units[0] - 1, 1) + negative**2 / max(units[1] - 1, 1)
    freedom = (positive + negative + cross) ** 2 / spread if spread > 0 else 0.0
    return float(np.clip(freedom, max(min(units) - 1, 1), max(sum(units) - 2, 1)))


def delong_interval(components: AucComponents, confidence: float) -> Interval:
    """Return the AUC with its interval.

    DeLong's variance, drawn towards Hanley and McNeil's model with the weight of 30 units a class (few positives that
    all rank high look more alike than they are), and inverted as a score: see
    :func:`~sparring.evaluation.interval.auc_interval`.
    """
    auc = components.auc
    if components.constant:
        return Interval(auc, auc, auc, "exact: every score is the same")
    plain = auc_variance(components)
    if np.isnan(plain.total):
        return Interval(auc, None, None, "score, DeLong").doubted(components.doubt)
    # Away from the ends: nobody's ranking of a few rows is perfect for sure.
    least = min(components.units)
    model = model_spread((auc * least + 0.5) / (least + 1))
    positive, negative = (
        ((units - 1) * part + MODEL_UNITS * model / units) / (units - 1 + MODEL_UNITS)
        for part, units in zip((plain.positive, plain.negative), components.units, strict=True)
    )
    spread = positive**2 / (components.units[0] - 1 + MODEL_UNITS) + negative**2 / (
        components.units[1] - 1 + MODEL_UNITS
    )
    total = positive + negative + max(plain.cross, -0.5 * (positive + negative))
    freedom = total**2 / spread
    share = sum(1 / units for units in components.units)
    found = auc_interval(auc, total, model * share, freedom, components.units, confidence)
    return found.doubted(components.doubt)
