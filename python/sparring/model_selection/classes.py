"""Whether every part of a split has rows of every class: else nothing can be trained, chosen or measured there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.errors import LabelError, TableError
from sparring.model_selection.allocation import apportion

ADVICE = (
    "Give more rows of that class, a larger share to that part (split.train, split.validation, split.test), join it "
    "with another class or leave its rows out, or name another table.label."
)
# Of a label that is a number: fewer rows in a part have no spread to speak of.
LEAST_ROWS = 2


def require_enough(classes: Mapping[str, int], label: str, shares: Mapping[str, float]) -> None:
    """Raise if a class has too few rows for one to reach every part, before anything is split.

    A class so rare is never joined with others or dropped without its owner's word.

    Parameters
    ----------
    classes : mapping of str to int
        Class -> usable rows.
    label : str
        The label's column.
    shares : mapping of str to float
        Part -> share of the rows.

    Raises
    ------
    LabelError
        Naming class, part and counts.

    Examples
    --------
    >>> require_enough({"no": 900, "yes": 100}, "sick", {"train": 0.7, "validation": 0.1, "test": 0.2})
    """
    for name, rows in apportion(dict(classes), list(shares.values())).items():
        empty = [part for part, given in zip(shares, rows, strict=True) if given == 0]
        if empty:
            counts = ", ".join(f"{part} {given:,}" for part, given in zip(shares, rows, strict=True))
            raise LabelError(
                f"table.label: the class {name!r} of {label!r} has {classes[name]:,} usable rows, too few for "
                f"{' and '.join(empty)} to have one ({counts})",
                ADVICE,
            )


def require_enough_rows(rows: int, shares: Mapping[str, float]) -> None:
    """Raise :class:`TableError` if a part of a table with a numeric label would have fewer than two rows.

    Examples
    --------
    >>> require_enough_rows(100, {"train": 0.7, "validation": 0.1, "test": 0.2})
    """
    (given,) = apportion({"rows": rows}, list(shares.values())).values()
    small = [f"{part} {count:,}" for part, count in zip(shares, given, strict=True) if count < LEAST_ROWS]
    if small:
        raise TableError(
            f"The table has {rows:,} usable rows, too few for every part to have {LEAST_ROWS} ({', '.join(small)})",
            "Give more rows.",
        )


def require_all_classes(parts: Mapping[str, Mapping[str, Any]], label: str, method: str = "stratified") -> None:
    """Raise if a part of a split lacks a class, or has no rows.

    Parameters
    ----------
    parts : mapping of str to mapping
        Part -> its ``rows`` and ``classes`` (class -> rows); no ``classes`` where the label is a number.
    label : str
    method : str
        The split's, which tells what can be done.

    Raises
    ------
    LabelError
        Naming class, part and counts.
    """
    for part, found in parts.items():
        if not found["rows"]:
            raise LabelError(f"split: part {part!r} has no rows", "Give more rows, or a larger share to that part.")
        missing = [name for name, rows in found.get("classes", {}).items() if not rows]
        if missing:
            others = "; ".join(
                f"{name}: {one['classes'][missing[0]]:,} of {one['rows']:,}" for name, one in parts.items()
            )
            raise LabelError(
                f"split: part {part!r} has {found['rows']:,} rows, and none of the class {missing[0]!r} of {label!r} "
                f"(its rows by part: {others})",
                "With split.method 'time' choose shares by which every part sees all classes, or the method "
                "'stratified'."
                if method == "time"
                else ADVICE,
            )
