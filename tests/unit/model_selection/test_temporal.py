"""Splits by time: order kept, ties whole, gaps named, nothing dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.errors import ParamError, SchemaError, SplitError
from sparring.model_selection import TimeSeriesSplit, TimeSplitter, order
from sparring.model_selection.order import order_statistics, with_rank
from sparring.model_selection.timeline import Gap
from sparring.spark.reserved import named


@pytest.fixture(scope="module")
def hours(spark: SparkSession) -> DataFrame:
    """1,000 rows an hour apart in no order, and 5 without a time."""
    time = F.timestamp_micros(F.pmod(F.col("id") * 617, F.lit(1_000)) * 3_600_000_000)
    return spark.range(1_005).select("id", F.when(F.col("id") < 1_000, time).alias("at")).cache()


def test_shares_of_the_rows_from_old_to_new_with_every_row_accounted_for(hours: DataFrame) -> None:
    stage = TimeSplitter(timeCol="at", gap="1 day")
    frame = stage.transform(hours).toPandas()
    assert frame["split"].value_counts().to_dict() == {
        "train": 676,
        "gap": 48,
        "validation": 76,
        "test": 200,
        "undated": 5,
    }
    ends = frame.groupby("split")["at"].agg(["min", "max"])
    assert ends.loc["validation", "min"] - ends.loc["train", "max"] == pd.Timedelta("25h")
    assert ends.loc["test", "min"] - ends.loc["validation", "max"] == pd.Timedelta("25h")
    assert frame[frame["at"].isna()]["split"].unique() == ["undated"]
    assert stage.cuts(hours) == ["1970-01-30T04:00:00Z", "1970-02-03T08:00:00Z"]
    given = TimeSplitter(timeCol="at", cutTimes=stage.cuts(hours), gap="1 day").transform(hours).toPandas()
    assert given.equals(frame)


def test_rows_of_one_time_are_not_divided_and_whole_numbers_are_times(spark: SparkSession) -> None:
    rows = spark.range(100).select((F.col("id") / 10).cast("int").alias("week"))
    stage = TimeSplitter(timeCol="week", partNames=["a", "b"], weights=[0.55, 0.45], gap="1")
    frame = stage.transform(rows).toPandas()
    assert frame.groupby("week")["split"].first().tolist() == ["a"] * 4 + ["gap"] + ["b"] * 5
    assert frame.groupby("week")["split"].nunique().max() == 1


def test_folds_walk_forward_and_sparks_cross_validator_is_not_fooled(hours: DataFrame) -> None:
    stage = TimeSeriesSplit(timeCol="at", numFolds=3, gap="10 rows")
    folded = stage.transform(hours).cache()
    for train, test in stage.pairs(folded):
        last, first = train.agg(F.max("at")).first()[0], test.agg(F.min("at")).first()[0]
        assert first - last == pd.Timedelta("11h")
        assert test.count() == 250
    # Spark refuses folds outside 0 .. numFolds - 1: those rows are never tested.
    assert folded.where(named("fold") == -1).count() == 250
    assert folded.where(named("fold").isNull() & named("trainFrom").isNull()).count() == 5


@pytest.mark.parametrize(
    ("stage", "error", "said"),
    [
        (lambda: TimeSplitter(), ParamError, "TimeSplitter.timeCol must name when a row came to be"),
        (lambda: TimeSplitter(timeCol="att"), SchemaError, "Did you mean 'at'"),
        (lambda: TimeSplitter(timeCol="at", gap="a while"), ParamError, "a duration such as '7 days' or 'N rows'"),
        (lambda: TimeSplitter(timeCol="at", gap="-1 days"), ParamError, "none negative"),
        (lambda: TimeSplitter(timeCol="id", gap="7 days"), ParamError, "a whole number or 'N rows'"),
        (lambda: TimeSplitter(timeCol="at", cutTimes=["1970-01-05"]), ParamError, "2 ascending values of at"),
        (lambda: TimeSplitter(timeCol="at", cutTimes=["1970-02-01", "1970-01-05"]), ParamError, "ascending"),
        (lambda: TimeSplitter(timeCol="at", gapName="test"), ParamError, "must be no parts"),
        (lambda: TimeSplitter(timeCol="at", gap="30 days"), SplitError, "train, validation would have no rows"),
        (lambda: TimeSeriesSplit(timeCol="at", gap="400 rows"), SplitError, "first fold would train on no row"),
        (lambda: TimeSeriesSplit(timeCol="at", numFolds=2_000), SplitError, "need at least 2001 rows with a time"),
    ],
)
def test_mistakes_are_named(hours: DataFrame, stage: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        stage().transform(hours)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T.TimestampType(), "2021-03-04 05:06:07.123456"),
        (T.TimestampNTZType(), "2021-03-04 05:06:07.123456"),
        (T.DateType(), "2021-03-04"),
    ],
)
def test_ticks_are_microseconds(spark: SparkSession, kind: T.DataType, text: str) -> None:
    from sparring.model_selection.timeline import ticks

    found = spark.range(1).select(ticks(F.lit(text).cast(kind), kind)).first()[0]
    assert found == pd.Timestamp(text).value // 1_000


def test_gaps_are_read_in_the_column_s_unit() -> None:
    assert Gap.of("36 hours", T.DateType(), "x") == (0, 36 * 3_600_000_000)
    assert Gap.of("7", T.LongType(), "x") == (0, 7)
    assert Gap.of("12 rows", T.LongType(), "x") == (12, 0)
    assert Gap.of("0", T.TimestampType(), "x") == (0, 0)


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_statistics_are_those_of_a_sort(spark: SparkSession, seed: int) -> None:
    """With buckets that must be divided again, because most values crowd together."""
    random = np.random.default_rng(seed)
    values = np.concatenate([random.normal(size=300) * 10.0 ** random.integers(-8, 12, 300), np.repeat(0.5, 50)])
    ranks = sorted({1, 350, *random.integers(1, 351, 4).tolist()})
    frame = spark.createDataFrame(pd.DataFrame({"x": values})).coalesce(1).cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "FEW_ROWS", 60)
        assert order_statistics(frame, ranks) == np.sort(values)[np.array(ranks) - 1].tolist()


def test_ranks_follow_the_hashes_without_gaps(spark: SparkSession) -> None:
    rows = spark.range(500).select(F.col("id").cast("string").alias("key"))
    frame = with_rank(rows, "key", "rank", 9).withColumn("hash", F.xxhash64(F.lit(9).cast("long"), "key")).toPandas()
    assert frame.sort_values("hash")["rank"].tolist() == list(range(500))
