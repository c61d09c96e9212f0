"""What a contender's wall time would cost by list price: a dated estimate, never a bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sparring.config.prices import Platform, PriceTable, load_prices

__all__ = ["Cost", "Platform", "PriceTable", "costs", "load_prices"]


@dataclass(frozen=True)
class Cost:
    """Estimated price of one run of a contender on one platform.

    Attributes
    ----------
    contender, platform, instance : str
    low : float
        On a machine that runs already: wall time, at least the billing minimum.
    high : float
        With the billed start-up.
    currency, as_of, basis, source : str
        What the figures are and where they are from.
    """

    contender: str
    platform: str
    instance: str
    low: float
    high: float
    currency: str
    as_of: str
    basis: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)


def costs(result: Mapping[str, Any], prices: PriceTable) -> list[Cost]:
    """Return what one run of a contender would cost on each platform for its engine.

    Parameters
    ----------
    result : mapping
        Its ``result.json``.
    prices : PriceTable

    Returns
    -------
    list of Cost
        Empty for a failed contender and for an emulator, whose time is not the real service's.  The estimate
        takes the instance to be as fast as the machine that ran the contender.

    Examples
    --------
    >>> result = {"name": "xgboost", "engine": "single_node", "status": "ok", "emulated": False}
    >>> [cost.platform for cost in costs({**result, "wall_seconds": 90.0}, load_prices())]
    ['EC2']
    """
    if result["status"] != "ok" or result["emulated"]:
        return []
    return [
        _cost(result["name"], result["wall_seconds"], name, platform, prices)
        for name, platform in prices.platforms.items()
        if result["engine"] in platform.engines
    ]


def _cost(contender: str, seconds: float, name: str, platform: Platform, prices: PriceTable) -> Cost:
    per_second = sum(platform.per_hour.values()) * platform.instances / 3600
    low, high = (
        per_second * max(seconds + start_up, platform.minimum_seconds)
        for start_up in (0.0, platform.start_up_seconds[1])
    )
    return Cost(
        contender,
        name,
        f"{platform.instances} x {platform.instance}",
        low,
        high,
        prices.currency,
        prices.as_of.isoformat(),
        prices.basis,
        platform.source,
    )
