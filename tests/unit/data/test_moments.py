"""Exact moments against rational arithmetic, ``math.fsum`` and ``statistics``; the same bits for any partitioning."""

import math
import statistics
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from sparring.data.moments import Moments, exact_moments, moments_by_part
from sparring.engine import functions as F

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=40), st.integers(0, 40))
def test_sums_are_those_of_rational_numbers_however_they_are_divided(numbers: list[float], cut: int) -> None:
    exact = [Fraction(number) for number in numbers]
    whole = Moments().add(np.array(numbers))
    assert Fraction(whole.total, 1 << 1074) == sum(exact)
    assert Fraction(whole.squares, 1 << 2148) == sum(number**2 for number in exact)
    parts = [Moments().add(np.array(part, dtype=float)) for part in (numbers[cut:], numbers[:cut])]
    assert parts[0].merge(parts[1]) == whole
    mean = sum(exact) / len(exact)
    assert whole.mean == mean.numerator / mean.denominator


@given(st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=40))
def test_mean_and_deviation_are_correctly_rounded(numbers: list[float]) -> None:
    found = Moments().add(np.array(numbers))
    assert found.mean == pytest.approx(math.fsum(numbers) / len(numbers), rel=1e-15, abs=1e-300)
    assert found.deviation == pytest.approx(statistics.stdev(map(Fraction, numbers)), rel=1e-15, abs=1e-300)


def test_a_small_spread_around_a_large_number_is_not_lost() -> None:
    """A mean of squares less the square of the mean is 0, or worse, in floats."""
    assert Moments().add(1e9 + np.array([0.0, 1.0, 2.0])).deviation == 1.0
    assert Moments().add(np.full(1_000_000, 0.1)).deviation == 0.0


def test_what_is_no_number_is_counted_and_infinity_is_not_hidden() -> None:
    found = Moments().add(np.array([1.0, np.nan, 2.0]))
    assert (found.count, found.missing, found.mean) == (2, 1, 1.5)
    assert Moments().add(np.array([1.0, np.inf])).mean == np.inf
    assert math.isnan(Moments().add(np.array([-np.inf, np.inf])).mean)
    assert math.isnan(Moments().add(np.array([1.0, np.inf])).deviation)
    assert math.isnan(Moments().mean)
    assert math.isnan(Moments().add(np.array([1.0])).deviation)


def test_blocks_are_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=1_000) * 10.0 ** np.random.default_rng(1).integers(-30, 30, 1_000)
    whole = Moments().add(values)
    monkeypatch.setattr("sparring.data.moments.BLOCK", 7)
    assert Moments().add(values) == whole


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    random = np.random.default_rng(3)
    rows = pd.DataFrame({"a.b": 1e6 + random.normal(size=5_000), "part": random.choice(["x", "y"], 5_000)})
    rows["`c`"] = np.where(random.random(5_000) < 0.1, np.nan, random.lognormal(0, 20, size=5_000))
    return rows


@pytest.mark.parametrize("partitions", [1, 4, 200])
def test_the_same_bits_for_any_order_and_partitioning(
    spark: SparkSession, numbers: pd.DataFrame, partitions: int
) -> None:
    shuffled = spark.createDataFrame(numbers.sample(frac=1, random_state=partitions)).repartition(partitions)
    columns = {"a.b": F.col("`a.b`"), "`c`": F.col("```c```")}
    found = exact_moments(shuffled, columns)
    expected = {name: Moments().add(numbers[name].to_numpy()) for name in columns}
    assert found == expected
    assert found["a.b"].mean == float(statistics.mean(map(Fraction, numbers["a.b"])))
    by_part = moments_by_part(shuffled, columns, F.col("part"))
    assert by_part == {
        part: {name: Moments().add(rows[name].to_numpy()) for name in columns} for part, rows in numbers.groupby("part")
    }


def test_no_rows_and_no_columns(spark: SparkSession) -> None:
    rows = spark.createDataFrame([], "x double")
    assert exact_moments(rows, {"x": F.col("x")}) == {"x": Moments()}
    assert exact_moments(rows, {}) == {}
