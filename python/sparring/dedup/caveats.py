"""What a reader must know of the rows that deduplication removed, and when it removed too many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.errors import TableError

MUCH, MOVED, MOST = 0.05, 0.01, 0.5


def caveats_of(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences that belong beside any verdict on the rows that are left.

    Parameters
    ----------
    found : mapping
        ``rows`` left, ``duplicates_removed``, ``conflicting``, ``conflicting_rows``, ``classes`` and
        ``removed_by_class``, as :func:`sparring.dedup.write.deduplicate` gives them.

    Examples
    --------
    >>> caveats_of({"rows": 90, "duplicates_removed": 10, "conflicting": 0, "conflicting_rows": 0,
    ...             "classes": {"0": 50, "1": 50}, "removed_by_class": {"0": 5, "1": 5}})
    ['Deduplication removed 10 of 100 rows (10.0%): every score is of the rows that are left.']
    """
    removed, total = found["duplicates_removed"], found["rows"] + found["duplicates_removed"]
    said = []
    if removed > MUCH * total:
        said.append(
            f"Deduplication removed {removed:,} of {total:,} rows ({removed / total:.1%}): every score is of the rows "
            "that are left."
        )
    before, after = _shares(found)
    moved = {name: (before[name], after[name]) for name in before if abs(before[name] - after[name]) > MOVED}
    if moved:
        name, (was, is_now) = max(moved.items())
        said.append(f"It moved the share of class {name} from {was:.1%} to {is_now:.1%}.")
    if found["conflicting"]:
        said.append(
            f"{found['conflicting']:,} sets of equal rows ({found['conflicting_rows']:,} rows) hold different labels: "
            "they may be different things that look alike, or one of the labels is wrong."
        )
    return said


def _shares(found: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    classes, removed = found.get("classes", {}), found.get("removed_by_class", {})
    left = {name: rows - removed.get(name, 0) for name, rows in classes.items()}
    before, after = max(1, sum(classes.values())), max(1, sum(left.values()))
    return {n: rows / before for n, rows in classes.items()}, {n: rows / after for n, rows in left.items()}


def require_some_left(removed: int, total: int, allowed: bool) -> None:
    """Raise :class:`TableError` when most rows would go without the user's explicit word."""
    if removed > MOST * total and not allowed:
        raise TableError(
            f"deduplicate would remove {removed:,} of {total:,} rows ({removed / total:.0%})",
            "If they are copies indeed, set deduplicate.allow_most to true; else name fewer coarse columns under "
            "deduplicate.columns, or set deduplicate.remove to proven.",
        )
