"""Metrics that the XGBoost image adds to the library's own, and the lines that CloudWatch shows.

Source: aws/sagemaker-xgboost-container, ``metrics/custom_metrics.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xgboost
from sklearn import metrics

LOWER_IS_BETTER = {"mse"}

FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": lambda labels, found: metrics.f1_score(labels, found, average="macro"),
    "f1_binary": lambda labels, found: metrics.f1_score(labels, found, average="binary"),
    "f1_macro": lambda labels, found: metrics.f1_score(labels, found, average="macro"),
    "mse": metrics.mean_squared_error,
    "precision": lambda labels, found: metrics.precision_score(labels, found, average="binary", zero_division=0),
    "precision_macro": lambda labels, found: metrics.precision_score(labels, found, average="macro", zero_division=0),
    "precision_micro": lambda labels, found: metrics.precision_score(labels, found, average="micro", zero_division=0),
    "r2": metrics.r2_score,
    "recall": lambda labels, found: metrics.recall_score(labels, found, average="binary", zero_division=0),
    "recall_macro": lambda labels, found: metrics.recall_score(labels, found, average="macro", zero_division=0),
    "recall_micro": lambda labels, found: metrics.recall_score(labels, found, average="micro", zero_division=0),
}
ON_NUMBERS = {"mse", "r2"}


def custom_metric(names: list[str]) -> Callable[[np.ndarray, xgboost.DMatrix], list[tuple[str, float]]] | None:
    """Return the function that :func:`xgboost.train` calls each round, or None without names."""
    if not names:
        return None

    def evaluate(found: np.ndarray, rows: xgboost.DMatrix) -> list[tuple[str, float]]:
        labels = rows.get_label()
        return [(name, float(FUNCTIONS[name](labels, _outcome(name, found, labels)))) for name in names]

    return evaluate


def _outcome(name: str, found: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return predicted numbers or classes, whichever the metric compares."""
    if name in ON_NUMBERS:
        return found
    if found.size > len(labels):
        return found.reshape(len(labels), -1).argmax(axis=1)
    # Classes come as they are; a probability is cut in the middle.
    return np.rint(found)


class MetricLines(xgboost.callback.TrainingCallback):
    """Prints each round's metrics; ``#011`` is the tab, as CloudWatch shows it."""

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict) -> bool:
        """Print one line and go on."""
        words = [
            f"{data}-{name}:{values[-1]:.5f}" for data, found in evals_log.items() for name, values in found.items()
        ]
        print("#011".join([f"[{epoch}]", *words]), flush=True)
        return False
