"""From a model's margins, shape (n, rows), to its scores, shape (n,) or (n, classes)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def logistic(margins: np.ndarray) -> np.ndarray:
    """Return the probability of the positive class."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-margins[:, 0]))


def softmax(margins: np.ndarray) -> np.ndarray:
    """Return the probabilities of all classes."""
    raised = np.exp(margins - margins.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def identity(margins: np.ndarray) -> np.ndarray:
    """Return the margins: estimates of a number."""
    return margins[:, 0]


def exponential(margins: np.ndarray) -> np.ndarray:
    """Return the exponentials of the margins: estimates of a positive number."""
    with np.errstate(over="ignore"):
        return np.exp(margins[:, 0])


LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logistic": logistic,
    "softmax": softmax,
    "identity": identity,
    # Of one link, the logarithm; the distributions have losses of their own.
    "poisson": exponential,
    "gamma": exponential,
}
