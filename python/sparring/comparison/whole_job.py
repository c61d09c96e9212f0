"""The whole job, from the table to a contender's scores: its time and its price, on one path or a mixed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.comparison.cheapest import price_ranges
from sparring.comparison.cost import costs
from sparring.config.prices import PriceTable

# What the data half is done on -> the engine whose platforms have a price for it.
ENGINES = {"one_machine": "single_node", "spark": "spark"}


def whole_jobs(
    data: Mapping[str, float], results: Sequence[Mapping[str, Any]], prices: PriceTable
) -> list[dict[str, Any]]:
    """Return what the job with each contender takes; a failed one is left out.

    Parameters
    ----------
    data : mapping of str to float
        What the data half was done on -> its seconds there.
    results : sequence of mapping
        The contenders' ``result.json``.
    prices : PriceTable

    Returns
    -------
    list of dict
        ``name``; ``engines``, what the data half was done on; ``data``, ``contender`` and ``total`` seconds; ``cost``:
        ``platforms``, ``low``, ``high`` and ``currency`` of the cheapest platform of each step, or None without a
        price, as for an emulator.  Steps on one platform follow each other on one machine: one start-up, one billing
        minimum.  What lies between two platforms, storage and transfer, is in none of them.

    Examples
    --------
    >>> from sparring.config.prices import load_prices
    >>> result = {"name": "xgboost", "engine": "single_node", "status": "ok", "emulated": False, "wall_seconds": 50.0}
    >>> (job,) = whole_jobs({"one_machine": 20.0}, [result], load_prices())
    >>> job["total"], job["cost"]["platforms"], round(job["cost"]["low"], 6)
    (70.0, ['EC2'], 0.003733)
    """
    return [
        {
            "name": result["name"],
            "engines": sorted(data),
            "data": sum(data.values()),
            "contender": result["wall_seconds"],
            "total": sum(data.values()) + result["wall_seconds"],
            "cost": _cost(data, result, prices),
        }
        for result in results
        if result["status"] == "ok"
    ]


def _cost(data: Mapping[str, float], result: Mapping[str, Any], prices: PriceTable) -> dict[str, Any] | None:
    seconds = {ENGINES[engine]: taken for engine, taken in data.items()}
    seconds[result["engine"]] = seconds.get(result["engine"], 0.0) + result["wall_seconds"]
    steps = [
        price_ranges(cost.to_dict() for cost in costs({**result, "engine": engine, "wall_seconds": taken}, prices))
        for engine, taken in seconds.items()
    ]
    cheapest = [step[result["name"]] for step in steps if step]
    if len(cheapest) < len(steps):
        return None
    return {
        "platforms": [step["platform"] for step in cheapest],
        "low": sum(step["low"] for step in cheapest),
        "high": sum(step["high"] for step in cheapest),
        "currency": prices.currency,
    }
