"""How sure a comparison is: who is worse than the best, who may not be, and how many test rows would tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from scipy.stats import norm

from sparring.evaluation.difference import holm

ALPHA, POWER = 0.05, 0.8
Row = Mapping[str, Any]


class Power(TypedDict):
    """What a test part can tell.

    ``detectable`` is the difference that it shows with 80% probability, ``needed_rows`` the test rows that would tell
    the best from those it cannot be told from; None where it is not known.
    """

    test_rows: int
    detectable: float | None
    needed_rows: int | None


def beats_baseline(evaluations: Mapping[str, Row]) -> list[str]:
    """Return the contenders whose ROC AUC is above that of a baseline, tested one-sided and adjusted after Holm.

    Both baselines, a constant and the mean label of a row's group, score 0.5 where no group is in two parts.
    """
    known = {name: found["baseline"]["p_value"] for name, found in evaluations.items()}
    adjusted = holm([math.nan if value is None else value for value in known.values()])
    return [name for name, value in zip(known, adjusted, strict=True) if value < ALPHA]


def pairs_with(best: str, differences: Iterable[Row]) -> dict[str, Row]:
    """Return the row of each other contender."""
    return {
        row["right"] if row["left"] == best else row["left"]: row
        for row in differences
        if best in (row["left"], row["right"])
    }


def untold(best: str, names: Sequence[str], differences: Iterable[Row]) -> list[str]:
    """Return the contenders that are neither equivalent to the best nor shown to be worse, Holm-adjusted."""
    rows = pairs_with(best, differences)
    return [name for name in names if name in rows and not rows[name]["equivalent"] and not _differs(rows[name])]


def _differs(row: Row) -> bool:
    return row["p_adjusted"] is not None and row["p_adjusted"] < ALPHA


def power_of(best: str, open_names: Sequence[str], differences: Iterable[Row], test_rows: int) -> Power:
    """Return what this test part can tell, from the paired standard errors that were observed.

    A difference d is shown with probability 0.8 by ``n ((z_0.975 + z_0.8) s / d)^2`` rows, s being its standard error
    on n rows; equivalence within m by ``n ((z_0.95 + z_0.9) s / m)^2``.  The fewer of the two would tell.
    """
    rows = pairs_with(best, differences)
    errors = [row["standard_error"] for row in rows.values() if row["standard_error"]]
    reach = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER))
    needed = [_needed(rows[name], test_rows, reach) for name in open_names]
    return {
        "test_rows": test_rows,
        "detectable": reach * max(errors) if errors else None,
        "needed_rows": None if not needed or None in needed else max(rows for rows in needed if rows is not None),
    }


def _needed(row: Row, test_rows: int, reach: float) -> int | None:
    error, margin = row["standard_error"], row["margin"]
    if not error:
        return None
    equivalence = float(norm.ppf(1 - ALPHA) + norm.ppf((1 + POWER) / 2))
    ratios = [equivalence * error / margin] + ([reach * error / abs(row["value"])] if row["value"] else [])
    return math.ceil(test_rows * min(ratios) ** 2)
