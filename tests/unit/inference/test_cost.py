"""Prices of scoring, by hand; an emulator has none."""

import pytest

from sparring.config.prices import load_prices
from sparring.inference.cost import serving_cost

FACTS = {
    "emulated": False,
    "phases": {"deploy": 300.0, "score": 600.0, "clean_up": 60.0, "cold_start": 5.0},
    "metrics": {
        "requests": 100,
        "latency_mean_ms": 2_000.0,
        "seconds": 50.0,
        "bytes_sent": 2_000_000_000,
        "bytes_received": 1_000_000_000,
    },
    "instances": 2,
    "memory_mb": 4_096,
}


@pytest.mark.parametrize("mode", ["realtime", "async"])
def test_instances_cost_from_creation_to_deletion(mode: str) -> None:
    cost = serving_cost({**FACTS, "mode": mode}, load_prices())
    assert cost is not None
    assert cost["low"] == pytest.approx(2 * 0.23 * 600 / 3600)
    assert cost["high"] == pytest.approx(2 * 0.23 * 960 / 3600)
    assert cost["as_of"] == load_prices().as_of.isoformat()
    assert cost["source"].startswith("https://aws.amazon.com/")


def test_a_transform_job_costs_while_it_runs() -> None:
    cost = serving_cost({**FACTS, "mode": "batch"}, load_prices())
    assert cost is not None
    assert cost["low"] == pytest.approx(2 * 0.23 * 50 / 3600)


def test_serverless_costs_memory_by_the_second_and_bytes() -> None:
    cost = serving_cost({**FACTS, "mode": "serverless"}, load_prices())
    assert cost is not None
    moved = 3 * 0.016
    assert cost["low"] == pytest.approx(4 * 0.00002 * 50 + moved)
    assert cost["high"] == pytest.approx(4 * 0.00002 * (200 + 5) + moved)


@pytest.mark.parametrize("mode", ["realtime", "serverless", "async", "batch"])
def test_an_emulator_has_no_price(mode: str) -> None:
    assert serving_cost({**FACTS, "mode": mode, "emulated": True}, load_prices()) is None
