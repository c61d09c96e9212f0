"""Exact duplicates: rows whose chosen columns are equal, in one shuffle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pyspark import keyword_only
from pyspark.ml.base import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.dedup.canonical import canonical_hash
from sparring.params import HasKeyCols, KeywordParams, check_params, forbid_columns, one_of, require_columns

POLICIES = ("first", "latest", "most_complete")
BIGGEST = 10


@dataclass(frozen=True)
class DuplicateReport:
    """What deduplication found.

    Attributes
    ----------
    rows : int
        Rows in.
    clusters : int
        Sets of two or more equal rows.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


class Deduplicator(Transformer, KeywordParams, HasKeyCols, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Mark which rows are copies of others, and which one of each cluster survives.

    All rows stay; keep the survivors with ``where("isSurvivor")``.

    Parameters
    ----------
    inputCols : list of str, default []
        Columns that make two rows equal; empty means all.
    keyCols : list of str, default []
        Break the last tie between rows of a cluster; without them rows equal in every column are alike anyway.
    survivor : str, default "first"
        ``first`` by key; ``latest`` by ``timeCol``; ``most_complete``, fewest nulls over all columns; ``max:COL``,
        the largest value of ``COL``.
    timeCol : str, optional
        For ``latest``.
    labelCol : str, optional
        For ``conflicts``.
    conflicts : {"keep", "drop", "majority"}, default "keep"
        A cluster with more than one label: its survivor stays; no row stays; the survivor is one of the
        commonest label, a tie being settled by ``survivor``.
    normalizeUnicode : bool, default False
        Compare text after Unicode normalisation form C.
    clusterCol, survivorCol : str, default "clusterId", "isSurvivor"
        Output: 32 hexadecimal digits that equal rows share, and a boolean.

    Raises
    ------
    ParamError, SchemaError
        Before any job.

    Notes
    -----
    Cost of ``transform``: one shuffle of the rows by hash, a sort within partitions, O(rows log rows); a row with
    a million copies is one sorted run that spills, no pair of copies is ever compared.

    Examples
    --------
    >>> marked = Deduplicator(inputCols=["name", "city"], keyCols=["id"]).transform(people)   # doctest: +SKIP
    >>> unique = marked.where("isSurvivor")                                                   # doctest: +SKIP
    """

    inputCols: Param[list[str]] = Param(
        Params._dummy(),
        "inputCols",
        "columns that make two rows equal; empty = all",
        TypeConverters.toListString,
    )
    survivor: Param[str] = Param(
        Params._dummy(), "survivor", "first, latest, most_complete or max:COL", TypeConverters.toString
    )
    timeCol: Param[str] = Param(Params._dummy(), "timeCol", "time of a row, for latest", TypeConverters.toString)
    labelCol: Param[str] = Param(Params._dummy(), "labelCol", "label, for conflicts", TypeConverters.toString)
    conflicts: Param[str] = Param(
        Params._dummy(),
        "conflicts",
        "clusters with several labels: keep, drop or majority",
        TypeConverters.toString,
    )
    normalizeUnicode: Param[bool] = Param(
        Params._dummy(), "normalizeUnicode", "compare text after Unicode NFC", TypeConverters.toBoolean
    )
    clusterCol: Param[str] = Param(
        Params._dummy(), "clusterCol", "output: id that equal rows share", TypeConverters.toString
    )
    survivorCol: Param[str] = Param(
        Params._dummy(), "survivorCol", "output: whether the row survives", TypeConverters.toString
    )

    @keyword_only
    def __init__(
        self,
        *,
        inputCols: list[str] | None = None,
        keyCols: list[str] | None = None,
        survivor: str = "first",
        timeCol: str | None = None,
        labelCol: str | None = None,
        conflicts: str = "keep",
        normalizeUnicode: bool = False,
        clusterCol: str = "clusterId",
        survivorCol: str = "isSurvivor",
    ) -> None:
        super().__init__()
        self._setDefault(
            inputCols=[],
            keyCols=[],
            survivor="first",
            conflicts="keep",
            normalizeUnicode=False,
            clusterCol="clusterId",
            survivorCol="isSurvivor",
        )
        self._set_given()

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the two output columns."""
        policy = (
            "first, latest, most_complete or max:COL",
            lambda text: text in POLICIES or text[:4] == "max:",
        )
        needs_time = ("first, most_complete or max:COL unless timeCol is set", lambda text: text != "latest")
        needs_label = ("keep unless labelCol is set", lambda text: text == "keep")
        check_params(self, {"survivor": policy, "conflicts": one_of("keep", "drop", "majority")})
        if not self.isDefined("timeCol"):
            check_params(self, {"survivor": needs_time})
        if not self.isDefined("labelCol"):
            check_params(self, {"conflicts": needs_label})
        require_columns(schema, self.getOrDefault("inputCols"), "Deduplicator.inputCols")
        require_columns(schema, self.getKeyCols(), "Deduplicator.keyCols")
        for name in ("timeCol", "labelCol"):
            if self.isDefined(name):
                require_columns(schema, [self.getOrDefault(name)], f"Deduplicator.{name}")
        by_column = self.getOrDefault("survivor").partition(":")[2]
        require_columns(schema, [by_column] if by_column else [], "Deduplicator.survivor")
        outputs = (self.getOrDefault("clusterCol"), self.getOrDefault("survivorCol"))
        forbid_columns(schema, outputs, "Deduplicator")
        return T.StructType(
            [
                *schema.fields,
                T.StructField(outputs[0], T.StringType(), False),
                T.StructField(outputs[1], T.BooleanType(), False),
            ]
        )

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = self.transformSchema(dataset.schema)
        columns = self.getOrDefault("inputCols") or dataset.columns
        cluster, survivor = self.getOrDefault("clusterCol"), self.getOrDefault("survivorCol")
        identity = canonical_hash(columns, dataset.schema, self.getOrDefault("normalizeUnicode"))
        # One shuffle serves every window below; left to itself Spark would make another one by cluster and label.
        rows = dataset.withColumn(cluster, identity).repartition(cluster)
        within = Window.partitionBy(cluster)
        first = F.row_number().over(within.orderBy(*self._majority(cluster), *self._order(dataset))) == 1
        if self.getOrDefault("conflicts") == "drop":
            label = F.col(self.getOrDefault("labelCol"))
            first = first & F.coalesce(F.min(label).over(within) == F.max(label).over(within), F.lit(True))
        return rows.withColumn(survivor, first).select(*schema.names)

    def _majority(self, cluster: str) -> list[Column]:
        if self.getOrDefault("conflicts") != "majority":
            return []
        alike = Window.partitionBy(cluster, self.getOrDefault("labelCol"))
        return [F.count(self.getOrDefault("labelCol")).over(alike).desc()]

    def _order(self, dataset: DataFrame) -> list[Column]:
        """Return what decides who survives, the last criterion settling every tie that can be seen."""
        policy = self.getOrDefault("survivor")
        last = [F.col(name).asc() for name in self.getKeyCols()] or [
            canonical_hash(dataset.columns, dataset.schema).asc()
        ]
        if policy == "latest":
            return [F.col(self.getOrDefault("timeCol")).desc_nulls_last(), *last]
        if policy == "most_complete":
            nulls = sum((F.col(f"`{name}`").isNull().cast("int") for name in dataset.columns), F.lit(0))
            return [nulls.asc(), *last]
        if policy.startswith("max:"):
            return [F.col(policy.partition(":")[2]).desc_nulls_last(), *last]
        return last

    def report(self, marked: DataFrame) -> DuplicateReport:
        """Count what :meth:`transform` marked.

        Parameters
        ----------
        marked : DataFrame
            The output of ``transform``, best after it was written: it is read twice.

        Notes
        -----
        Cost: two passes over three columns and a shuffle of cluster counts.
        """
        cluster, survivor = self.getOrDefault("clusterCol"), self.getOrDefault("survivorCol")
        label = F.col(self.getOrDefault("labelCol")) if self.isDefined("labelCol") else F.lit(0)
        clusters = marked.groupBy(cluster).agg(
            F.count("*").alias("rows"),
            F.sum(F.col(survivor).cast("long")).alias("survivors"),
            (F.min(label) < F.max(label)).alias("conflict"),
        )
        # The number of binary digits: logarithms of floats are off by one at powers of two.
        exponent = F.length(F.bin("rows")) - 1
        kinds = clusters.groupBy(
            exponent.alias("exponent"), F.coalesce("conflict", F.lit(False)).alias("conflict")
        ).agg(
            F.count("*").alias("clusters"),
            F.sum("rows").alias("rows"),
            F.sum("survivors").alias("survivors"),
            F.sum(F.when(F.col("survivors") == 0, F.col("rows")).otherwise(0)).alias("dropped"),
        )
        found = kinds.collect()
        biggest = clusters.where("rows > 1").orderBy(F.desc("rows"), cluster).limit(BIGGEST).collect()
        return _summary(found, [{"clusterId": row[cluster], "rows": row["rows"]} for row in biggest])


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
