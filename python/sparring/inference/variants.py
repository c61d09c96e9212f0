"""A/B split: which production variant scores a row, decided by the row's key."""

from __future__ import annotations

from itertools import accumulate

from pyspark.sql import Column

from sparring.engine import functions as F
from sparring.spark.reserved import named

BUCKETS = 1_000_000


def variant_of(key_cols: list[str], variants: list[str], shares: list[float], seed: int) -> Column:
    """Return the name of each row's variant.

    Parameters
    ----------
    key_cols : list of str
        Columns that identify a row; nulls count as a value.
    variants : list of str
    shares : list of float
        Of each variant, in proportion to their sum; a variant of share 0 scores nothing.
    seed : int
        Another seed, another split.

    Notes
    -----
    Rows go by the hash of their key and the seed: the same row meets the same variant whatever the partitioning,
    and a variant whose share grows keeps the rows it had when it is listed first.
    """
    # A hash of Spark's leaves nulls out: null in one column and in another must differ.
    parts = [part for name in key_cols for part in (named(name).isNull(), named(name).cast("string"))]
    bucket = F.pmod(F.xxhash64(F.lit(seed), *parts), F.lit(BUCKETS))
    total = sum(shares)
    ends = [round(BUCKETS * end / total) for end in accumulate(shares)]
    chosen = F.lit(variants[-1])
    for name, end in reversed(list(zip(variants, ends, strict=True))[:-1]):
        chosen = F.when(bucket < end, F.lit(name)).otherwise(chosen)
    return chosen
