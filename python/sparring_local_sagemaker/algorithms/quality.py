"""Metrics under the names that CloudWatch shows, and the choice of a threshold by one of them.

Source: Amazon SageMaker developer guide, "Tune a Linear Learner Model" and "Tune a Factorization Machines Model".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparring.wire import Answers

Quality = dict[str, tuple[float, bool]]


def regression_quality(score: np.ndarray, labels: np.ndarray) -> Quality:
    """Return errors of a regressor."""
    mse = float(((score - labels) ** 2).mean())
    return {
        "mse": (mse, False),
        "rmse": (mse**0.5, False),
        "absolute_loss": (float(np.abs(score - labels).mean()), False),
    }


def binary_quality(answers: Answers, labels: np.ndarray, parameters: dict[str, Any]) -> Quality:
    """Return metrics of labels 0 and 1."""
    # Here, because a serving process needs none of scikit-learn, which takes seconds to import.
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    predicted, beta = answers["predicted_label"], parameters.get("f_beta", 1.0)
    precision, recall, f_beta, _ = precision_recall_fscore_support(
        labels, predicted, beta=beta, average="binary", zero_division=0
    )
    found = {
        "binary_classification_accuracy": float((predicted == labels).mean()),
        "precision": float(precision),
        "recall": float(recall),
        "binary_f_beta": float(f_beta),
    }
    if len(np.unique(labels)) == 2:
        found["roc_auc_score"] = float(roc_auc_score(labels, answers["score"]))
    return {name: (value, True) for name, value in found.items()}


def multiclass_quality(answers: Answers, labels: np.ndarray, parameters: dict[str, Any]) -> Quality:
    """Return metrics of several classes."""
    from sklearn.metrics import precision_recall_fscore_support

    top = np.argsort(-answers["score"], axis=1, kind="stable")[:, : parameters["accuracy_top_k"]]
    precision, recall, f_beta, _ = precision_recall_fscore_support(
        labels, answers["predicted_label"], beta=parameters["f_beta"], average="macro", zero_division=0
    )
    found = {
        "multiclass_accuracy": float((answers["predicted_label"] == labels).mean()),
        "multiclass_top_k_accuracy": float((top == labels[:, None]).any(axis=1).mean()),
        "macro_precision": float(precision),
        "macro_recall": float(recall),
        "macro_f_beta": float(f_beta),
    }
    return {name: (value, True) for name, value in found.items()}


def best_threshold(score: np.ndarray, labels: np.ndarray | None, parameters: dict[str, Any]) -> float | None:
    """Return the threshold that is best by ``binary_classifier_model_selection_criteria``.

    Rows above the threshold are positive.  Candidates lie in the middle between neighbouring scores, and below and
    above all of them; of equally good ones the lowest is taken.  None means: the middle of the scale, because the
    criterion is the loss itself, or because nothing reaches the target.
    """
    criterion = parameters["binary_classifier_model_selection_criteria"]
    if criterion == "loss_function" or labels is None:
        return None
    order = np.argsort(score, kind="stable")
    ranked, positive = score[order], labels[order] == 1
    edges = np.flatnonzero(np.diff(ranked, prepend=-np.inf) > 0)
    middles = (ranked[edges] + ranked[np.maximum(edges - 1, 0)]) / 2
    candidates = np.concatenate([[ranked[0] - 1e-6], middles[1:], [ranked[-1]]])
    starts = np.concatenate([edges, [len(ranked)]])
    below = np.concatenate([[0], np.cumsum(positive)])[starts]
    hits = positive.sum() - below
    found = len(ranked) - starts
    worth = _worth(criterion, hits, found, int(positive.sum()), len(ranked), parameters)
    return None if np.isneginf(worth).all() else float(candidates[int(worth.argmax())])


def _worth(
    criterion: str, hits: np.ndarray, found: np.ndarray, positives: int, count: int, parameters: dict[str, Any]
) -> np.ndarray:
    """Return what each threshold is worth, from its true positives and its positives."""
    recall, precision = hits / max(positives, 1), hits / np.maximum(found, 1)
    if criterion == "accuracy":
        return (hits + (count - positives) - (found - hits)) / count
    if criterion == "f_beta":
        square = parameters["f_beta"] ** 2
        return (1 + square) * precision * recall / np.maximum(square * precision + recall, 1e-300)
    if criterion == "precision_at_target_recall":
        return np.where(recall >= parameters["target_recall"], precision, -np.inf)
    return np.where(precision >= parameters["target_precision"], recall, -np.inf)
