"""How the leak audit grows, and what its search finds of planted leaks beyond what can be compared pair by pair.

::

    uv run python benchmarks/audit_scale.py [SHARE]

SHARE scales every size: 1 is 2 million rows.  Test rows are copies of train rows in known shares: equal ones, and
ones that differ in one of ten columns, which is what the threshold still calls alike.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from typing import Any

import numpy as np
from pages import save, table
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.leakage import AuditColumns, AuditOptions, AuditReport, LeakageAudit
from sparring.spark.session import SessionSpec, get_session

ROWS = (250_000, 500_000, 1_000_000, 2_000_000)
WIDTH, TEST, EQUAL, ALIKE = 10, 0.2, 0.01, 0.03
MODES = ("auto", "sample")
NEAR = "near overlap"


def draw(name: str, of: Column, values: int) -> Column:
    return F.pmod(F.xxhash64(F.lit(name), of), F.lit(values)).cast("int")


def parts(spark: SparkSession, rows: int, folder: str) -> dict[str, DataFrame]:
    """Write train and test, where the first test rows are copies of train rows, and return both as read."""
    test = int(TEST * rows)
    equal, alike = int(EQUAL * test), int((EQUAL + ALIKE) * test)

    def made(first: int, last: int) -> DataFrame:
        number = F.col("id")
        # Copies are made from the number of the train row that they repeat.
        source = F.when((number >= rows) & (number < rows + alike), number - rows).otherwise(number)
        columns = [draw(f"x{at}", source, 40 + 60 * at).alias(f"x{at}") for at in range(WIDTH)]
        changed = F.when((number >= rows + equal) & (number < rows + alike), F.lit(-1)).otherwise(columns[0])
        label = (draw("label", source, 10) < 3).cast("int").alias("label")
        return spark.range(first, last).select(changed.alias("x0"), *columns[1:], label)

    written = {"train": made(0, rows), "test": made(rows, rows + test)}
    for name, frame in written.items():
        frame.write.mode("overwrite").parquet(f"{folder}/{name}")
    return {name: spark.read.parquet(f"{folder}/{name}") for name in written}


def audited(made: dict[str, DataFrame], near: str) -> tuple[AuditReport, float]:
    columns = AuditColumns(label="label", categories=[f"x{at}" for at in range(WIDTH)])
    start = time.perf_counter()
    report = LeakageAudit(made["train"], None, made["test"], columns=columns, options=AuditOptions(near)).run()
    return report, time.perf_counter() - start


def measured(spark: SparkSession, rows: int, near: str, folder: str) -> dict[str, Any]:
    """Return seconds, and what was found of what was planted."""
    made = parts(spark, rows, folder)
    report, seconds = audited(made, near)
    found = {finding.check: finding for finding in report.findings}
    steps = {check.check: check.seconds for check in report.checks}
    return {
        "rows": rows + int(TEST * rows),
        "near": near,
        "seconds": seconds,
        "near_seconds": steps[NEAR],
        "equal": found["exact overlap"].counts,
        "alike": found[NEAR].counts if NEAR in found else {},
        "severity": {check: finding.severity for check, finding in found.items()},
        "told": found[NEAR].message if NEAR in found else "",
    }


def slope(results: list[dict[str, Any]], near: str) -> float:
    some = [row for row in results if row["near"] == near]
    return float(np.polyfit(np.log([row["rows"] for row in some]), np.log([row["seconds"] for row in some]), 1)[0])


def page(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        [f"{row['rows']:,}", row["near"], f"{row['seconds']:.1f}", f"{row['near_seconds']:.1f}", row["told"]]
        for row in results
    ]
    slopes = ", ".join(f"{near} {slope(results, near):.2f}" for near in MODES)
    return f"""# How the leak audit grows

Written by `benchmarks/audit_scale.py`: {os.cpu_count()} cores, a heap of 4 GB, tables read from Parquet; ten columns
and a label. Of the test rows {EQUAL:.0%} are equal to a train row and {ALIKE:.0%} differ from one in one of the ten
columns; the rest are independent of train. `auto` searches all rows and bounds what the search missed by a sample;
`sample` only compares 300 rows of the part with all of train.

{table(["rows", "near", "s", "of it near overlap, s", "what the near overlap says"], lines)}

Slopes of seconds against rows, both in logarithms: {slopes}; a slope of 1 is linear.
"""


def main(share: float) -> None:
    """Measure and write both files; at another size than the full one only print."""
    spark = get_session(SessionSpec("audit", 2, "4g", [], {"spark.sql.shuffle.partitions": "8"}))
    spark.sparkContext.setLogLevel("ERROR")
    folder = tempfile.mkdtemp(prefix="sparring-audit-")
    try:
        measured(spark, 60_000, "auto", folder)
        results = [measured(spark, int(rows * share), near, folder) for rows in ROWS for near in MODES]
    finally:
        shutil.rmtree(folder)
    if share == 1:
        save("audit_scale", results, page(results))
    else:
        print(page(results))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
