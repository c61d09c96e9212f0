"""What deduplication found: the funnel, the sizes of the clusters, the biggest of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from sparring.engine import functions as F
from sparring.spark.reserved import named

BIGGEST = 10


@dataclass(frozen=True)
class DuplicateReport:
    """What deduplication found.

    Attributes
    ----------
    rows : int
        Rows in.
    clusters : int
        Sets of two or more duplicates.
    duplicates_removed : int
        Rows that are no survivors.
    removed_by_conflict : int
        Of these, rows of clusters dropped whole because their labels differ.
    conflicting, conflicting_rows : int
        Clusters, and their rows, that hold more than one label.
    largest_cluster : int
        Rows of the largest cluster.
    sizes : dict of str to int
        Cluster size, in powers of two such as ``"4-7"``, -> clusters.
    biggest : list of dict
        The ten biggest clusters: ``clusterId`` and ``rows``.
    funnel : dict of str to int
        Near duplicates only: step of the search -> how many were left.
    samples : list of dict
        Near duplicates only: some pairs, keys and similarity, from just above the threshold upwards.
    """

    rows: int
    clusters: int
    duplicates_removed: int
    removed_by_conflict: int
    conflicting: int
    conflicting_rows: int
    largest_cluster: int
    sizes: dict[str, int]
    biggest: list[dict[str, Any]]
    funnel: dict[str, int] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def count_duplicates(marked: DataFrame, cluster: str, survivor: str, label: str | None) -> DuplicateReport:
    """Count what a deduplicator marked.

    Parameters
    ----------
    marked : DataFrame
        Best after it was written: it is read twice.
    cluster, survivor : str
        The deduplicator's output columns.
    label : str or None
        Label whose differences within a cluster are conflicts.

    Notes
    -----
    Cost: two passes over three columns and a shuffle of cluster counts.
    """
    found = named(label) if label else F.lit(0)
    clusters = marked.groupBy(named(cluster).alias("cluster")).agg(
        F.count("*").alias("rows"),
        F.sum(named(survivor).cast("long")).alias("survivors"),
        (F.min(found) < F.max(found)).alias("conflict"),
    )
    # The number of binary digits: logarithms of floats are off by one at powers of two.
    exponent = F.length(F.bin("rows")) - 1
    kinds = clusters.groupBy(exponent.alias("exponent"), F.coalesce("conflict", F.lit(False)).alias("conflict")).agg(
        F.count("*").alias("clusters"),
        F.sum("rows").alias("rows"),
        F.sum("survivors").alias("survivors"),
        F.sum(F.when(F.col("survivors") == 0, F.col("rows")).otherwise(0)).alias("dropped"),
    )
    biggest = clusters.where(F.col("rows") > 1).orderBy(F.desc("rows"), "cluster").limit(BIGGEST).collect()
    return _summary(kinds.collect(), [{"clusterId": row["cluster"], "rows": row["rows"]} for row in biggest])


def _summary(kinds: list[Any], biggest: list[dict[str, Any]]) -> DuplicateReport:
    multiple = [row for row in kinds if row["exponent"] > 0]
    conflicts = [row for row in multiple if row["conflict"]]
    sizes: dict[str, int] = {}
    for row in sorted(multiple, key=lambda row: row["exponent"]):
        low, high = 2 ** row["exponent"], 2 ** (row["exponent"] + 1) - 1
        sizes[f"{low}-{high}"] = sizes.get(f"{low}-{high}", 0) + row["clusters"]
    return DuplicateReport(
        rows=sum(row["rows"] for row in kinds),
        clusters=sum(row["clusters"] for row in multiple),
        duplicates_removed=sum(row["rows"] - row["survivors"] for row in kinds),
        removed_by_conflict=sum(row["dropped"] for row in kinds),
        conflicting=sum(row["clusters"] for row in conflicts),
        conflicting_rows=sum(row["rows"] for row in conflicts),
        largest_cluster=max((cluster["rows"] for cluster in biggest), default=1),
        sizes=sizes,
        biggest=biggest,
    )
