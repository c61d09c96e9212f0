"""Order without sorting: exact order statistics of a column, and the rank of every row by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from pyspark.sql import Column, DataFrame

from sparring.data.literal import literal_table
from sparring.engine import functions as F
from sparring.model_selection.hash_order import seeded_hash
from sparring.spark.reserved import named, quoted

BUCKETS = 4_096
# A bucket of no more rows is not divided again: its values are counted one by one.
FEW_ROWS = 50_000
VALUE, BUCKET = "sparring__value", "sparring__bucket"


def order_statistics(values: DataFrame, ranks: Sequence[int]) -> list[Any]:
    """Return the values of the given ranks, exactly and whatever the partitioning.

    Parameters
    ----------
    values : DataFrame
        One column of an integer type, float or double: no nulls, finite.
    ranks : sequence of int
        From 1, ascending, at most the number of rows; repeated ranks do no harm.

    Returns
    -------
    list
        ``sorted(values)[rank - 1]`` of each.

    Notes
    -----
    Cost: a pass for the ends, one for a histogram of 4,096 buckets, and one for the values of the buckets that
    hold a rank; a bucket of more than 50,000 rows is divided again.  No row shuffle, no sort; the driver sees
    counts.

    Examples
    --------
    >>> order_statistics(spark.range(1, 101).select("id"), [1, 50, 100])        # doctest: +SKIP
    [1, 50, 100]
    """
    (column,) = values.columns
    return _find(values.select(named(column).alias(VALUE)), list(ranks))


def quantile_ranks(rows: int, shares: Sequence[float]) -> list[int]:
    """Return how many of ``rows`` lie in all shares up to each, rounded.

    Examples
    --------
    >>> quantile_ranks(10, [0.7, 0.1, 0.2])
    [7, 8, 10]
    """
    return [round(rows * share + 1e-9) for share in accumulate(shares)]


def _find(values: DataFrame, ranks: list[int]) -> list[Any]:
    if not ranks:
        return []
    ((low, high),) = values.agg(F.min(VALUE), F.max(VALUE)).collect()
    if low == high:
        return [low] * len(ranks)
    # Rounding keeps the order: a larger value never falls into a lower bucket.  Halves, lest the width overflow.
    place = (F.col(VALUE).cast("double") / 2 - F.lit(float(low) / 2)) * F.lit(BUCKETS / (high / 2 - low / 2))
    bucketed = values.withColumn(BUCKET, F.least(place, F.lit(BUCKETS - 1.0)).cast("int"))
    ends = [F.min(VALUE).alias("low"), F.max(VALUE).alias("high"), F.count("*").alias("rows")]
    buckets = sorted(bucketed.groupBy(BUCKET).agg(*ends).collect())
    answer: list[Any] = []
    for bucket, below in zip(buckets, accumulate([0, *(b["rows"] for b in buckets)]), strict=False):
        inside = [rank - below for rank in ranks if below < rank <= below + bucket["rows"]]
        if inside:
            found = values.where(F.col(VALUE).between(bucket["low"], bucket["high"]))
            # One bucket alone: the values are too close together to be told apart by doubles of their differences.
            answer += _count(found, inside) if bucket["rows"] <= FEW_ROWS or len(buckets) == 1 else _find(found, inside)
    return answer


def _count(values: DataFrame, ranks: list[int]) -> list[Any]:
    """Return the values of ``ranks``, after counting every distinct one."""
    counted = sorted(values.groupBy(VALUE).count().collect())
    upto = list(accumulate(count for _, count in counted))
    return [next(row[VALUE] for row, last in zip(counted, upto, strict=True) if rank <= last) for rank in ranks]


def with_rank(rows: DataFrame, key: str, output: str, seed: int) -> DataFrame:
    """Return ``rows`` with the place of each, from 0 and without gaps, in the order of ``hash64(seed, key)``.

    Parameters
    ----------
    rows : DataFrame
    key : str
        Text column that identifies a row.
    output : str
        New column, int.
    seed : int

    Notes
    -----
    Cost: a pass that counts the rows of 4,096 ranges of the hash, and one shuffle by range; each range is sorted.
    """
    from sparring.engine.window import Window

    hashed = rows.withColumn("sparring__hash", seeded_hash(seed, named(key)))
    ranged = hashed.withColumn(BUCKET, _range_of(F.col("sparring__hash")))
    counts: dict[int, int] = dict(ranged.groupBy(BUCKET).count().collect())
    starts = list(accumulate([0, *(counts[bucket] for bucket in sorted(counts))]))
    first = dict(zip(sorted(counts), starts, strict=False))
    ranges = ({BUCKET: bucket, "sparring__first": rank} for bucket, rank in first.items())
    table = literal_table(rows.sparkSession, ranges, f"{BUCKET} long, sparring__first int")
    within = F.row_number().over(Window.partitionBy(BUCKET).orderBy("sparring__hash", quoted(key)))
    ranked = ranged.join(F.broadcast(table), BUCKET).withColumn(output, F.col("sparring__first") + within - 1)
    return ranked.select(*[quoted(name) for name in [*rows.columns, output]])


def _range_of(hashed: Column) -> Column:
    return F.shiftright(hashed, 52).cast("long")
