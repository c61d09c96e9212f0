"""The whole job's time and price: steps on one platform share its start, those on two pay for both."""

from typing import Any

import pytest

from sparring.comparison.cost import costs
from sparring.comparison.whole_job import whole_jobs
from sparring.config.prices import load_prices

PRICES = load_prices()


def result(engine: str, **other: Any) -> dict[str, Any]:
    return {"name": "it", "engine": engine, "status": "ok", "emulated": False, "wall_seconds": 100.0, **other}


def least(engine: str, seconds: float) -> tuple[float, float]:
    found = min(costs(result(engine, wall_seconds=seconds), PRICES), key=lambda cost: cost.high)
    return found.low, found.high


@pytest.mark.parametrize(("data", "engine"), [("one_machine", "single_node"), ("spark", "spark")])
def test_one_platform_starts_once(data: str, engine: str) -> None:
    (job,) = whole_jobs({data: 50.0}, [result(engine)], PRICES)
    assert (job["data"], job["contender"], job["total"], job["engines"]) == (50.0, 100.0, 150.0, [data])
    assert (job["cost"]["low"], job["cost"]["high"]) == pytest.approx(least(engine, 150.0))
    assert len(job["cost"]["platforms"]) == 1


@pytest.mark.parametrize(
    ("data", "own", "engine"),
    [
        ("one_machine", "single_node", "spark"),
        ("spark", "spark", "single_node"),
        ("spark", "spark", "sagemaker"),
        ("one_machine", "single_node", "sagemaker"),
    ],
)
def test_two_platforms_start_each(data: str, own: str, engine: str) -> None:
    (job,) = whole_jobs({data: 50.0}, [result(engine)], PRICES)
    for at, end in enumerate(("low", "high")):
        assert job["cost"][end] == pytest.approx(least(own, 50.0)[at] + least(engine, 100.0)[at])
    assert len(job["cost"]["platforms"]) == 2


def test_stages_on_both_engines_are_told() -> None:
    (job,) = whole_jobs({"spark": 30.0, "one_machine": 5.0}, [result("single_node")], PRICES)
    assert (job["data"], job["engines"]) == (35.0, ["one_machine", "spark"])
    assert job["cost"]["low"] == pytest.approx(least("spark", 30.0)[0] + least("single_node", 105.0)[0])


def test_an_emulator_has_no_price_and_a_failure_no_job() -> None:
    jobs = whole_jobs(
        {"one_machine": 1.0}, [result("sagemaker", emulated=True), result("spark", status="failed")], PRICES
    )
    assert [job["cost"] for job in jobs] == [None]
