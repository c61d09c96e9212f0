"""The metrics of classes: each an entry with its function, its influence and its direction.

Scores of two classes are the probability of class 1, shape (n,); of several classes the probabilities of all, shape
(n, classes).  Where a metric knows both, it is one metric, and of two classes both forms give one value.
"""

from __future__ import annotations

import numpy as np

from sparring.task.influence import mean_influence, pr_auc_influence, roc_auc_influence
from sparring.task.metric import Metric, register_metric
from sparring.task.ranking import pr_auc, rank, roc_auc

TWO, SEVERAL = frozenset({"binary"}), frozenset({"multiclass"})
CLASSES = TWO | SEVERAL


def log_losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the log loss of each row in nats, scores kept one float64 epsilon away from 0 and 1, as scikit-learn does.

    Examples
    --------
    >>> log_losses(np.array([1.0, 0.0]), np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [0.693, 0.0]
    """
    epsilon = np.finfo(np.float64).eps
    inside = np.clip(scores, epsilon, 1 - epsilon)
    if scores.ndim == 1:
        return -np.where(labels == 1, np.log(inside), np.log1p(-inside))
    return -np.log(inside[np.arange(len(labels)), labels.astype(np.int64)])


def brier_losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return half the squared distance of each row's probabilities from what happened: in [0, 1] for any classes.

    Examples
    --------
    >>> brier_losses(np.array([1.0]), np.array([0.8])), brier_losses(np.array([1.0]), np.array([[0.2, 0.8]]))
    (array([0.04]), array([0.04]))
    """
    if scores.ndim == 1:
        return (scores - labels) ** 2
    happened = labels[:, None] == np.arange(scores.shape[1])
    return ((scores - happened) ** 2).sum(axis=1) / 2


def hits(labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Return 1 for each row of which the decided class is the label, else 0."""
    return (labels == decided).astype(np.float64)


def mean_of(losses: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted mean."""
    return float(weights @ losses / weights.sum())


def one_against_rest(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean over the classes of the ROC AUC of each one against all others; NaN when one has no weight."""
    aucs = [roc_auc(rank(labels == code, scores[:, code]), weights) for code in range(scores.shape[1])]
    return float(np.mean(aucs))


def one_against_rest_influence(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on :func:`one_against_rest`."""
    moved = np.zeros(len(labels))
    for code in range(scores.shape[1]):
        positive = (labels == code).astype(np.float64)
        moved += roc_auc_influence(rank(positive, scores[:, code]), positive, weights)
    return moved / scores.shape[1]


def f1_by_class(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> dict[float, float]:
    """Return the F1 of every class that occurs in ``labels`` or ``decided``, by its code."""
    return {code: 2 * both / either for code, both, either in _overlaps(labels, decided, weights)}


def macro_f1(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean of the classes' F1, as scikit-learn's ``average="macro"``."""
    return float(np.mean(list(f1_by_class(labels, decided, weights).values())))


def macro_f1_influence(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the influence of each row on :func:`macro_f1`: that of a mean of ratios."""
    overlaps = _overlaps(labels, decided, weights)
    moved = np.zeros(len(labels))
    for code, both, either in overlaps:
        actual, chosen = labels == code, decided == code
        moved += (2.0 * (actual & chosen) - 2 * both / either * (1.0 * actual + chosen)) / either
    return weights * moved / len(overlaps)


def _overlaps(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> list[tuple[float, float, float]]:
    """Return of every class its code, the weight of its hits, and the weight of its rows and of its decisions."""
    codes = np.union1d(labels, decided)
    rows, chosen, both = (
        np.bincount(np.searchsorted(codes, values), part, minlength=len(codes))
        for values, part in ((labels, weights), (decided, weights), (labels, weights * (labels == decided)))
    )
    return [
        (float(code), float(hit), float(one + other))
        for code, hit, one, other in zip(codes, both, rows, chosen, strict=True)
    ]


ROC_AUC = register_metric(
    Metric(
        "roc_auc",
        "ROC AUC",
        True,
        TWO,
        lambda labels, scores, weights: roc_auc(rank(labels, scores), weights),
        influence=lambda labels, scores, weights: roc_auc_influence(rank(labels, scores), labels, weights),
        interval="delong",
        chance=0.5,
    )
)
ROC_AUC_OVR = register_metric(
    Metric(
        "roc_auc_ovr",
        "macro ROC AUC",
        True,
        SEVERAL,
        one_against_rest,
        influence=one_against_rest_influence,
        interval="logit",
        chance=0.5,
    )
)
PR_AUC = register_metric(
    Metric(
        "pr_auc",
        "PR AUC",
        True,
        TWO,
        lambda labels, scores, weights: pr_auc(rank(labels, scores), weights),
        influence=lambda labels, scores, weights: pr_auc_influence(rank(labels, scores), labels, weights),
        interval="logit",
    )
)
LOG_LOSS = register_metric(
    Metric(
        "log_loss",
        "log loss",
        False,
        CLASSES,
        lambda labels, scores, weights: mean_of(log_losses(labels, scores), weights),
        influence=lambda labels, scores, weights: mean_influence(log_losses(labels, scores), weights),
        interval="skewed",
    )
)
BRIER = register_metric(
    Metric(
        "brier",
        "Brier score",
        False,
        CLASSES,
        lambda labels, scores, weights: mean_of(brier_losses(labels, scores), weights),
        influence=lambda labels, scores, weights: mean_influence(brier_losses(labels, scores), weights),
        interval="wilson",
    )
)
ACCURACY = register_metric(
    Metric(
        "accuracy",
        "accuracy",
        True,
        CLASSES,
        lambda labels, decided, weights: mean_of(hits(labels, decided), weights),
        of="decisions",
        influence=lambda labels, decided, weights: mean_influence(hits(labels, decided), weights),
        interval="wilson",
        shown_as="share",
    )
)
F1_MACRO = register_metric(
    Metric(
        "f1_macro",
        "macro F1",
        True,
        SEVERAL,
        macro_f1,
        of="decisions",
        influence=macro_f1_influence,
        interval="logit",
    )
)
