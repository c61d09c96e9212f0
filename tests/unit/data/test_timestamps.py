"""Text as a time: what Spark reads, less what it would read otherwise tomorrow."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from sparring.data.timestamps import as_timestamp
from sparring.engine import functions as F

TIMES = ["2024-01-02 03:04:05", "2024-01-02T03:04:05Z", "2024-01-02", " 2024-01-02 03:04 ", "2024"]
NO_TIMES = ["03:04:05", "T03:04:05", " 3:4", "3:04", "noon", "", "12:30:00.5", "now", "today", "epoch"]


@pytest.mark.parametrize("text", [*TIMES, *NO_TIMES])
def test_text_is_a_time_on_any_day_or_on_none(spark: SparkSession, text: str) -> None:
    frame = spark.createDataFrame([(text,)], "x string")
    found, plain = frame.select(as_timestamp(F.col("x"), T.StringType()), F.col("x").cast("timestamp")).collect()[0]
    assert found == (plain if text in TIMES else None)
    assert (found is not None) == (text in TIMES)


@pytest.mark.spark_only
def test_other_types_are_cast(spark: SparkSession) -> None:
    frame = spark.sql("select date'2024-01-02' as x, cast(null as string) as y")
    assert str(frame.select(as_timestamp(F.col("x"), T.DateType())).collect()[0][0]) == "2024-01-02 00:00:00"
    assert frame.select(as_timestamp(F.col("y"), T.StringType())).collect()[0][0] is None
