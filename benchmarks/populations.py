"""Populations whose metrics are known, and test parts drawn from them: for simulations of intervals and verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtri

from sparring.evaluation import Predictions, pr_auc, rank, roc_auc
from sparring.task.classification_metrics import brier_losses, log_losses

GRID = np.linspace(-8, 12, 20_001)
# How much of the spread of labels, and of scores, the rows of one group have in common.
WITHIN_GROUPS, ROWS_A_GROUP = 0.5, 4
HIDDEN = 0.05


@dataclass(frozen=True)
class Rows:
    """Labels of a test part, and which of its rows belong together."""

    labels: np.ndarray
    units: np.ndarray
    grouped: bool

    def predictions(self, scores: np.ndarray) -> Predictions:
        """Return the rows with ``scores``."""
        count = len(self.labels)
        return Predictions(np.arange(count), self.labels, np.ones(count), scores, self.units, self.grouped)


def draw_rows(rng: np.random.Generator, rows: int, rate: float, setting: str) -> Rows:
    """Return rows with a share ``rate`` of positives.

    ``setting`` is "independent" (labels are drawn), "stratified" (the share is exact) or "groups" (rows of a group
    are alike).
    """
    if setting == "stratified":
        labels = np.zeros(rows)
        labels[: round(rows * rate)] = 1
        return Rows(labels, np.arange(rows), False)
    if setting == "independent":
        return Rows((rng.random(rows) < rate).astype(float), np.arange(rows), False)
    units = np.unique(rng.integers(0, rows // ROWS_A_GROUP, rows), return_inverse=True)[1]
    return Rows((alike(rng, units) > ndtri(1 - rate)).astype(float), units, True)


def alike(rng: np.random.Generator, units: np.ndarray) -> np.ndarray:
    """Return standard normal deviates that rows of one unit share in part; independent ones where units are rows."""
    common = rng.normal(size=units.max() + 1)[units]
    return np.sqrt(WITHIN_GROUPS) * common + np.sqrt(1 - WITHIN_GROUPS) * rng.normal(size=len(units))


def distance(auc: float) -> float:
    """Return how far apart two normal classes of unit variance lie whose scores have this ROC AUC."""
    return float(np.sqrt(2) * ndtri(auc))


class Population:
    """A model's scores in both classes: normal evidence, turned into a probability.

    ``shape`` is "calibrated", "overconfident" (every logit doubled) or "hidden" (calibrated, but one positive in 20
    looks like a negative).
    """

    def __init__(self, rate: float, auc: float, shape: str) -> None:
        self.rate, self.auc, self.shape = rate, auc, shape
        self.hidden = HIDDEN if shape == "hidden" else 0.0
        self.apart = distance((auc - self.hidden / 2) / (1 - self.hidden))
        negative, shifted = (_density(GRID - shift) for shift in (0.0, self.apart))
        positive = (1 - self.hidden) * shifted + self.hidden * negative
        self._labels = np.repeat([1.0, 0.0], len(GRID))
        self._weights = np.concatenate([rate * positive, (1 - rate) * negative])
        self._scores = np.tile(self.score(GRID), 2)
        self.known = self._truth()
        order = np.argsort(self._scores[: len(GRID)], kind="stable")
        self._sorted = self._scores[: len(GRID)][order]
        self._right = np.cumsum(np.append(rate, ((1 - rate) * negative - rate * positive)[order]))

    def _truth(self) -> dict[str, float]:
        """Return what the product's own metrics are on the whole population, as weighted rows."""
        ranking = rank(self._labels, self._scores)
        found = {"roc_auc": roc_auc(ranking, self._weights), "pr_auc": pr_auc(ranking, self._weights)}
        for name, losses in (("log_loss", log_losses), ("brier", brier_losses)):
            found[name] = float(self._weights @ losses(self._labels, self._scores))
        return found

    def truth(self, metric: str, threshold: float) -> float:
        """Return a metric of the population; accuracy is that of the threshold."""
        if metric != "accuracy":
            return self.known[metric]
        return float(self._right[np.searchsorted(self._sorted, threshold)])

    def score(self, evidence: np.ndarray) -> np.ndarray:
        """Return the stated probability of class 1; it rises with the evidence."""
        with_hidden = (1 - self.hidden) * np.exp(self.apart * evidence - self.apart**2 / 2) + self.hidden
        logits = logit(self.rate) + np.log(with_hidden)
        if self.shape == "overconfident":
            logits = logit(self.rate) + 2 * (logits - logit(self.rate))
        return expit(logits)

    def predictions(self, rng: np.random.Generator, rows: Rows) -> Predictions:
        """Return ``rows`` as the model scores them."""
        seen = rows.labels * (rng.random(len(rows.labels)) >= self.hidden)
        return rows.predictions(self.score(self.apart * seen + alike(rng, rows.units)))


def _density(deviates: np.ndarray) -> np.ndarray:
    density = np.exp(-(deviates**2) / 2)
    return density / density.sum()
