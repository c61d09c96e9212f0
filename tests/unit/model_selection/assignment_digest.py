"""Assignments of one small table as digests, in a session of its own: ``python assignment_digest.py [fail]``.

Run by the tests under settings that one session cannot have: failing tasks, another line of Spark.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring import model_selection as ms

KEYS = {"keyCols": ["id"]}
# One of each way to decide: row hashes, groups with clusters, times.
RETRIED = ("StratifiedKFold", "StratifiedGroupKFold", "TimeSeriesSplit")


def table(spark: SparkSession, partitions: int = 3) -> DataFrame:
    """2,000 rows in 300 groups and 1,900 clusters, made of hashes, the same wherever it is made."""
    number = F.col("number")

    def draw(name: str, of: int) -> Any:
        return F.pmod(F.xxhash64(F.lit(name), number), F.lit(of)).cast("int")

    return (
        spark.range(0, 2_000, 1, partitions)
        .toDF("number")
        .select(
            F.concat(F.lit("row-"), number.cast("string")).alias("id"),
            (draw("label", 10) * draw("label of", 10) > 40).cast("int").alias("label"),
            draw("group", 300).alias("group"),
            draw("cluster", 60_000).alias("cluster"),
            (draw("price", 100_000) / 7).alias("price"),
            F.array_compact(
                F.array(F.when(draw("a", 3) == 0, "a"), F.when(draw("b", 9) == 0, "b"), F.when(draw("c", 40) == 0, "c"))
            ).alias("labels"),
            F.timestamp_micros(number * 3_600_000_000).alias("time"),
        )
    )


def stages() -> list[Any]:
    """Return one of each."""
    groups, classes = {"groupCols": ["group"]}, {"stratifyCols": ["label"]}
    return [
        ms.StratifiedSplitter(**KEYS, **classes, quantileCols=["price"], numBins=4),
        ms.GroupSplitter(**KEYS, **groups),
        ms.StratifiedGroupSplitter(**KEYS, **classes, **groups, clusterCol="cluster"),
        ms.TimeSplitter(timeCol="time", gap="2 days"),
        ms.KFold(**KEYS),
        ms.StratifiedKFold(**KEYS, **classes),
        ms.GroupKFold(**KEYS, **groups),
        ms.StratifiedGroupKFold(**KEYS, **classes, **groups),
        ms.MultilabelStratifiedKFold(**KEYS, labelCols=["labels"]),
        ms.RepeatedStratifiedKFold(**KEYS, **classes, numRepeats=2),
        ms.LeaveOneOut(**KEYS),
        ms.LeaveOneGroupOut(**KEYS, **groups),
        ms.TimeSeriesSplit(timeCol="time", gap="30 rows"),
    ]


def digest(stage: Any, rows: DataFrame) -> str:
    """Return a digest of what ``stage`` gives each row, byte for byte, in the order of the keys."""
    outputs = [field.name for field in stage.outputs()]
    found = stage.transform(rows).select("id", *outputs).toPandas().sort_values("id")
    return hashlib.blake2b(found.to_csv(index=False).encode(), digest_size=12).hexdigest()


def failing_first(rows: DataFrame) -> DataFrame:
    """Return ``rows`` from tasks that fail half way the first time they are tried."""

    def through(batches: Any) -> Any:
        for number, batch in enumerate(batches):
            if number == 1 and TaskContext.get().attemptNumber() == 0:
                raise RuntimeError("injected failure")
            yield batch

    return rows.mapInArrow(through, rows.schema)


def main() -> None:
    """Print a digest of each stage; with ``fail``, of a few, while every task over the rows fails once."""
    fail = len(sys.argv) > 1
    builder = SparkSession.builder.master("local[2,3]" if fail else "local[2]").appName("digest")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "200",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    rows = table(spark)
    if fail:
        rows = failing_first(rows)
    chosen = [stage for stage in stages() if not fail or type(stage).__name__ in RETRIED]
    print(json.dumps({type(stage).__name__: digest(stage, rows) for stage in chosen}))
    spark.stop()


if __name__ == "__main__":
    main()
