"""From a model's margins to its scores."""

from __future__ import annotations

import numpy as np


def sigmoid(margin: np.ndarray) -> np.ndarray:
    """Return the logistic function of ``margin``."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-margin))
