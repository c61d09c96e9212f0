"""Two classes: the score is the probability of the positive one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import TableError
from sparring.task import classification_metrics as metrics
from sparring.task.base import Task, register_task
from sparring.task.classes import named_class, require_classes
from sparring.task.codes import require_codes
from sparring.task.ranking import best_threshold
from sparring.task.scored import Scored
from sparring.task.shown import Plot, calibration_plot, roc_plot
from sparring.task.target import Target


class Binary(Task):
    """Two classes, one of them the positive."""

    name = "binary"
    title = "two classes"
    primary = metrics.ROC_AUC.name
    of_rarest = " of the rarer class"

    def target(self, values: Sequence[Any], kind: str, column: str, positive: object = None) -> Target:
        """Return the negative and the positive value; the positive is the larger unless it is given."""
        require_classes(values, column, most=2)
        if positive is None:
            return Target.of(values, kind)
        chosen = named_class(values, positive, column, "table.positive")
        return Target.of([*(value for value in values if value != chosen), chosen], kind)

    def splitter_params(self, label: str) -> dict[str, Any]:
        """Return Params that keep the classes' shares."""
        return {"stratifyCols": [label]}

    def score_count(self, target: Target) -> int:
        """Return 1: the probability of the positive class."""
        return 1

    def check(self, labels: np.ndarray, scores: np.ndarray, owner: str) -> None:
        """Raise unless scores are probabilities, and labels 0 and 1, both present."""
        outside = ~((scores >= 0) & (scores <= 1))
        if outside.any():
            raise TableError(
                f"{int(outside.sum())} scores in {owner} are not in [0, 1], the first is {scores[outside][0]}",
                "Store the probability of class 1 as score.",
            )
        require_codes(labels, 2, owner)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return labels.astype(np.int64)

    def rests_on(self, sizes: np.ndarray) -> float:
        """Return the number of the positives: the others are many in what rests on a share of them."""
        return float(sizes[1])

    def threshold(self, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float | None:
        """Return the threshold of the highest accuracy."""
        return best_threshold(labels, scores, weights)

    def decisions(self, scores: np.ndarray, threshold: float | None) -> np.ndarray:
        """Return 1 where the score reaches the threshold."""
        return (scores >= (0.5 if threshold is None else threshold)).astype(np.float64)

    def constants(self, labels: np.ndarray, weights: np.ndarray, indicators: np.ndarray) -> dict[str, np.ndarray]:
        """Return the share of positives."""
        return {"prior": np.average(indicators, axis=0, weights=weights)}

    def sample(self, scored: Scored) -> dict[str, Any]:
        """Return the number of positives and their weighted share."""
        positives = int(scored.labels.sum())
        return {
            "positives": positives,
            "base_rate": float(scored.weights @ scored.labels / scored.weights.sum()),
            "labels": f"{positives:,} of them positive",
        }

    def plots(self, scored: Scored) -> list[Plot]:
        """Return ROC curve and calibration."""
        rows = (scored.labels, scored.scores, scored.weights)
        return [roc_plot(*rows), calibration_plot(*rows)]


BINARY = register_task(Binary())
