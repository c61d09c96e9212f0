"""What preparation learns from train, computed by Spark: medians, means, deviations, category counts.

Everything here is the same whatever the partitioning.  Sums of floats are not, in their last bits, so means and
deviations are rounded to 9 significant digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sparring.data.numbers import as_text, not_nan
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Above this many rows the median is that of a sample, chosen by the hash of the value itself and the row's others.
EXACT_MEDIAN_ROWS = 2_000_000
DIGITS = 9


class NumericSummary(NamedTuple):
    """Of one column: non-null rows, null rows, median, mean and sample standard deviation of the non-null ones."""

    present: int
    missing: int
    median: float
    mean: float
    deviation: float


def significant(value: float) -> float:
    """Return ``value`` rounded to 9 significant digits.

    Examples
    --------
    >>> significant(1234.56789012345)
    1234.56789
    """
    return float(f"{value:.{DIGITS - 1}e}")


def numeric_summaries(frame: DataFrame, columns: dict[str, Column], seed: int) -> dict[str, NumericSummary]:
    """Return the summary of each column expression.

    Parameters
    ----------
    frame : DataFrame
    columns : dict of str to Column
        Name -> expression of type double; NaN is missing.
    seed : int
        Chooses the sample for the medians of a table above 2,000,000 rows.

    Notes
    -----
    Cost: two passes without a row shuffle.  The median is Spark's exact ``percentile``, which holds the distinct
    values of a column in memory; above 2,000,000 rows it is taken from about that many rows, picked by hash.
    """
    from pyspark.sql import functions as F

    if not columns:
        return {}
    selected = frame.select(*[not_nan(expression, "double").alias(name) for name, expression in columns.items()])
    aggregates = [F.count("*").alias("rows")]
    for name in columns:
        column = named(name)
        aggregates += [
            F.count(column).alias(f"n {name}"),
            F.avg(column).alias(f"mean {name}"),
            F.stddev_samp(column).alias(f"std {name}"),
        ]
    found = selected.agg(*aggregates).first()
    assert found is not None
    sampled = selected
    if found["rows"] > EXACT_MEDIAN_ROWS:
        share = int(EXACT_MEDIAN_ROWS / found["rows"] * 1_000_000)
        picked = F.pmod(F.xxhash64(F.lit(seed), *[named(name) for name in columns]), F.lit(1_000_000))
        sampled = selected.where(picked < share)
    medians = sampled.agg(*[F.percentile(named(name), 0.5).alias(name) for name in columns]).first()
    assert medians is not None
    return {
        name: NumericSummary(
            present=found[f"n {name}"],
            missing=found["rows"] - found[f"n {name}"],
            median=float(medians[name] or 0.0),
            mean=significant(found[f"mean {name}"] or 0.0),
            deviation=significant(found[f"std {name}"] or 0.0),
        )
        for name in columns
    }


def category_counts(frame: DataFrame, columns: list[str], most: int, at_least: int = 1) -> dict[str, list[str]]:
    """Return for each column its commonest values, ties in the order of the text.

    Parameters
    ----------
    frame : DataFrame
    columns : list of str
        Columns of any atomic type; values are compared as text, NaN is missing.
    most : int
        At most this many values a column come to the driver.
    at_least : int, default 1
        Values in fewer rows are left out.

    Notes
    -----
    Cost: one pass, a shuffle of distinct values only.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if not columns:
        return {}
    texts = [as_text(named(name), frame.schema[name].dataType) for name in columns]
    cells = F.array(*[F.struct(F.lit(at).alias("at"), text.alias("value")) for at, text in enumerate(texts)])
    counts = (
        frame.select(F.explode(cells).alias("cell"))
        .where(F.col("cell.value").isNotNull())
        .groupBy("cell.at", "cell.value")
        .count()
        .where(F.col("count") >= at_least)
    )
    order = Window.partitionBy("at").orderBy(F.desc("count"), "value")
    top = counts.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= most)
    rows = sorted(top.collect(), key=lambda row: (row["at"], row["rank"]))
    return {name: [row["value"] for row in rows if row["at"] == at] for at, name in enumerate(columns)}
