"""What preparation learns from train, computed by Spark: medians, means, deviations, category counts.

Everything here is the same whatever the partitioning and the order of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sparring.data.moments import exact_moments
from sparring.data.numbers import as_text, not_nan
from sparring.data.quantiles import quantiles
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# More would say nothing of a feature, and an encoding is read by people.
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
    Cost: two passes without a row shuffle; see :func:`~sparring.data.moments.exact_moments` and
    :func:`~sparring.data.quantiles.quantiles`.
    """
    if not columns:
        return {}
    selected = frame.select(*[not_nan(expression, "double").alias(name) for name, expression in columns.items()])
    plain = {name: named(name) for name in columns}
    moments = exact_moments(selected, plain)
    rows = max(found.count + found.missing for found in moments.values())
    medians = quantiles(selected, plain, [0.5], rows, seed)
    return {
        name: NumericSummary(
            present=found.count,
            missing=found.missing,
            median=float(medians[name][0]) if medians[name] else 0.0,
            mean=significant(found.mean) if found.count else 0.0,
            deviation=significant(found.deviation) if found.count > 1 else 0.0,
        )
        for name, found in moments.items()
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
    from sparring.engine import functions as F
    from sparring.engine.window import Window

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
