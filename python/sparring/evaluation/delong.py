"""Variance of the AUC after DeLong, for independent rows and for rows in groups, with weights.

An AUC is a mean over pairs; its variance follows from how much each cluster (row or group) moves it.  For rows
without groups and weights the result is that of DeLong, DeLong, Clarke-Pearson (1988), computed from ranks as
in Sun and Xu (2014) in O(n log n); with groups it is that of Obuchowski (1997).  Weights enter by
linearisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.evaluation.evidence import Evidence, Paired, caution
from sparring.evaluation.interval import Interval, auc_interval, careful_spread, effective_clusters, too_few
from sparring.evaluation.predictions import Predictions
from sparring.task.influence import roc_auc_influence
from sparring.task.ranking import rank, roc_auc

# DeLong's variance of few rows is drawn towards a model's, as if so many clusters of each class had shown the model's.
MODEL_CLUSTERS = 15


@dataclass(frozen=True)
class AucComponents(Evidence):
    """An AUC and what each cluster contributes to its deviation.

    Attributes
    ----------
    value : float
        The AUC.
    positives, negatives : ndarray of float64, shape (n_clusters,)
        Contribution of the cluster's rows of class 1 and of class 0.
    factors : tuple of three float
        Small-sample factors m/(m-1) for the clusters with positives, with negatives and for all clusters.
    clusters : tuple of two float
        Effective number of clusters with positives and with negatives.
    worth : tuple of two float
        How many independent rows the positives and the negatives are worth: the effective rows where rows of a group
        are as different as others, the effective clusters where they are all the same.
    cluster : str
        ``"row"`` or ``"group"``.
    constant : bool
        Whether every score is the same: then the AUC is one half and known.
    """

    value: float
    positives: np.ndarray
    negatives: np.ndarray
    factors: tuple[float, float, float]
    clusters: tuple[float, float]
    worth: tuple[float, float]
    cluster: str
    constant: bool

    @property
    def variance(self) -> float:
        """After DeLong; NaN when a class occurs in one cluster only."""
        return delong_covariance(self, self)

    def interval(self, confidence: float) -> Interval:
        """Return the AUC with its interval, see :func:`delong_interval`."""
        return delong_interval(self, confidence)

    def paired(self, other: Evidence) -> Paired:
        """Return DeLong's variance of the difference to ``other`` on the same rows."""
        assert isinstance(other, AucComponents)
        variance = auc_variance(self, other)
        # One more cluster of each class.
        weights = [1 / max(clusters, 1.0) for clusters in self.clusters]
        moved = (self.positives - other.positives, self.negatives - other.negatives)
        careful = sum(caution(*pair) for pair in zip(moved, weights, strict=True))
        return Paired(variance.total, variance.freedom, sum(weight**2 for weight in weights), careful, 1.0)

    @property
    def doubt(self) -> str | None:
        """Why the test part is too small for intervals and tests; None when it is not."""
        return too_few(min(self.clusters), self.cluster, " of the rarer class")


@dataclass(frozen=True)
class Variance:
    """A variance in its parts: over clusters with positives, over clusters with negatives, and between both.

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
    """Return the AUC of ``predictions`` and the contributions of its clusters."""
    labels, weights, clusters = predictions.labels, predictions.weights, predictions.clusters
    ranking = rank(labels, predictions.scores)
    moved, count = roc_auc_influence(ranking, labels, weights), predictions.cluster_count

    def of_class(rows: np.ndarray) -> _OfClass:
        return _OfClass.summed(moved[rows], weights[rows], clusters[rows], count)

    of_positives, of_negatives = of_class(labels == 1), of_class(labels != 1)
    return AucComponents(
        roc_auc(ranking, weights),
        of_positives.by_cluster,
        of_negatives.by_cluster,
        (of_positives.factor, of_negatives.factor, _factor(count)),
        (of_positives.clusters, of_negatives.clusters),
        (of_positives.worth, of_negatives.worth),
        predictions.cluster,
        len(ranking.scores) == 1,
    )


@dataclass(frozen=True)
class _OfClass:
    """What the rows of one class contribute, by cluster; attributes as of :class:`AucComponents`."""

    by_cluster: np.ndarray
    factor: float
    clusters: float
    worth: float

    @classmethod
    def summed(cls, moved: np.ndarray, weights: np.ndarray, clusters: np.ndarray, count: int) -> _OfClass:
        """Return the sums over clusters of what each row moved the AUC."""
        by_cluster = np.bincount(clusters, moved, minlength=count)
        factor = _factor(np.unique(clusters).size)
        few, many = effective_clusters(np.bincount(clusters, weights, minlength=count)), effective_clusters(weights)
        together = factor * float(by_cluster @ by_cluster)
        apart = _factor(len(moved)) * float(moved @ moved)
        # The ratio of the variances is the design effect (Kish, 1965); without any spread nothing is known of it.
        worth = many * apart / together if together > 0 else few
        return cls(by_cluster, factor, few, float(np.clip(worth, few, many)))


def _factor(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else float("nan")


def delong_covariance(left: AucComponents, right: AucComponents) -> float:
    """Return the covariance of two AUCs on the same rows; of one with itself, its variance.

    NaN when a class occurs in one cluster only: then nothing is known about the variance.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"key": list("abcdef"), "label": [0., 0., 0., 1., 1., 1.], "weight": [1.] * 6,
    ...                   "score": [.1, .2, .6, .5, .7, .9]})
    >>> components = auc_components(Predictions.from_table(table))
    >>> round(components.value, 4), round(delong_covariance(components, components) ** 0.5, 4)
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
    return Variance(positive, negative, cross, _freedom(positive, negative, cross, components.clusters))


def _freedom(positive: float, negative: float, cross: float, clusters: tuple[float, float]) -> float:
    spread = positive**2 / max(clusters[0] - 1, 1) + negative**2 / max(clusters[1] - 1, 1)
    freedom = (positive + negative + cross) ** 2 / spread if spread > 0 else 0.0
    return float(np.clip(freedom, max(min(clusters) - 1, 1), max(sum(clusters) - 2, 1)))


def delong_interval(components: AucComponents, confidence: float) -> Interval:
    """Return the AUC with its interval.

    DeLong's variance, drawn towards Hanley and McNeil's model with the weight of 15 clusters a class (few positives
    that all rank high look more alike than they are), and inverted as a score: see
    :func:`~sparring.evaluation.interval.auc_interval`.
    """
    auc = components.value
    if components.constant:
        return Interval(auc, auc, auc, "exact: every score is the same")
    plain = auc_variance(components)
    if np.isnan(plain.total):
        return Interval(auc, None, None, "score, DeLong").doubted(components.doubt)
    least = min(components.clusters)
    # Away from the ends: nobody's ranking of a few rows is perfect for sure.
    at = (auc * least + 0.5) / (least + 1)
    total, freedom = _drawn_to_model(plain, components, at)
    return auc_interval(auc, total, at, freedom, confidence).doubted(components.doubt)


def _drawn_to_model(plain: Variance, components: AucComponents, at: float) -> tuple[float, float]:
    """Return the variance, drawn towards the model's for an area of ``at``, and its degrees of freedom."""
    model, known = careful_spread(at), [clusters - 1 for clusters in components.clusters]
    positive, negative = (
        (freedom * part + MODEL_CLUSTERS * model / worth) / (freedom + MODEL_CLUSTERS)
        for part, freedom, worth in zip((plain.positive, plain.negative), known, components.worth, strict=True)
    )
    spread = positive**2 / (known[0] + MODEL_CLUSTERS) + negative**2 / (known[1] + MODEL_CLUSTERS)
    total = positive + negative + max(plain.cross, -0.5 * (positive + negative))
    return total, total**2 / spread
