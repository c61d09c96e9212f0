"""One unit for all figures of a column: nobody has to compare seconds with minutes, or MiB with GiB."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from sparring.report import formats

# Unit, its size, and from how much of it on the largest figure of a column is told in it.
UNITS: dict[str, list[tuple[str, float, float]]] = {
    "seconds": [("h", 3600.0, 10.0), ("min", 60.0, 120.0), ("s", 1.0, 0.0)],
    "size": [("GiB", 2.0**30, 1.0), ("MiB", 2.0**20, 1.0), ("KiB", 2.0**10, 1.0), ("B", 1.0, 0.0)],
}
MOST_DECIMALS = 3


def unit_of(kind: str, values: Iterable[float]) -> tuple[str, float]:
    """Return the unit in which all of ``values`` are told, and its size.

    Examples
    --------
    >>> unit_of("seconds", [0.03, 233.0]), unit_of("size", [6.1e8, 2.3e9])
    (('s', 1.0), ('GiB', 1073741824.0))
    """
    largest = max(values, default=0.0)
    return next((name, size) for name, size, least in UNITS[kind] if largest >= least * size)


def formatter(kind: str, values: Iterable[float]) -> Callable[[float], str]:
    """Return how a figure of ``kind`` is written in a column that holds ``values``.

    Durations and sizes have one unit and as many decimals as the smallest of them needs, three at most; amounts
    of money have one number of decimals; all other kinds are written as alone.

    Examples
    --------
    >>> column = [0.034, 4.26, 125.4]
    >>> [formatter("seconds", column)(value) for value in column]
    ['0.034 s', '4.260 s', '125.400 s']
    >>> formatter("money", [0.0017, 1.5])(1.5)
    '1.5000'
    """
    found = [value for value in values if value > 0]
    if kind == "money":
        decimals = 2 if all(value >= 1 for value in found) else 4
        return lambda value: f"{value:.{decimals}f}"
    if kind not in UNITS:
        return formats.KINDS[kind]
    name, size = unit_of(kind, found)
    decimals = _decimals(min(found, default=size) / size)
    return lambda value: f"{value / size:,.{decimals}f} {name}"


def _decimals(smallest: float) -> int:
    """Return the decimals that leave two significant digits of the smallest figure, one to three."""
    return max(1, min(MOST_DECIMALS, 1 - math.floor(math.log10(smallest))))
