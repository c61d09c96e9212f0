"""Quantiles that are the same for any order and partitioning of the rows: exact, of a large table of a fixed sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Above this many rows quantiles are those of a sample, chosen by the hash of the row's own values.
EXACT_ROWS = 2_000_000


def quantiles(
    frame: DataFrame, columns: Mapping[str, Column], shares: Sequence[float], rows: int, seed: int = 42
) -> dict[str, list[float]]:
    """Return the quantiles of each column expression, one for each of ``shares``; none of a column without a number.

    Parameters
    ----------
    frame : DataFrame
    columns : mapping of str to Column
        Name -> expression of type double; null is missing.
    shares : sequence of float
        Each in [0, 1]; between two values it is interpolated linearly, as NumPy does.
    rows : int
        Of ``frame``.
    seed : int, default 42
        Chooses the sample of a table above 2,000,000 rows.

    Notes
    -----
    Cost: one pass without a row shuffle.  Spark's exact ``percentile`` holds the distinct values of a column in memory;
    above 2,000,000 rows it sees about that many rows, picked by the hash of the values.
    """
    from sparring.engine import functions as F

    selected = frame.select(*[column.cast("double").alias(name) for name, column in columns.items()])
    if not columns:
        return {}
    if rows > EXACT_ROWS:
        picked = F.pmod(F.xxhash64(F.lit(seed).cast("long"), *[named(name) for name in columns]), F.lit(1_000_000))
        selected = selected.where(picked < int(EXACT_ROWS / rows * 1_000_000))
    found = selected.agg(*[F.percentile(named(name), list(shares)).alias(name) for name in columns]).first()
    assert found is not None
    # One zero: which of the two comes first is chance.
    return {name: [value + 0.0 for value in found[name] or []] for name in columns}
