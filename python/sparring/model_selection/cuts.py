"""Exact quotas without sorting: the k-th smallest hash of each stratum, found in two passes.

To give the first ``k`` rows of a stratum, in the order of their hashes, to one part, only the ``k``-th hash must be
known.  A histogram of hash buckets tells in which bucket it lies; only that bucket's rows are then looked at.
No row is shuffled, and of a billion rows some ten thousand are looked at a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

BUCKET_ROWS = 1_024
MOST_BITS = 14
HASH, BUCKET, STRATUM, KEY = "_hash", "_bucket", "_stratum", "_sort_key"
CUTS = f"{STRATUM} string, _cuts array<struct<hash: bigint, key: string>>, _parts array<string>"
BITS = f"{STRATUM} string, _bits int"
RANKS = f"{STRATUM} string, {BUCKET} bigint, _ranks array<int>"


class _Boundary(NamedTuple):
    """The row before which a part ends: the ``rank``-th (from 1) within its bucket."""

    stratum: str
    bucket: int
    rank: int


def seeded_hash(seed: int, key: Column) -> Column:
    """Return the 64-bit hash that decides for the row with ``key``; it depends on nothing else."""
    return F.xxhash64(F.lit(seed), key)


def assign_by_quota(
    rows: DataFrame,
    stratum: str,
    key: str,
    quotas: Mapping[str, Sequence[int]],
    names: Sequence[str],
    output: str,
    seed: int,
) -> DataFrame:
    """Return ``rows`` with the part of each: the first quota of a stratum's hashes, the next one, and so on.

    Parameters
    ----------
    rows : DataFrame
    stratum : str
        Text column; its values are the keys of ``quotas``.
    key : str
        Text column that identifies a row.
    quotas : mapping of str to sequence of int
        Stratum -> rows of each part, summing to its rows.
    names : sequence of str
        Name of each part.
    output : str
        Name of the new column.
    seed : int

    Notes
    -----
    Cost: two passes over stratum and key (a histogram, then the boundary buckets), no row shuffle; the strata's
    cuts are broadcast.  The driver sees a bucket for every thousand rows, 16,384 a stratum at most, and one row for
    each end of a part.
    """
    named = rows.withColumn(STRATUM, F.col(f"`{stratum}`")).withColumn(KEY, F.col(f"`{key}`"))
    placed = named.withColumn(HASH, seeded_hash(seed, F.col(KEY)))
    cuts = _find_cuts(placed.select(STRATUM, KEY, HASH), quotas, names)
    joined = placed.join(F.broadcast(rows.sparkSession.createDataFrame(cuts, CUTS)), STRATUM)
    place = F.struct(F.col(HASH).alias("hash"), F.col(KEY).alias("key"))
    before = F.size(F.filter("_cuts", lambda cut: cut < place))
    return joined.withColumn(output, F.col("_parts")[before]).select(*[f"`{name}`" for name in rows.columns], output)


def _find_cuts(
    places: DataFrame, quotas: Mapping[str, Sequence[int]], names: Sequence[str]
) -> list[tuple[str, list[Any], list[str]]]:
    """Return for each stratum the last place of every part but the last, and the parts that get rows."""
    spark = places.sparkSession
    bits = spark.createDataFrame([(name, _bucket_bits(sum(quota))) for name, quota in quotas.items()], BITS)
    # A bucket is the first bits of the hash: buckets, and so histograms, are in the order of the hashes.
    bucket = F.expr(f"shiftright({HASH}, 64 - _bits)").alias(BUCKET)
    bucketed = places.join(F.broadcast(bits), STRATUM).select(*places.columns, bucket)
    histogram: dict[str, list[tuple[int, int]]] = {}
    for row in bucketed.groupBy(STRATUM, BUCKET).count().collect():
        histogram.setdefault(row[STRATUM], []).append((row[BUCKET], row["count"]))
    boundaries = {name: _boundaries(name, sorted(histogram[name]), quotas[name]) for name in histogram}
    found = _places_at(bucketed, [boundary for some in boundaries.values() for boundary in some])
    return [
        (
            stratum,
            [found[boundary] for boundary in boundaries[stratum]],
            [name for name, quota in zip(names, quotas[stratum], strict=True) if quota > 0],
        )
        for stratum in boundaries
    ]


def _bucket_bits(rows: int) -> int:
    """Return how many bits number the buckets of a stratum, so that one holds some thousand rows."""
    return min(max((rows // BUCKET_ROWS).bit_length(), 1), MOST_BITS)


def _boundaries(stratum: str, buckets: list[tuple[int, int]], quota: Sequence[int]) -> list[_Boundary]:
    """Return where each part with rows ends, but for the last one."""
    filled = [count for count in quota if count > 0]
    ends = list(accumulate(filled))[:-1]
    answer: list[_Boundary] = []
    below = 0
    for bucket, count in buckets:
        answer += [_Boundary(stratum, bucket, end - below) for end in ends if below < end <= below + count]
        below += count
    return answer


def _places_at(bucketed: DataFrame, boundaries: list[_Boundary]) -> dict[_Boundary, Any]:
    """Return the place of each boundary, found among the rows of its bucket where they are."""
    ranks: dict[tuple[str, int], list[int]] = {}
    for boundary in boundaries:
        ranks.setdefault((boundary.stratum, boundary.bucket), []).append(boundary.rank)
    wanted = bucketed.sparkSession.createDataFrame([(*at, some) for at, some in sorted(ranks.items())], RANKS)
    place = F.struct(F.col(HASH).alias("hash"), F.col(KEY).alias("key"))
    rows = bucketed.join(F.broadcast(wanted), [STRATUM, BUCKET]).groupBy(STRATUM, BUCKET, "_ranks")
    listed = rows.agg(F.sort_array(F.collect_list(place)).alias("_places"))
    chosen = listed.withColumn("_places", F.expr("transform(_ranks, rank -> _places[rank - 1])"))
    return {
        _Boundary(row[STRATUM], row[BUCKET], rank): tuple(found)
        for row in chosen.collect()
        for rank, found in zip(row["_ranks"], row["_places"], strict=True)
    }
