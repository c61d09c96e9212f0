"""Two classes: the score is the probability of the positive one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.task.base import Task, register_task
from sparring.task.classes import named_class, require_classes
from sparring.task.target import Target


class Binary(Task):
    """Two classes, one of them the positive."""

    name = "binary"
    title = "two classes"
    primary = "roc_auc"

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


BINARY = register_task(Binary())
