"""Whether every part of a split has rows of both classes: else nothing can be trained, chosen or measured there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.errors import LabelError
from sparring.model_selection.allocation import apportion

ADVICE = (
    "Give more rows of that class, a larger share to that part (split.train, split.validation, split.test), or another "
    "table.label."
)


def require_enough(classes: Mapping[str, int], label: str, positive: object, shares: Mapping[str, float]) -> None:
    """Raise if a class has too few rows for one to reach every part, before anything is split.

    Parameters
    ----------
    classes : mapping of str to int
        ``"0"`` and ``"1"`` -> usable rows.
    label : str
        The label's column.
    positive : object
        Its value that counts as 1.
    shares : mapping of str to float
        Part -> share of the rows.

    Raises
    ------
    LabelError
        Naming class, part and counts.

    Examples
    --------
    >>> require_enough({"0": 900, "1": 100}, "sick", "yes", {"train": 0.7, "validation": 0.1, "test": 0.2})
    """
    dealt = apportion(dict(classes), list(shares.values()))
    for name, rows in dealt.items():
        empty = [part for part, given in zip(shares, rows, strict=True) if given == 0]
        if empty:
            counts = ", ".join(f"{part} {given:,}" for part, given in zip(shares, rows, strict=True))
            raise LabelError(
                f"table.label: the class {_named(name, positive)} of {label!r} has {classes[name]:,} usable rows, too "
                f"few for {_listed(empty)} to have one ({counts})",
                ADVICE,
            )


def require_both_classes(
    parts: Mapping[str, Mapping[str, Any]], label: str, positive: object, method: str = "stratified"
) -> None:
    """Raise if a part of a split has rows of one class only, or none.

    Parameters
    ----------
    parts : mapping of str to mapping
        Part -> its ``rows`` and ``positives``.
    label : str
    positive : object
    method : str
        The split's, which tells what can be done.

    Raises
    ------
    LabelError
        Naming class, part and counts.
    """
    for part, found in parts.items():
        counts = {"1": found["positives"], "0": found["rows"] - found["positives"]}
        missing = [name for name, rows in counts.items() if not rows]
        if missing:
            others = "; ".join(f"{name}: {one['positives']:,} of {one['rows']:,}" for name, one in parts.items())
            raise LabelError(
                f"split: part {part!r} has {found['rows']:,} rows, and none of the class "
                f"{_named(missing[0], positive)} of {label!r} (rows of {positive!r} by part: {others})",
                "With split.method 'time' choose shares by which every part sees both classes, or the method "
                "'stratified'."
                if method == "time"
                else ADVICE,
            )


def _named(name: str, positive: object) -> str:
    return repr(positive) if name == "1" else f"other than {positive!r}"


def _listed(parts: list[str]) -> str:
    return " and ".join(parts)
