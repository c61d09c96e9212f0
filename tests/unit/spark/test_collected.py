"""Small tables come to the driver whole; Spark's own estimate and threshold say which are small."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from sparring.spark.collected import fits_driver, to_arrow


@pytest.mark.parametrize(
    ("rows", "threshold", "fits"), [(1_000, "8000", True), (1_001, "8000", False), (1, "-1", False)]
)
def test_a_table_fits_that_spark_would_broadcast(
    spark_conf: SparkSession, rows: int, threshold: str, fits: bool
) -> None:
    spark_conf.conf.set("spark.sql.autoBroadcastJoinThreshold", threshold)
    # A long is eight bytes.
    assert fits_driver(spark_conf.range(rows)) is fits


def test_all_rows_come_with_their_nulls(spark: SparkSession) -> None:
    frame = spark.range(0, 9, 1, 3).select("id", F.when(F.col("id") > 4, F.concat(F.lit("é"), "id")).alias("name"))
    expected = [{"id": row["id"], "name": row["name"]} for row in frame.collect()]
    assert sorted(to_arrow(frame).to_pylist(), key=lambda row: row["id"]) == expected


def test_no_rows_are_no_rows(spark: SparkSession) -> None:
    found = to_arrow(spark.range(5).where("id > 5"))
    assert found.num_rows == 0
    assert found.column_names == ["id"]
