"""Checks of a label that holds classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.errors import LabelError

# A label of more values than these holds no classes.
MOST_CLASSES = 100
SHOWN = 20


def require_classes(values: Sequence[Any], column: str, most: int = MOST_CLASSES) -> None:
    """Raise :class:`LabelError` unless there are at least two classes, and at most ``most``.

    Examples
    --------
    >>> require_classes(["a", "b", "c"], "kind")
    """
    shown = ", ".join(repr(value) for value in values[:SHOWN])
    if not values:
        raise LabelError(f"table.label: column {column!r} holds no value in any row", "Name the column to predict.")
    if len(values) == 1:
        raise LabelError(
            f"table.label: column {column!r} holds one class only, {shown}; a classifier needs two",
            "Give rows of both classes.",
        )
    if len(values) <= most:
        return
    more = " and more" if len(values) > SHOWN else ""
    count = f"{len(values)}" if len(values) <= MOST_CLASSES else f"more than {MOST_CLASSES}"
    if most == 2:
        raise LabelError(
            f"table.label: column {column!r} holds {count} values ({shown}{more}); table.task binary takes two",
            "Set table.task to multiclass or auto, or give a column with two values.",
        )
    raise LabelError(
        f"table.label: column {column!r} holds {count} values ({shown}{more}); at most {most} are classes",
        "Set table.task: regression for a number, or give a column of fewer values.",
    )


def named_class(values: Sequence[Any], wanted: object, column: str, owner: str) -> Any:
    """Return the value among ``values`` that ``wanted`` names, as it is or as text.

    Raises
    ------
    LabelError
        If there is none; ``owner`` opens the message.
    """
    for value in values:
        if value == wanted or str(value) == str(wanted):
            return value
    shown = ", ".join(repr(value) for value in values)
    raise LabelError(
        f"{owner} is {wanted!r}, which column {column!r} never holds; it holds {shown}",
        f"Set {owner} to one of them, or leave it out for the larger.",
    )
