"""Where the rows of a stratum stand in the order of their hashes, without sorting or shuffling rows.

A table that Spark would send to the driver by itself, as it does to broadcast it, is looked at there.  Of any other
one the rows are counted by buckets of the hash, and only rows of the buckets that are asked about are looked at: of
a billion rows some ten thousand.  The answer is the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from pyspark.sql import Column, DataFrame

from sparring.data.literal import with_facts
from sparring.engine import functions as F
from sparring.spark.collected import fits_driver, to_arrow
from sparring.spark.reserved import named

BUCKET_ROWS = 1_024
MOST_BITS = 14
# One pass gives the sizes of all strata together with these buckets, fine enough for so many rows a stratum.
FIRST_BITS = 8
FIRST_ROWS = 10_000_000
HASH, BUCKET, STRATUM, KEY = "sparring__hash", "sparring__bucket", "sparring__stratum", "sparring__sort_key"
BITS, WANTED = "sparring__bits", "sparring__wanted"
WANTED_KIND = "struct<bits: int, buckets: array<bigint>, ranks: array<array<int>>>"
Ranks = Mapping[str, Sequence[int]]


class Place(NamedTuple):
    """Hash of a row and its key, which settles ties; no key where no other row has the hash."""

    hash: int
    key: str | None


class HashOrder(ABC):
    """The order of the rows of each stratum, by hash and key."""

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Stratum -> rows."""

    @abstractmethod
    def at(self, ranks: Ranks) -> dict[str, list[Place]]:
        """Return the places of the given ranks of each stratum, from 1 and ascending."""


def seeded_hash(seed: int, key: Column) -> Column:
    """Return the 64-bit hash that decides for the row with ``key``; it depends on nothing else.

    The seed enters as 64 bits, however small: Spark would hash one below 2^31 as 32 bits.
    """
    return F.xxhash64(F.lit(seed).cast("long"), key)


def with_place(rows: DataFrame, stratum: str, key: str, seed: int) -> DataFrame:
    """Return ``rows`` with what :func:`hash_order` looks at."""
    place = {STRATUM: named(stratum), KEY: named(key), HASH: seeded_hash(seed, named(key))}
    return rows.withColumns(place)


def hash_order(rows: DataFrame, stratum: str, key: str, seed: int) -> HashOrder:
    """Return the order of the rows of each stratum by the hash of their key.

    Parameters
    ----------
    rows : DataFrame
    stratum, key : str
        Text columns.
    seed : int

    Notes
    -----
    Cost: one pass over both columns; asking for ranks is another, two beyond ten million rows a stratum; no row
    shuffle.  The driver sees a bucket for every thousand rows, 16,384 a stratum at most.  A table below
    ``spark.sql.autoBroadcastJoinThreshold`` costs one pass in all, and the driver sees its strata and hashes.
    """
    placed = with_place(rows, stratum, key, seed).select(STRATUM, KEY, HASH)
    return _Collected(placed) if fits_driver(placed.select(STRATUM, HASH)) else _Counted(placed)


@dataclass(frozen=True)
class _Collected(HashOrder):
    """The hashes of a small table."""

    placed: DataFrame

    @cached_property
    def _hashes(self) -> dict[str, np.ndarray]:
        table = to_arrow(self.placed.select(STRATUM, HASH))
        if not table.num_rows:
            return {}
        strata = table.column(STRATUM).combine_chunks().dictionary_encode()
        codes, hashes = strata.indices.to_numpy(), table.column(HASH).to_numpy()
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(1, len(strata.dictionary)))
        members = np.split(hashes[order], ends)
        return {name: np.sort(some) for name, some in zip(strata.dictionary.to_pylist(), members, strict=True)}

    @property
    def sizes(self) -> dict[str, int]:
        return {stratum: len(hashes) for stratum, hashes in self._hashes.items()}

    def at(self, ranks: Ranks) -> dict[str, list[Place]]:
        return {stratum: [self._place(stratum, rank) for rank in some] for stratum, some in ranks.items()}

    def _place(self, stratum: str, rank: int) -> Place:
        hashes = self._hashes[stratum]
        found = hashes[rank - 1]
        first, last = np.searchsorted(hashes, found), np.searchsorted(hashes, found, "right")
        if last - first == 1:
            return Place(int(found), None)
        tied = self.placed.where((F.col(STRATUM) == stratum) & (F.col(HASH) == int(found))).groupBy(KEY).count()
        counts = sorted(tied.collect(), key=lambda row: row[0] or "")
        below = accumulate((count for _, count in counts), initial=int(first))
        return Place(int(found), [key for (key, _), rows in zip(counts, below, strict=False) if rows < rank][-1])


@dataclass(frozen=True)
class _Counted(HashOrder):
    """Rows by stratum and bucket of the hash: its first bits, so that buckets are in the order of the hashes."""

    placed: DataFrame

    @cached_property
    def _counts(self) -> dict[str, list[tuple[int, int]]]:
        """Stratum -> (bucket, rows), in order: with the same bits for all, as the sizes are not known."""
        return _count_buckets(self.placed, F.lit(FIRST_BITS))

    @cached_property
    def sizes(self) -> dict[str, int]:
        return {stratum: sum(rows for _, rows in buckets) for stratum, buckets in self._counts.items()}

    def at(self, ranks: Ranks) -> dict[str, list[Place]]:
        bits, counts = dict.fromkeys(self.sizes, FIRST_BITS), self._counts
        if max(self.sizes.values(), default=0) > FIRST_ROWS:
            bits = {
                name: min(max((size // BUCKET_ROWS).bit_length(), 1), MOST_BITS) for name, size in self.sizes.items()
            }
            counts = _count_buckets(with_facts(self.placed, STRATUM, bits, BITS, "int"), F.col(BITS))
        wanted = {name: _wanted(bits[name], counts[name], some) for name, some in ranks.items() if some}
        found = _look_up(self.placed, wanted)
        return {name: found.get(name, []) for name in ranks}


def _count_buckets(placed: DataFrame, bits: Column) -> dict[str, list[tuple[int, int]]]:
    answer: dict[str, list[tuple[int, int]]] = {}
    for stratum, bucket, count in placed.groupBy(STRATUM, _bucket(bits)).count().collect():
        answer.setdefault(stratum, []).append((bucket, count))
    return {stratum: sorted(buckets) for stratum, buckets in answer.items()}


def _bucket(bits: Column) -> Column:
    return F.call_function("shiftright", F.col(HASH), (F.lit(64) - bits).cast("int")).alias(BUCKET)


def _wanted(bits: int, counts: list[tuple[int, int]], ranks: Sequence[int]) -> dict[str, Any]:
    """Return in which buckets the ranks lie, and which of a bucket's rows they are."""
    inside: dict[int, list[int]] = {}
    below = 0
    for bucket, count in counts:
        here = [rank - below for rank in ranks if below < rank <= below + count]
        if here:
            inside[bucket] = here
        below += count
    return {"bits": bits, "buckets": list(inside), "ranks": list(inside.values())}


def _look_up(placed: DataFrame, wanted: Mapping[str, Any]) -> dict[str, list[Place]]:
    """Return the wanted places of each stratum in order, found among the rows of their buckets where these are."""
    if not wanted:
        return {}
    informed = with_facts(placed, STRATUM, wanted, WANTED, WANTED_KIND)
    bucket = _bucket(F.col(f"{WANTED}.bits"))
    at = F.call_function("array_position", F.col(f"{WANTED}.buckets"), bucket).cast("int")
    place = F.struct(F.col(HASH).alias("hash"), F.col(KEY).alias("key"))
    rows = (
        informed.withColumn("sparring__at", at)
        .where(F.col("sparring__at") > 0)
        .groupBy(STRATUM, WANTED, "sparring__at")
    )
    listed = rows.agg(F.sort_array(F.collect_list(place)).alias("sparring__places"))
    ranks = F.col(f"{WANTED}.ranks")[F.col("sparring__at") - 1]
    chosen = F.transform(ranks, lambda rank: F.col("sparring__places")[rank - 1])
    answer: dict[str, list[Place]] = {}
    for stratum, _, places in sorted(listed.select(STRATUM, "sparring__at", chosen).collect()):
        answer.setdefault(stratum, []).extend(Place(*place) for place in places)
    return answer
