"""A number: the score is an estimate of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import ConfigError, LabelError, TableError
from sparring.task import regression_metrics as metrics
from sparring.task.base import Task, register_task
from sparring.task.scored import Scored
from sparring.task.shown import Plot, calibration_plot, residual_plot
from sparring.task.target import Target

# Quantile bins of the label that every part of a split has an equal share of.
BINS = 10
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


class Regression(Task):
    """A number, in the label's own unit."""

    name = "regression"
    title = "a number"
    primary = metrics.RMSE.name

    def target(self, values: Sequence[Any], kind: str, column: str, positive: object = None) -> Target:
        """Return the target of a numeric column with two values or more."""
        if positive is not None:
            raise ConfigError(
                f"table.positive is {positive!r}, and a regression task has no positive class",
                "Leave it out, or set table.task: binary for a label of two values.",
            )
        if not kind.startswith(NUMBERS):
            raise LabelError(
                f"table.label: column {column!r} is {kind}; table.task regression needs a number",
                "Convert the column, or set table.task to binary or multiclass.",
            )
        if len(values) < 2:
            shown = f"one value only, {values[0]!r}" if values else "no value in any row"
            raise LabelError(
                f"table.label: column {column!r} holds {shown}; there is nothing to predict", "Name another column."
            )
        return Target(kind)

    def splitter_params(self, label: str) -> dict[str, Any]:
        """Return Params that give every part an equal share of each tenth of the label's values."""
        return {"quantileCols": [label], "numBins": BINS}

    def score_count(self, target: Target) -> int:
        """Return 1: the estimate."""
        return 1

    def check(self, labels: np.ndarray, scores: np.ndarray, owner: str) -> None:
        """Raise unless scores and labels are finite numbers, and the labels not all the same."""
        unknown = ~np.isfinite(scores)
        if unknown.any():
            raise TableError(
                f"{int(unknown.sum())} scores in {owner} are no finite numbers, the first is {scores[unknown][0]}",
                "Store the estimate of the label as score.",
            )
        if not np.isfinite(labels).all():
            raise LabelError(f"Some labels in {owner} are no finite numbers", "Quarantine such rows at ingest.")
        if np.ptp(labels) == 0:
            raise LabelError(
                f"The labels in {owner} are all {labels[0]}; metrics need two different ones",
                "Check the label column, or make the part larger.",
            )

    def constants(self, labels: np.ndarray, weights: np.ndarray, indicators: np.ndarray) -> dict[str, np.ndarray]:
        """Return the mean and the median of the label."""
        median = metrics.reweighted_median(labels)(weights)
        return {"mean": np.average(indicators, weights=weights), "median": np.float64(median)}

    def sample(self, scored: Scored) -> dict[str, Any]:
        """Return mean and deviation of the label."""
        mean = float(np.average(scored.labels, weights=scored.weights))
        deviation = float(np.sqrt(np.average((scored.labels - mean) ** 2, weights=scored.weights)))
        return {"label_mean": mean, "label_deviation": deviation, "labels": ""}

    def plots(self, scored: Scored) -> list[Plot]:
        """Return the observed means of tenths of like estimates, and the quantiles of the errors."""
        rows = (scored.labels, scored.scores, scored.weights)
        words = {
            "name": "observed",
            "title": "Observed against predicted, by tenths of the estimates",
            "x": f"{scored.label}: mean estimate",
            "y": f"{scored.label}: observed mean",
            "reference": "no bias",
        }
        return [calibration_plot(*rows, words), residual_plot(*rows, scored.label)]


REGRESSION = register_task(Regression())
