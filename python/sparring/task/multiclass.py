"""Three classes or more: the scores are the probabilities of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.errors import ConfigError
from sparring.task.base import PROBABILITIES, Task, register_task
from sparring.task.classes import require_classes
from sparring.task.target import Target


class Multiclass(Task):
    """Three classes or more, in the order of their values."""

    name = "multiclass"
    title = "several classes"
    primary = "roc_auc_ovr"

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


MULTICLASS = register_task(Multiclass())
