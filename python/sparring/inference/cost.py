"""What scoring a table would cost by list price, mode by mode: a dated range, never a bill."""

from __future__ import annotations

from typing import Any

from sparring.config.prices import PriceTable, ServingPrice

GB = 1_000_000_000


def serving_cost(facts: dict[str, Any], prices: PriceTable) -> dict[str, Any] | None:
    """Return the price of one scoring job.

    Parameters
    ----------
    facts : dict
        Of the job: ``mode``, ``emulated``, ``phases``, ``metrics``, ``instances``, ``memory_mb``.
    prices : PriceTable

    Returns
    -------
    dict or None
        ``low`` (the work alone), ``high`` (with what is billed around it), ``currency``, ``as_of``, ``source`` and
        ``how``.
        None for an emulator: its time is not the service's; and for a mode without a price.

    Notes
    -----
    Instances are billed from creation to deletion: low is scoring alone, on an endpoint that serves others too; high
    adds deployment and the job's start-up range.  Serverless is billed for memory while requests are answered and for
    bytes in and out; high counts requests one after the other, low as they ran side by side.
    """
    price = prices.serving.get(facts["mode"])
    if price is None or facts["emulated"]:
        return None
    low, high = _serverless(facts, price) if price.per_gb_second else _instances(facts, price)
    return {
        "low": low,
        "high": high,
        "currency": prices.currency,
        "as_of": prices.as_of.isoformat(),
        "source": price.source,
        "how": price.how,
    }


def _instances(facts: dict[str, Any], price: ServingPrice) -> tuple[float, float]:
    phases, count = facts["phases"], facts["instances"]
    per_second = price.per_hour * count / 3600
    around = sum(phases.get(name, 0.0) for name in ("deploy", "clean_up")) + price.start_up_seconds[1]
    # A job's instances do not wait for Spark to write and read.
    scoring = facts["metrics"]["seconds"] if facts["mode"] == "batch" else phases["score"]
    work = max(scoring, price.minimum_seconds)
    return per_second * work, per_second * (work + around)


def _serverless(facts: dict[str, Any], price: ServingPrice) -> tuple[float, float]:
    found, memory = facts["metrics"], facts["memory_mb"] / 1024
    moved = (found["bytes_sent"] + found["bytes_received"]) / GB * price.per_gb
    one_by_one = found["requests"] * (found["latency_mean_ms"] or 0.0) / 1000
    per_second = memory * price.per_gb_second
    side_by_side = min(one_by_one, found["seconds"])
    return per_second * side_by_side + moved, per_second * (one_by_one + facts["phases"].get("cold_start", 0.0)) + moved
