"""A number: the score is an estimate of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.errors import ConfigError, LabelError
from sparring.task.base import Task, register_task
from sparring.task.target import Target

# Quantile bins of the label that every part of a split has an equal share of.
BINS = 10
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


class Regression(Task):
    """A number, in the label's own unit."""

    name = "regression"
    title = "a number"
    primary = "rmse"

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


REGRESSION = register_task(Regression())
