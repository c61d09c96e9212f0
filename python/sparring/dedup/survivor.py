"""Which row of a cluster survives, and what becomes of a cluster whose labels differ."""

from __future__ import annotations

from typing import Any, ClassVar

from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from sparring.data.canonical import canonical_hash
from sparring.dedup.report import DuplicateReport, count_duplicates
from sparring.engine import functions as F
from sparring.engine.window import Window
from sparring.params import HasKeyCols, KeywordParams, check_params, forbid_columns, one_of, require_columns, text_param
from sparring.spark.reserved import named, quoted

POLICIES = ("first", "latest", "most_complete")


class SurvivorParams(KeywordParams, HasKeyCols):
    """Params of all deduplicators: who survives, conflicts, output columns."""

    defaults: ClassVar[dict[str, Any]] = {
        "keyCols": [],
        "survivor": "first",
        "conflicts": "keep",
        "clusterCol": "clusterId",
        "survivorCol": "isSurvivor",
    }
    survivor = text_param("survivor", "first, latest, most_complete or max:COL")
    timeCol = text_param("timeCol", "time of a row, for latest")
    labelCol = text_param("labelCol", "label, for conflicts")
    conflicts = text_param("conflicts", "clusters with several labels: keep, drop or majority")
    clusterCol = text_param("clusterCol", "output: id that duplicates share")
    survivorCol = text_param("survivorCol", "output: whether the row survives")

    def _with_marks(self, schema: T.StructType) -> T.StructType:
        """Check these Params and columns; return the schema with the two output columns."""
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
        owner = type(self).__name__
        require_columns(schema, self.getKeyCols(), f"{owner}.keyCols")
        for name in ("timeCol", "labelCol"):
            if self.isDefined(name):
                require_columns(schema, [self.getOrDefault(name)], f"{owner}.{name}")
        by_column = self.getOrDefault("survivor").partition(":")[2]
        require_columns(schema, [by_column] if by_column else [], f"{owner}.survivor")
        outputs = (self.getOrDefault("clusterCol"), self.getOrDefault("survivorCol"))
        forbid_columns(schema, outputs, owner)
        marks = [T.StructField(outputs[0], T.StringType(), False), T.StructField(outputs[1], T.BooleanType(), False)]
        return T.StructType([*schema.fields, *marks])

    def _mark_survivors(self, clustered: DataFrame, dataset: DataFrame) -> DataFrame:
        """Return ``clustered``, which is ``dataset`` with its clusters, with the survivors marked.

        Cost: one shuffle of the rows by cluster, a sort within partitions.
        """
        cluster, survivor = self.getOrDefault("clusterCol"), self.getOrDefault("survivorCol")
        # One shuffle serves every window below; left to itself Spark would make another one by cluster and label.
        rows = clustered.repartition(named(cluster))
        within = Window.partitionBy(named(cluster))
        first = F.row_number().over(within.orderBy(*self._majority(cluster), *self._order(dataset))) == 1
        if self.getOrDefault("conflicts") == "drop":
            label = named(self.getOrDefault("labelCol"))
            first = first & F.coalesce(F.min(label).over(within) == F.max(label).over(within), F.lit(True))
        return rows.withColumn(survivor, first).select(
            *[quoted(name) for name in [*dataset.columns, cluster, survivor]]
        )

    def _majority(self, cluster: str) -> list[Column]:
        if self.getOrDefault("conflicts") != "majority":
            return []
        label = named(self.getOrDefault("labelCol"))
        return [F.count(label).over(Window.partitionBy(named(cluster), label)).desc()]

    def _order(self, dataset: DataFrame) -> list[Column]:
        """Return what decides who survives, the last criterion settling every tie that can be seen."""
        policy = self.getOrDefault("survivor")
        last = [named(name).asc() for name in self.getKeyCols()] or [
            canonical_hash(dataset.columns, dataset.schema).asc()
        ]
        if policy == "latest":
            return [named(self.getOrDefault("timeCol")).desc_nulls_last(), *last]
        if policy == "most_complete":
            nulls = sum((named(name).isNull().cast("int") for name in dataset.columns), F.lit(0))
            return [nulls.asc(), *last]
        if policy.startswith("max:"):
            return [named(policy.partition(":")[2]).desc_nulls_last(), *last]
        return last

    def report(self, marked: DataFrame) -> DuplicateReport:
        """Count what ``transform`` marked.

        Parameters
        ----------
        marked : DataFrame
            The output of ``transform``, best after it was written: it is read twice.

        Notes
        -----
        Cost: two passes over three columns and a shuffle of cluster counts.
        """
        label: Any = self.getOrDefault("labelCol") if self.isDefined("labelCol") else None
        return count_duplicates(marked, self.getOrDefault("clusterCol"), self.getOrDefault("survivorCol"), label)
