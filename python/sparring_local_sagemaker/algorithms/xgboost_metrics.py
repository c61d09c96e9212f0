"""Metrics that the XGBoost image adds to the library's own, and the lines that CloudWatch shows.

Source: aws/sagemaker-xgboost-container, ``metrics/custom_metrics.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xgboost

LOWER_IS_BETTER = {"mse"}

ON_NUMBERS = {"mse", "r2"}


def _functions() -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    """Return metric -> function of labels and outcomes."""
    # Here, because most jobs ask for none of them, and scikit-learn takes seconds to import.
    from sklearn import metrics

    return {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "f1": partial(metrics.f1_score, average="macro"),
        "f1_binary": partial(metrics.f1_score, average="binary"),
        "f1_macro": partial(metrics.f1_score, average="macro"),
        "mse": metrics.mean_squared_error,
        "precision": partial(metrics.precision_score, average="binary", zero_division=0),
        "precision_macro": partial(metrics.precision_score, average="macro", zero_division=0),
        "precision_micro": partial(metrics.precision_score, average="micro", zero_division=0),
        "r2": metrics.r2_score,
        "recall": partial(metrics.recall_score, average="binary", zero_division=0),
        "recall_macro": partial(metrics.recall_score, average="macro", zero_division=0),
        "recall_micro": partial(metrics.recall_score, average="micro", zero_division=0),
    }


def custom_metric(names: list[str]) -> Callable[[np.ndarray, xgboost.DMatrix], list[tuple[str, float]]] | None:
    """Return the function that :func:`xgboost.train` calls each round, or None without names."""
    if not names:
        return None
    functions = _functions()

    def evaluate(found: np.ndarray, rows: xgboost.DMatrix) -> list[tuple[str, float]]:
        labels = rows.get_label()
        return [(name, float(functions[name](labels, _outcome(name, found, labels)))) for name in names]

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
