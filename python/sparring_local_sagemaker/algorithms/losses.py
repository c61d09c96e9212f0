"""Losses of linear models: value and derivative by the score, for whole arrays.

Source: Amazon SageMaker developer guide, "Linear Learner Hyperparameters" (names and parameters).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, softmax

Loss = Callable[[np.ndarray, np.ndarray, dict[str, Any]], tuple[np.ndarray, np.ndarray]]


def logistic(score: np.ndarray, label: np.ndarray, _p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Cross entropy of labels 0 and 1."""
    return np.logaddexp(0, score) - label * score, expit(score) - label


def hinge(score: np.ndarray, label: np.ndarray, p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the margin on the right side."""
    sign = 2 * label - 1
    short = p["margin"] - sign * score
    return np.maximum(short, 0), np.where(short > 0, -sign, 0.0)


def squared(score: np.ndarray, label: np.ndarray, _p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Half the squared error."""
    error = score - label
    return error**2 / 2, error


def absolute(score: np.ndarray, label: np.ndarray, _p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Absolute error."""
    error = score - label
    return np.abs(error), np.sign(error)


def insensitive_squared(score: np.ndarray, label: np.ndarray, p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Half the squared error beyond ``loss_insensitivity``."""
    error = score - label
    beyond = np.sign(error) * np.maximum(np.abs(error) - p["loss_insensitivity"], 0)
    return beyond**2 / 2, beyond


def insensitive_absolute(score: np.ndarray, label: np.ndarray, p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Absolute error beyond ``loss_insensitivity``."""
    error = score - label
    beyond = np.maximum(np.abs(error) - p["loss_insensitivity"], 0)
    return beyond, np.where(beyond > 0, np.sign(error), 0.0)


def quantile(score: np.ndarray, label: np.ndarray, p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Pinball loss: the label lies below the score with probability ``quantile``."""
    error = label - score
    slope = np.where(error > 0, p["quantile"], p["quantile"] - 1)
    return slope * error, -slope


def huber(score: np.ndarray, label: np.ndarray, p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Half the squared error within ``huber_delta``, linear beyond."""
    error, delta = score - label, p["huber_delta"]
    far = np.abs(error) > delta
    return np.where(far, delta * (np.abs(error) - delta / 2), error**2 / 2), np.clip(error, -delta, delta)


def cross_entropy(score: np.ndarray, label: np.ndarray, _p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Cross entropy of classes; ``score`` of shape (n, classes)."""
    rows = np.arange(len(label))
    slope = softmax(score, axis=1)
    slope[rows, label.astype(int)] -= 1
    return -log_softmax(score, axis=1)[rows, label.astype(int)], slope


# predictor_type -> its losses; the first one is meant by "auto".
LOSSES: dict[str, dict[str, Loss]] = {
    "binary_classifier": {"logistic": logistic, "hinge_loss": hinge},
    "multiclass_classifier": {"softmax_loss": cross_entropy},
    "regressor": {
        "squared_loss": squared,
        "absolute_loss": absolute,
        "eps_insensitive_squared_loss": insensitive_squared,
        "eps_insensitive_absolute_loss": insensitive_absolute,
        "quantile_loss": quantile,
        "huber_loss": huber,
    },
}
