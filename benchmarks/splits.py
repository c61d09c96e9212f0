"""Splits and folds: speed at 10 million rows, and beside scikit-learn on the flights.

::

    uv run python benchmarks/splits.py [ROWS]

From a Parquet file to a Parquet file of key and fold, both sides, warm: the median of the last five of fifteen runs
counts (of three where scikit-learn takes half a minute each), and the first run in a fresh JVM is told beside it.
scikit-learn runs in this process, which is one core; Spark has two.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from pages import save, table
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn import model_selection as theirs

from sparring.data.builtin import read_flights
from sparring.model_selection import StratifiedGroupKFold, StratifiedKFold
from sparring.spark.session import SessionSpec, get_session

ROWS = 10_000_000
ROWS_A_GROUP = 10
CLASSES = 3


def seconds(work: Callable[[], Any], runs: int = 15) -> dict[str, float]:
    """Return the time of the first run and the median of the last five."""
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return {"first": round(took[0], 2), "seconds": round(median(took[-5:]), 2)}


def write(frame: DataFrame, path: Path) -> None:
    frame.write.mode("overwrite").parquet(str(path))


def grouped_table(spark: SparkSession, rows: int, folder: Path) -> DataFrame:
    """Return rows in groups of 1 to some 40, each with a leaning towards one of three classes."""
    number = F.col("id")
    group = F.pmod(F.xxhash64(F.lit(1), number), F.lit(rows // ROWS_A_GROUP))
    leaning = F.pmod(F.xxhash64(F.lit(2), group), F.lit(100))
    draw = F.pmod(F.xxhash64(F.lit(3), number), F.lit(100))
    label = F.when(draw < 3, 2).when(draw < leaning, 1).otherwise(0)
    made = spark.range(rows).select("id", group.alias("group"), label.alias("label"))
    write(made, folder / "grouped")
    return spark.read.parquet(str(folder / "grouped"))


def spread(folded: DataFrame, label: str) -> int:
    """Return the largest difference, over the classes, between two folds' rows."""
    counts = folded.groupBy(label, "fold").count().toPandas()
    return int(counts.groupby(label)["count"].agg(np.ptp).max())


def ours(stage: Any, rows: DataFrame, folder: Path) -> dict[str, Any]:
    """Return seconds and spread of a fold maker of Sparring."""
    columns = [*stage.getKeyCols(), *stage.columns_in("stratifyCols")]
    took = seconds(lambda: write(stage.transform(rows).select(*columns, "fold"), folder / "folds"))
    folded = rows.sparkSession.read.parquet(str(folder / "folds"))
    return {**took, "spread": spread(folded, columns[-1])}


def of_scikit_learn(cv: Any, path: Path, columns: list[str], folder: Path, runs: int = 15) -> dict[str, Any]:
    """Return seconds and spread of scikit-learn: read, fold, write."""
    found: list[pd.DataFrame] = []

    def work() -> None:
        frame = pd.read_parquet(path, columns=columns)
        groups = frame[columns[2:]].astype(str).agg("|".join, axis=1) if columns[2:] else None
        fold = np.empty(len(frame), dtype=np.int32)
        for number, (_, test) in enumerate(cv.split(frame, frame[columns[1]], groups)):
            fold[test] = number
        frame = frame.assign(fold=fold)
        frame[[*columns[:2], "fold"]].to_parquet(folder / "theirs.parquet")
        found[:] = [frame]

    took = seconds(work, runs)
    counts = found[0].groupby([columns[1], "fold"]).size().unstack()
    return {**took, "spread": int(np.ptp(counts, axis=1).max())}


def flights(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Return both libraries on the flights: by class, and by class with the plane as group."""
    made = read_flights(spark).where("late is not null and tailnum is not null")
    key = ["carrier", "flight", "origin", "dest", "time_hour", "sched_dep_time"]
    keyed = made.withColumn("key", F.concat_ws("|", *key)).select("key", "late", "tailnum", "carrier", "flight")
    write(keyed, folder / "flights")
    rows = spark.read.parquet(str(folder / "flights"))
    group = ["carrier", "flight", "tailnum"]
    plain, grouped = {"keyCols": ["key"], "stratifyCols": ["late"]}, {"groupCols": group}
    return {
        "rows": rows.count(),
        "groups": rows.select(*group).distinct().count(),
        "stratified": {
            "sparring": ours(StratifiedKFold(**plain), rows, folder),
            "scikit-learn": of_scikit_learn(
                theirs.StratifiedKFold(5, shuffle=True, random_state=0), folder / "flights", ["key", "late"], folder
            ),
        },
        "stratified, groups": {
            "sparring": ours(StratifiedGroupKFold(**plain, **grouped), rows, folder),
            "scikit-learn": of_scikit_learn(
                theirs.StratifiedGroupKFold(5, shuffle=True, random_state=0),
                folder / "flights",
                ["key", "late", *group],
                folder,
                runs=3,
            ),
        },
    }


def scale(spark: SparkSession, rows: int, folder: Path) -> dict[str, Any]:
    """Return the large table, once: nothing is warm but the JVM."""
    made = grouped_table(spark, rows, folder)
    stage = StratifiedGroupKFold(keyCols=["id"], stratifyCols=["label"], groupCols=["group"])
    start = time.perf_counter()
    write(stage.transform(made).select("id", "label", "group", "fold"), folder / "folds")
    took = round(time.perf_counter() - start, 1)
    folded = spark.read.parquet(str(folder / "folds"))
    straddling = folded.groupBy("group").agg(F.countDistinct("fold").alias("n")).where("n > 1").count()
    groups = made.select("group").distinct().count()
    return {
        "rows": rows,
        "groups": groups,
        "seconds": took,
        "spread": spread(folded, "label"),
        "straddling": straddling,
    }


def page(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    large, small = results["scale"], results["flights"]
    head = ["folds", "library", "s", "first run, s", "widest spread of a class, rows"]
    rows = [
        [case, library, *(str(small[case][library][figure]) for figure in ("seconds", "first", "spread"))]
        for case in ("stratified", "stratified, groups")
        for library in ("sparring", "scikit-learn")
    ]
    ratios = [
        f"{case}: {small[case]['sparring']['seconds'] / small[case]['scikit-learn']['seconds']:.2f}"
        for case in ("stratified", "stratified, groups")
    ]
    return f"""# Speed of splits and folds

Written by `benchmarks/splits.py`; {results["cores"]} cores, load average before the run {results["load"]}.

**{large["rows"]:,} rows in {large["groups"]:,} groups, three classes, stratified-group 5-fold**, from Parquet to
Parquet: {large["seconds"]} s. The widest spread of a class between two folds is {large["spread"]} rows;
{large["straddling"]} groups straddle.

**{small["rows"]:,} flights**, 5 folds, {small["groups"]:,} groups (carrier, flight, plane), Parquet to Parquet on both
sides, the median of the last five of fifteen runs, of scikit-learn with groups of three (first: with a JVM that has
compiled nothing yet):

{table(head, rows)}

Sparring's time in scikit-learn's: {"; ".join(ratios)}. Spread is the largest difference between two folds' rows of a
class.
"""


def main() -> None:
    """Measure and write both files; at another size than the full one only print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    load = round(os.getloadavg()[0], 1)
    spark = get_session(SessionSpec("splits", 2, "4g", [], {"spark.sql.shuffle.partitions": "8"}))
    spark.sparkContext.setLogLevel("ERROR")
    folder = Path(tempfile.mkdtemp(prefix="sparring-splits-"))
    try:
        results = {
            "cores": os.cpu_count(),
            "load": load,
            "flights": flights(spark, folder),
            "scale": scale(spark, rows, folder),
        }
    finally:
        shutil.rmtree(folder)
    if rows == ROWS:
        save("splits", results, page(results))
    else:
        print(page(results))


if __name__ == "__main__":
    main()
