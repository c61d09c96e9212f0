"""Which task a label's values mean, and why: what ``table.task: auto`` stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sparring.task.base import Task, task_named
from sparring.task.classes import MOST_CLASSES
from sparring.task.target import Target

# So many whole numbers in a row may be classes, such as grades; more are a count.
MOST_GRADES = 10


def choose_task(values: Sequence[Any], kind: str, column: str) -> tuple[Task, str]:
    """Return the task of a label, and the reason in words.

    Parameters
    ----------
    values : sequence
        Its distinct values, sorted, missing ones left out; those beyond :data:`MOST_CLASSES` + 1 may be cut.
    kind : str
        Spark's type of the column.
    column : str

    Examples
    --------
    >>> choose_task(["no", "yes"], "string", "late")[1]
    "'late' holds two values"
    >>> choose_task([0.5, 1.25, 2.0], "double", "price")[0].name
    'regression'
    """
    count = f"more than {MOST_CLASSES}" if len(values) > MOST_CLASSES else str(len(values))
    if len(values) <= 2:
        return task_named("binary"), f"{column!r} holds two values"
    numeric = kind.startswith(("tinyint", "smallint", "int", "bigint", "float", "double", "decimal"))
    if not numeric:
        return task_named("multiclass"), f"{column!r} holds {count} values of type {kind}"
    # What is no finite number is quarantined, and tells nothing of the others.
    values = [value for value in values if math.isfinite(value)]
    if any(value != int(value) for value in values):
        return task_named("regression"), f"{column!r} holds numbers with fractions"
    if len(values) <= MOST_GRADES and int(values[-1]) - int(values[0]) == len(values) - 1:
        reason = f"{column!r} holds the {count} whole numbers from {int(values[0])} to {int(values[-1])}"
        return task_named("multiclass"), f"{reason}; set table.task: regression if they are amounts"
    reason = f"{column!r} holds {count} different whole numbers"
    return task_named("regression"), f"{reason}; set table.task: multiclass if they are names"


def problem_of(
    values: Sequence[Any], kind: str, column: str, configured: str = "auto", positive: object = None
) -> tuple[Task, str, Target]:
    """Return the task of a label, the reason in words, and what is predicted.

    Parameters
    ----------
    values, kind, column
        As of :func:`choose_task`.
    configured : str, default "auto"
        ``table.task``.
    positive : object, optional
        ``table.positive``.

    Raises
    ------
    ConfigError, LabelError
        If there is no such task, or the values cannot be its label.
    """
    if configured == "auto":
        task, reason = choose_task(values, kind, column)
    else:
        task, reason = task_named(configured), "table.task says so"
    return task, reason, task.target(values, kind, column, positive)
