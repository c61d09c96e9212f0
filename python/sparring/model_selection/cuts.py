"""Exact quotas without sorting: the k-th smallest hash of each stratum, found in two passes.

To give the first ``k`` rows of a stratum, in the order of their hashes, to one part, only the ``k``-th hash must be
known.  A histogram of hash buckets tells in which bucket it lies; only that bucket's rows are then looked at.
No row is shuffled, and of a billion rows some ten thousand are looked at a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from sparring.data.literal import literal_table

BUCKET_ROWS = 1_024
MOST_BITS = 14
# One pass gives the sizes of all strata together with these buckets, fine enough for so many rows a stratum.
FIRST_BITS = 8
FIRST_ROWS = 10_000_000
HASH, BUCKET, STRATUM, KEY = "_hash", "_bucket", "_stratum", "_sort_key"
CUTS = f"{STRATUM} string, _cuts array<struct<hash: bigint, key: string>>, _parts array<string>"
BITS = f"{STRATUM} string, _bits int"
RANKS = "_of string, _at bigint, _bits int, _ranks array<int>"
Quotas = Mapping[str, Sequence[int]]


class _Boundary(NamedTuple):
    """The row before which a part ends: the ``rank``-th (from 1) within its bucket."""

    stratum: str
    bucket: int
    bits: int
    rank: int


@dataclass(frozen=True)
class Histogram:
    """Rows by stratum and bucket of the hash: its first ``bits``, so that buckets are in the order of the hashes.

    Attributes
    ----------
    bits : dict of str to int
    counts : dict of str to list of (int, int)
        Stratum -> (bucket, rows), in order.
    """

    bits: dict[str, int]
    counts: dict[str, list[tuple[int, int]]]

    @property
    def sizes(self) -> dict[str, int]:
        """Stratum -> rows."""
        return {stratum: sum(rows for _, rows in buckets) for stratum, buckets in self.counts.items()}


def seeded_hash(seed: int, key: Column) -> Column:
    """Return the 64-bit hash that decides for the row with ``key``; it depends on nothing else."""
    return F.xxhash64(F.lit(seed), key)


def count_buckets(rows: DataFrame, stratum: str, key: str, seed: int) -> Histogram:
    """Return rows by stratum and bucket, all strata with the same bits: the sizes need not be known.

    Notes
    -----
    Cost: one pass.
    """
    found = _collect(_placed(rows, stratum, key, seed), F.lit(FIRST_BITS))
    return Histogram(dict.fromkeys(found, FIRST_BITS), found)


def assign_by_quota(
    rows: DataFrame,
    stratum: str,
    key: str,
    quotas: Quotas,
    names: Sequence[str],
    output: str,
    seed: int,
    histogram: Histogram | None = None,
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
    histogram : Histogram, optional
        From :func:`count_buckets`, which saves a pass while no stratum has more than ten million rows.

    Notes
    -----
    Cost: two passes over stratum and key (a histogram, then the boundary buckets), no row shuffle; the strata's
    cuts are broadcast.  The driver sees a bucket for every thousand rows, 16,384 a stratum at most, and one row for
    each end of a part.
    """
    placed = _placed(rows, stratum, key, seed)
    if histogram is None or max(histogram.sizes.values(), default=0) > FIRST_ROWS:
        histogram = _fine_histogram(placed, quotas)
    cuts = _find_cuts(placed.select(STRATUM, KEY, HASH), histogram, quotas, names)
    joined = placed.join(F.broadcast(literal_table(rows.sparkSession, cuts, CUTS)), STRATUM)
    place = F.struct(F.col(HASH).alias("hash"), F.col(KEY).alias("key"))
    most = max((len(cut["_cuts"]) for cut in cuts), default=0)
    # Not F.filter: a lambda is not compiled, and takes longer than all the rest.
    before = sum((F.when(F.get("_cuts", F.lit(at)) < place, 1).otherwise(0) for at in range(most)), F.lit(0))
    return joined.withColumn(output, F.col("_parts")[before]).select(*[f"`{name}`" for name in rows.columns], output)


def _placed(rows: DataFrame, stratum: str, key: str, seed: int) -> DataFrame:
    named = rows.withColumn(STRATUM, F.col(f"`{stratum}`")).withColumn(KEY, F.col(f"`{key}`"))
    return named.withColumn(HASH, seeded_hash(seed, F.col(KEY)))


def _fine_histogram(placed: DataFrame, quotas: Quotas) -> Histogram:
    """Return the histogram in which a bucket holds some thousand rows, whatever the stratum's size."""
    bits = {name: min(max((sum(quota) // BUCKET_ROWS).bit_length(), 1), MOST_BITS) for name, quota in quotas.items()}
    table = literal_table(placed.sparkSession, ({STRATUM: name, "_bits": some} for name, some in bits.items()), BITS)
    return Histogram(bits, _collect(placed.join(F.broadcast(table), STRATUM), F.col("_bits")))


def _collect(placed: DataFrame, bits: Column) -> dict[str, list[tuple[int, int]]]:
    answer: dict[str, list[tuple[int, int]]] = {}
    for stratum, bucket, count in placed.groupBy(STRATUM, _bucket(bits)).count().collect():
        answer.setdefault(stratum, []).append((bucket, count))
    return {stratum: sorted(buckets) for stratum, buckets in answer.items()}


def _bucket(bits: Column) -> Column:
    return F.call_function("shiftright", F.col(HASH), (F.lit(64) - bits).cast("int")).alias(BUCKET)


def _find_cuts(places: DataFrame, histogram: Histogram, quotas: Quotas, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each stratum the last place of every part but the last, and the parts that get rows."""
    boundaries = {stratum: _boundaries(stratum, histogram, quotas[stratum]) for stratum in histogram.counts}
    found = _places_at(places, [boundary for some in boundaries.values() for boundary in some])
    return [
        {
            STRATUM: stratum,
            "_cuts": [found[boundary] for boundary in boundaries[stratum]],
            "_parts": [name for name, quota in zip(names, quotas[stratum], strict=True) if quota > 0],
        }
        for stratum in boundaries
    ]


def _boundaries(stratum: str, histogram: Histogram, quota: Sequence[int]) -> list[_Boundary]:
    """Return where each part with rows ends, but for the last one."""
    ends = list(accumulate(count for count in quota if count > 0))[:-1]
    answer: list[_Boundary] = []
    below, bits = 0, histogram.bits[stratum]
    for bucket, count in histogram.counts[stratum]:
        answer += [_Boundary(stratum, bucket, bits, end - below) for end in ends if below < end <= below + count]
        below += count
    return answer


def _places_at(places: DataFrame, boundaries: list[_Boundary]) -> dict[_Boundary, Any]:
    """Return the place of each boundary, found among the rows of its bucket where they are."""
    if not boundaries:
        return {}
    ranks: dict[tuple[str, int, int], list[int]] = {}
    for boundary in boundaries:
        ranks.setdefault(boundary[:3], []).append(boundary.rank)
    wanted = (
        {"_of": stratum, "_at": bucket, "_bits": bits, "_ranks": some}
        for (stratum, bucket, bits), some in ranks.items()
    )
    at = F.broadcast(literal_table(places.sparkSession, wanted, RANKS))
    rows = places.join(at, (F.col(STRATUM) == F.col("_of")) & (_bucket(F.col("_bits")) == F.col("_at")))
    place = F.struct(F.col(HASH).alias("hash"), F.col(KEY).alias("key"))
    listed = rows.groupBy("_of", "_at", "_bits", "_ranks").agg(F.sort_array(F.collect_list(place)).alias("_places"))
    chosen = listed.withColumn("_places", F.expr("transform(_ranks, rank -> _places[rank - 1])"))
    return {
        _Boundary(row["_of"], row["_at"], row["_bits"], rank): found.asDict()
        for row in chosen.collect()
        for rank, found in zip(row["_ranks"], row["_places"], strict=True)
    }
