from pathlib import Path

import pytest

from sparring.comparison import costs, load_prices
from sparring.errors import ConfigError

TABLE = """
as_of: 2025-01-01
currency: USD
basis: made up for this test
platforms:
  Cluster:
    engines: [spark]
    instance: big
    instances: 3
    per_hour: {machine: 1.0, fee: 0.2}
    minimum_seconds: 60
    start_up_seconds: [100, 300]
    source: https://example.org/prices
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.yaml"
    path.write_text(TABLE)
    return path


def test_range_from_a_running_machine_to_one_that_starts(result, table: Path) -> None:
    (cost,) = costs(result("a", engine="spark", wall_seconds=600.0), load_prices(table))
    assert cost.low == pytest.approx(3 * 1.2 * 600 / 3600)
    assert cost.high == pytest.approx(3 * 1.2 * 900 / 3600)
    assert (cost.instance, cost.as_of, cost.basis) == ("3 x big", "2025-01-01", "made up for this test")


def test_the_billing_minimum_counts(result, table: Path) -> None:
    (cost,) = costs(result("a", engine="spark", wall_seconds=5.0), load_prices(table))
    assert cost.low == pytest.approx(3 * 1.2 * 60 / 3600)


def test_an_emulator_and_a_failure_have_no_price(result) -> None:
    prices = load_prices()
    assert costs(result("a", engine="sagemaker", emulated=True), prices) == []
    assert costs(result("a", status="failed"), prices) == []
    assert costs(result("a", engine="sagemaker"), prices)[0].platform == "SageMaker"


def test_the_table_we_bring_is_dated_and_sourced() -> None:
    prices = load_prices()
    assert "us-east-1" in prices.basis
    assert {engine for p in prices.platforms.values() for engine in p.engines} == {
        "spark",
        "single_node",
        "sagemaker",
    }
    assert all(p.source.startswith("https://") for p in prices.platforms.values())


def test_a_bad_table_is_refused(table: Path) -> None:
    table.write_text(TABLE.replace("minimum_seconds: 60", "minimum: 60"))
    with pytest.raises(ConfigError, match="minimum"):
        load_prices(table)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_prices(table.with_name("absent.yaml"))
