"""A search by MinHash for rows of all parts that are alike: what is across parts, and what within train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparring.data.canonical import canonical_hash
from sparring.data.hashing import mix_one
from sparring.dedup import NearDeduplicator
from sparring.dedup.search import CLUSTER, NODE
from sparring.leakage.columns import PART
from sparring.leakage.near_pairs import plain_columns
from sparring.leakage.reference import Hits
from sparring.leakage.state import Audit
from sparring.leakage.table import CONTENT, KINDS, AuditTable
from sparring.leakage.units import HIT_LEFT, HIT_RIGHT
from sparring.spark.checkpoint import computed_once
from sparring.spark.reserved import quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# The search is to find a pair at the threshold with this probability or more.
LOST, NEEDLESS = 0.98, 0.02


@dataclass(frozen=True)
class Searched:
    """The search's clusters that are in train: rows of other parts, and proven pairs.

    ``contents`` are those of other parts, ``hits`` all contents that are alike to one of train, of another unit.
    ``sides`` are the hits of each part, and within train; ``with_equal`` the same with rows that are equal.
    """

    rows: dict[int, int]
    contents: DataFrame
    hits: DataFrame
    sides: dict[int, list[Hits]]
    with_equal: dict[int, list[Hits]]
    pairs: dict[int, list[tuple[str, str, float]]]


def near_stage(audit: Audit) -> NearDeduplicator:
    """Return the search of an audit: a seed of its own, so that what dedup missed is not missed again."""
    table = audit.table
    return NearDeduplicator(
        textCols=list(table.columns.texts),
        categoricalCols=list(table.columns.categories),
        numericCols=[*table.columns.numbers, *table.columns.timestamps],
        threshold=min(audit.options.near_threshold, 1 - 1e-9),
        falseNegativeWeight=LOST,
        falsePositiveWeight=NEEDLESS,
        seed=mix_one(table.seed ^ 0xA0D17) & 0x7FFFFFFF,
    )


def search_parts(audit: Audit) -> Searched:
    """Search all parts at once; equal rows are one, so that only what is alike is found."""
    from sparring.engine import functions as F

    table = audit.table
    names = [*plain_columns(table), *table.columns.texts]
    rows = table.rows.select(*[quoted(name) for name in names]).distinct()
    found = near_stage(audit).search(rows)
    node = canonical_hash(names, table.rows.schema)
    numbers = range(len(table.parts))
    per_part = [F.sum(F.when(F.col(PART) == part, 1).otherwise(0)).alias(f"n{part}") for part in numbers]
    unit = F.when(F.col(PART) == 0, F.xxhash64(CONTENT if table.unit is None else KINDS[table.unit]))
    units = [F.min(unit).alias("least"), F.max(unit).alias("most")]
    owners = table.rows.groupBy(node.alias(NODE), CONTENT).agg(*per_part, *units)
    placed = computed_once(found.mark(owners))
    clusters = placed.where(F.col("n0") > 0).groupBy(CLUSTER)
    known = clusters.agg(F.count("*").alias("contents"), (F.min("least") < F.max("most")).alias("units"))
    in_train = placed.join(known, CLUSTER)
    torn = in_train.where(F.col("n0") == 0)
    # Rows of train that have an equal of another unit are no near duplicates, as those of a part are none.
    alone = F.col("n0") == 1 if table.unit is None else F.col("least") == F.col("most")
    others = (F.col("contents") > 1) & F.col("units")
    within = in_train.where((F.col("n0") > 0) & alone & others)
    sides, found_rows = _sides(table, torn, within)
    with_equal, _ = _sides(table, in_train, in_train.where((F.col("n0") > 0) & (~alone | others)))
    hits = torn.select(CONTENT, F.lit(False).alias(HIT_LEFT), F.lit(True).alias(HIT_RIGHT)).unionByName(
        within.select(CONTENT, F.lit(True).alias(HIT_LEFT), F.lit(False).alias(HIT_RIGHT))
    )
    ends = placed.select(NODE, CONTENT, *[f"n{part}" for part in numbers])
    pairs = {part: _pairs(found.pairs, ends, part) for part in numbers if part}
    return Searched(found_rows, torn, hits, sides, with_equal, pairs)


def _sides(table: AuditTable, torn: DataFrame, within: DataFrame) -> tuple[dict[int, list[Hits]], dict[int, int]]:
    """Return the hits of each part and within train, and how many rows of each part are hits; clusters hit together."""
    from sparring.engine import functions as F

    counts = list(table.counts.values())

    def hits(rows: DataFrame, part: int) -> Hits:
        by_cluster = rows.groupBy(CLUSTER).agg(F.sum(f"n{part}").cast("double").alias("hits"))
        line = by_cluster.agg(F.sum("hits").alias("hits"), F.sum(F.col("hits") ** 2).alias("squares")).collect()[0]
        return Hits(float(counts[part]), float(line["hits"] or 0), float(line["squares"] or 0))

    parts = {part: hits(torn, part) for part in range(1, len(counts))}
    train = hits(within, 0)
    return {part: [found, train] for part, found in parts.items()}, {part: int(h.hits) for part, h in parts.items()}


def _across(train: str, part: str, other: str) -> Column:
    """Return whether one end of a pair is in train, the other in a part and not in train, by their rows."""
    from sparring.engine import functions as F

    return (F.col(train) > 0) & (F.col(part) > 0) & (F.col(other) == 0)


def _pairs(pairs: DataFrame, ends: DataFrame, part: int) -> list[tuple[str, str, float]]:
    """Return some proven pairs of a row of train and one of the part, the most alike first."""
    from sparring.engine import functions as F

    left = ends.select(
        F.col(NODE).alias("src"), F.col(CONTENT).alias("one"), F.col("n0").alias("l0"), F.col(f"n{part}").alias("lp")
    )
    right = ends.select(
        F.col(NODE).alias("dst"), F.col(CONTENT).alias("two"), F.col("n0").alias("r0"), F.col(f"n{part}").alias("rp")
    )
    joined = pairs.join(left, "src").join(right, "dst").where(_across("l0", "rp", "r0") | _across("r0", "lp", "l0"))
    mine = F.when(F.col("l0") > 0, F.col("two")).otherwise(F.col("one")).alias("mine")
    other = F.when(F.col("l0") > 0, F.col("one")).otherwise(F.col("two")).alias("other")
    rows = joined.select(mine, other, "similarity").orderBy(F.desc("similarity"), "mine", "other").limit(3).collect()
    return [(row["mine"], row["other"], row["similarity"]) for row in rows]
