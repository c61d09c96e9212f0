"""Axes of the page's bars: round values on a scale that all bars of a chart share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

MOST_STEPS = 5

Tick = dict[str, Any]


class Scale:
    """A linear scale between round values.

    Parameters
    ----------
    low, high : float
        What it must hold; it begins and ends at the round values around them.

    Examples
    --------
    >>> scale = Scale(0.713, 0.772)
    >>> [tick["label"] for tick in scale.ticks]
    ['0.70', '0.72', '0.74', '0.76', '0.78']
    >>> round(scale.at(0.74), 9)
    50.0
    """

    def __init__(self, low: float, high: float) -> None:
        high = high if high > low else low + (abs(low) or 1.0) / 100
        steps = MaxNLocator(MOST_STEPS, steps=[1, 2, 2.5, 5, 10])
        self.values = [float(value) for value in steps.tick_values(low, high)]
        self.low, self.high = self.values[0], self.values[-1]

    @property
    def ticks(self) -> list[Tick]:
        """Place in per cent and label of each round value."""
        decimals = _decimals(self.values)
        return [{"at": self.at(value), "label": f"{value:,.{decimals}f}"} for value in self.values]

    def at(self, value: float) -> float:
        """Return the place of a value in per cent."""
        return 100 * (value - self.low) / (self.high - self.low)


def log_ticks(largest: int) -> list[Tick]:
    """Return the powers of ten up to ``largest`` on a scale of ``log(1 + count)`` that ends there.

    Examples
    --------
    >>> [(tick["label"], round(tick["at"])) for tick in log_ticks(99)]
    [('0', 0), ('1', 15), ('10', 52)]
    """
    powers = [0, *(10**power for power in range(len(str(largest))) if 10**power <= largest)]
    return [{"at": 100 * math.log1p(value) / (math.log1p(largest) or 1.0), "label": f"{value:,}"} for value in powers]


def _decimals(values: Sequence[float]) -> int:
    """Return the least number of decimals that tells the values exactly."""
    return next(
        digits for digits in range(13) if all(abs(round(v, digits) - v) < 1e-12 + 1e-9 * abs(v) for v in values)
    )
