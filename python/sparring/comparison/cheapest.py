"""The cheapest of contenders that are as good as each other: by list price where it is known, else by time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sparring.comparison.fairness import same_conditions

Result = Mapping[str, Any]
Basis = Literal["price", "time", "score"]


def price_ranges(costs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by contender the ``Cost.to_dict()`` of the platform on which one run from nothing costs least."""
    found: dict[str, dict[str, Any]] = {}
    for cost in costs:
        known = found.get(cost["contender"])
        if known is None or cost["high"] < known["high"]:
            found[cost["contender"]] = dict(cost)
    return found


def cheapest(results: Sequence[Result], prices: Mapping[str, Mapping[str, Any]]) -> tuple[str, Basis]:
    """Return whom to take of contenders that are as good as each other, and what decided.

    Parameters
    ----------
    results : sequence of mapping
        Their ``result.json``, the best score first.
    prices : mapping of str to mapping
        From :func:`price_ranges`.

    Notes
    -----
    The time of a local emulator is not the service's, and no price follows from it: an emulator is taken only where
    there is nothing else.  Times (and prices, which follow from them) taken on other cores, or with another isolation,
    are not compared; then the score decides.
    """
    real = [result for result in results if not result["emulated"]]
    if len(real) < 2 or not same_conditions(real):
        return (real or results)[0]["name"], "score"
    if all(result["name"] in prices for result in real):
        # Billing minima make short runs cost the same; then the quicker one is taken.
        least = min(real, key=lambda result: (prices[result["name"]]["high"], result["wall_seconds"]))
        return least["name"], "price"
    return min(real, key=lambda result: result["wall_seconds"])["name"], "time"
