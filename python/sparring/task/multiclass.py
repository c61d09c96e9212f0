"""Three classes or more: the scores are the probabilities of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import ConfigError, TableError
from sparring.task import classification_metrics as metrics
from sparring.task.base import Task, register_task
from sparring.task.classes import require_classes
from sparring.task.codes import require_codes
from sparring.task.ranking import rank, roc_auc
from sparring.task.scored import Scored
from sparring.task.scores import PROBABILITIES
from sparring.task.shown import Plot, Table, calibration_plot, confusion_plot
from sparring.task.target import Target

# How far the probabilities of a row may be from 1 together: engines store some of them as float32.
SUM_TOLERANCE = 1e-6


class Multiclass(Task):
    """Three classes or more, in the order of their values."""

    name = "multiclass"
    title = "several classes"
    primary = metrics.ROC_AUC_OVR.name
    of_rarest = " of the rarest class"
    group_baseline = "group shares"

    def target(self, values: Sequence[Any], kind: str, column: str, positive: object = None) -> Target:
        """Return the classes in the order of their values."""
        if positive is not None:
            raise ConfigError(
                f"table.positive is {positive!r}, and a multiclass task has no positive class",
                "Leave it out, or set table.task: binary for a label of two values.",
            )
        require_classes(values, column)
        return Target.of(values, kind)

    def splitter_params(self, label: str) -> dict[str, Any]:
        """Return Params that keep the classes' shares."""
        return {"stratifyCols": [label]}

    def score_count(self, target: Target) -> int:
        """Return the number of classes."""
        return len(target.classes)

    def score_column(self) -> str:
        """Return the column of all classes' probabilities."""
        return PROBABILITIES

    def check(self, labels: np.ndarray, scores: np.ndarray, owner: str) -> None:
        """Raise unless the scores of each row are probabilities that sum to 1, and every class has a row."""
        if scores.ndim != 2:
            raise TableError(
                f"{owner} have one score a row; a multiclass task has one for each class", "Store them all."
            )
        outside = ~((scores >= 0) & (scores <= 1)).all(axis=1)
        if outside.any():
            raise TableError(
                f"The probabilities of {int(outside.sum())} rows in {owner} are not in [0, 1], the first are "
                f"{scores[outside][0].tolist()}",
                "Store the probability of every class.",
            )
        sums = scores.sum(axis=1)
        uneven = np.abs(sums - 1) > SUM_TOLERANCE
        if uneven.any():
            raise TableError(
                f"The probabilities of {int(uneven.sum())} rows in {owner} do not sum to 1, the first to "
                f"{sums[uneven][0]}",
                "Store the probabilities of all classes, in the order of their codes.",
            )
        require_codes(labels, scores.shape[1], owner)

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the class of each row."""
        return labels.astype(np.int64)

    def decisions(self, scores: np.ndarray, threshold: float | None) -> np.ndarray:
        """Return the code of the most probable class, the first of equal ones."""
        return scores.argmax(axis=1).astype(np.float64)

    def constants(self, labels: np.ndarray, weights: np.ndarray, indicators: np.ndarray) -> dict[str, np.ndarray]:
        """Return the shares of the classes, and certainty of the commonest one."""
        shares = np.average(indicators, axis=0, weights=weights)
        return {"prior": shares, "majority": np.eye(len(shares))[shares.argmax()]}

    def sample(self, scored: Scored) -> dict[str, Any]:
        """Return the rows of each class."""
        counts = np.bincount(scored.labels.astype(np.int64), minlength=len(scored.names))
        rows = dict(zip(scored.names, counts.tolist(), strict=True))
        rarest = scored.names[int(counts.argmin())]
        return {"classes": rows, "labels": f"{counts.min():,} of them of the rarest class, {rarest}"}

    def plots(self, scored: Scored) -> list[Plot]:
        """Return the confusion of the classes, and the calibration of the class that was decided for."""
        right = metrics.hits(scored.labels, scored.decisions)
        sure = scored.scores.max(axis=1)
        words = {"x": "Mean probability of the predicted class", "y": "Share predicted rightly"}
        return [
            calibration_plot(right, sure, scored.weights, words),
            confusion_plot(scored.labels, scored.decisions, scored.weights, scored.names),
        ]

    def tables(self, scored: Scored) -> list[Table]:
        """Return rows, precision, recall, F1 and ROC AUC against the rest of each class."""
        return [
            {
                "title": "Classes",
                "heads": [scored.label, "Test rows", "Precision", "Recall", "F1", "ROC AUC against the rest"],
                "kinds": ["count", "share", "share", "score", "score"],
                "rows": [
                    {"name": name, "values": _of_class(scored, float(code))} for code, name in enumerate(scored.names)
                ],
            }
        ]


def _of_class(scored: Scored, code: float) -> list[float | None]:
    actual, chosen = scored.labels == code, scored.decisions == code
    both, rows, decided = (float(scored.weights[part].sum()) for part in (actual & chosen, actual, chosen))
    return [
        int(actual.sum()),
        both / decided if decided else None,
        both / rows if rows else None,
        2 * both / (rows + decided) if rows + decided else None,
        roc_auc(rank(actual, scored.scores[:, int(code)]), scored.weights),
    ]


MULTICLASS = register_task(Multiclass())
