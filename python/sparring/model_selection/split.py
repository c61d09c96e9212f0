"""Train, validation and test: every class in its share, no group in two parts."""

from __future__ import annotations

from typing import Any

from pyspark import keyword_only
from pyspark.ml.base import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasSeed
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.dedup.canonical import canonical_hash
from sparring.errors import ParamError, SplitError
from sparring.model_selection.allocation import allocate_groups, apportion
from sparring.model_selection.cuts import assign_by_quota
from sparring.params import HasGroupCols, HasKeyCols, KeywordParams, check_params, forbid_columns, require_columns

CLASS = "_class"
ALL = "all rows"


class StratifiedSplitter(
    Transformer, KeywordParams, HasKeyCols, HasGroupCols, HasSeed, DefaultParamsReadable[Any], DefaultParamsWritable
):
    """Allot every row to a part; the same rows and seed always give the same answer.

    Without groups, each class is within one row of its share in every part: its rows are taken in the order of
    ``hash64(seed, key)``, shares are rounded by largest remainder.  With groups, a group goes to one part as a
    whole, and class counts come as near their shares as whole groups allow.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    stratifyCols : list of str, default []
        Columns whose joint value is a class; empty: only the parts' sizes matter.
    groupCols : list of str, default []
        Columns whose joint value is a group that stays together.
    partNames : list of str, default ["train", "validation", "test"]
    weights : list of float, default [0.7, 0.1, 0.2]
        Share of each part, > 0, summing to 1.
    splitCol : str, default "split"
        Output: the part's name.
    groupIdCol : str, default "groupId"
        Output: 32 hexadecimal digits of the group; without groups the key's text.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If a class has fewer rows or groups than parts, or a group is larger than the largest part.

    Notes
    -----
    Cost without groups: three passes over class and key, no row shuffle.  With groups: a shuffle of the groups'
    class counts, two passes over the groups, and a join of the groups back to the rows, broadcast when they are
    few; the driver sees distinct class-count vectors only.

    Examples
    --------
    >>> splitter = StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"])
    >>> splitter.transform(rows).groupBy("split", "label").count().show()       # doctest: +SKIP
    """

    stratifyCols: Param[list[str]] = Param(
        Params._dummy(), "stratifyCols", "columns whose joint value is a class", TypeConverters.toListString
    )
    partNames: Param[list[str]] = Param(
        Params._dummy(), "partNames", "names of the parts, distinct", TypeConverters.toListString
    )
    weights: Param[list[float]] = Param(
        Params._dummy(), "weights", "share of each part, > 0, summing to 1", TypeConverters.toListFloat
    )
    splitCol: Param[str] = Param(Params._dummy(), "splitCol", "output: part", TypeConverters.toString)
    groupIdCol: Param[str] = Param(Params._dummy(), "groupIdCol", "output: group", TypeConverters.toString)

    @keyword_only
    def __init__(
        self,
        *,
        keyCols: list[str] | None = None,
        stratifyCols: list[str] | None = None,
        groupCols: list[str] | None = None,
        partNames: list[str] | None = None,
        weights: list[float] | None = None,
        splitCol: str = "split",
        groupIdCol: str = "groupId",
        seed: int = 42,
    ) -> None:
        super().__init__()
        self._setDefault(
            stratifyCols=[],
            groupCols=[],
            partNames=["train", "validation", "test"],
            weights=[0.7, 0.1, 0.2],
            splitCol="split",
            groupIdCol="groupId",
            seed=42,
        )
        self._set_given()

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the two output columns."""
        names = self.getOrDefault("partNames")
        if len(set(names)) != len(names):
            raise ParamError(f"StratifiedSplitter.partNames must be distinct, got {names}", "Rename a part.")
        shares = (
            f"one number > 0 for each of the {len(names)} parts, summing to 1",
            lambda ws: len(ws) == len(names) and min(ws) > 0 and abs(sum(ws) - 1) < 1e-9,
        )
        check_params(self, {"weights": shares})
        if not self.isDefined("keyCols") or not self.getKeyCols():
            raise ParamError(
                "StratifiedSplitter.keyCols must name the columns that identify a row, got none",
                "Set keyCols; sparring.data.key.with_row_key makes a key from the row's content.",
            )
        require_columns(schema, self.getKeyCols(), "StratifiedSplitter.keyCols")
        require_columns(schema, self.getOrDefault("stratifyCols"), "StratifiedSplitter.stratifyCols")
        require_columns(schema, self.getGroups(), "StratifiedSplitter.groupCols")
        outputs = [self.getOrDefault("splitCol"), self.getOrDefault("groupIdCol")]
        forbid_columns(schema, outputs, "StratifiedSplitter")
        return T.StructType([*schema.fields, *(T.StructField(name, T.StringType()) for name in outputs)])

    def getGroups(self) -> list[str]:
        """Return ``groupCols``."""
        return self.getOrDefault("groupCols")

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = self.transformSchema(dataset.schema)
        group = self._key(dataset, self.getGroups() or self.getKeyCols())
        rows = dataset.withColumn(CLASS, self._class()).withColumn(self.getOrDefault("groupIdCol"), group)
        split = self._split_groups(rows) if self.getGroups() else self._split_rows(rows)
        return split.select(*schema.names)

    def _key(self, dataset: DataFrame, columns: list[str]) -> Column:
        """Return one text column as it is, anything else as its hash."""
        if len(columns) == 1 and isinstance(dataset.schema[columns[0]].dataType, T.StringType):
            return F.col(columns[0])
        return canonical_hash(columns, dataset.schema)

    def _class(self) -> Column:
        """Return the class of a row as text that tells null from 'null'."""
        columns = self.getOrDefault("stratifyCols")
        if not columns:
            return F.lit(ALL)
        return F.to_json(F.struct(*[F.col(name).cast("string").alias(name) for name in columns]))

    def _split_rows(self, rows: DataFrame) -> DataFrame:
        sizes = {row[CLASS]: row["count"] for row in rows.groupBy(CLASS).count().collect()}
        self._require_members(sizes, "rows")
        quotas = apportion(sizes, self.getOrDefault("weights"))
        return self._assign(rows, F.col(CLASS), quotas)

    def _split_groups(self, rows: DataFrame) -> DataFrame:
        """Deal groups by signature: the text of their class counts, in the order of the classes."""
        group_id = self.getOrDefault("groupIdCol")
        classes = sorted(row[CLASS] for row in rows.select(CLASS).distinct().collect())
        counts = F.array(*[F.count(F.when(F.col(CLASS) == name, 1)) for name in classes])
        groups = rows.groupBy(group_id).agg(counts.alias("_counts"))
        signed = groups.withColumn("_signature", F.array_join("_counts", ","))
        found = signed.groupBy("_signature").agg(F.count("*").alias("groups"), F.max(group_id).alias("example"))
        members = {row["_signature"]: row for row in found.collect()}
        vectors = {text: [int(count) for count in text.split(",")] for text in members}
        self._require_members(
            {
                name: sum(members[text]["groups"] for text in members if vectors[text][at] > 0)
                for at, name in enumerate(classes)
            },
            "groups",
        )
        self._require_room(vectors, members)
        quotas = allocate_groups(
            vectors, {text: row["groups"] for text, row in members.items()}, self.getOrDefault("weights")
        )
        self._require_filled(quotas, vectors, classes)
        assigned = self._assign(signed, F.col("_signature"), quotas).select(group_id, self.getOrDefault("splitCol"))
        return rows.join(assigned, group_id)

    def _assign(self, rows: DataFrame, stratum: Column, quotas: dict[str, list[int]]) -> DataFrame:
        return assign_by_quota(
            rows,
            stratum,
            F.col(self.getOrDefault("groupIdCol")),
            quotas,
            self.getOrDefault("partNames"),
            self.getOrDefault("splitCol"),
            self.getOrDefault("seed"),
        )

    def _require_members(self, sizes: dict[str, int], unit: str) -> None:
        names = self.getOrDefault("partNames")
        if not sizes:
            raise SplitError("The table to split has no rows", "Check what earlier stages removed.")
        small = {name: size for name, size in sizes.items() if size < len(names)}
        if small:
            shown = "; ".join(f"{name}: {size} {unit}" for name, size in sorted(small.items()))
            raise SplitError(
                f"StratifiedSplitter.stratifyCols: a class needs at least {len(names)} {unit}, one for each of "
                f"{', '.join(names)}; too small: {shown}",
                "Join rare classes, split into fewer parts, or leave stratifyCols empty.",
            )

    def _require_room(self, vectors: dict[str, list[int]], members: dict[str, Any]) -> None:
        total = sum(members[text]["groups"] * sum(vectors[text]) for text in members)
        largest = max(vectors, key=lambda text: (sum(vectors[text]), text))
        rows, room = sum(vectors[largest]), max(self.getOrDefault("weights")) * total
        if rows > room:
            raise SplitError(
                f"StratifiedSplitter.groupCols: group {members[largest]['example']} of "
                f"{', '.join(self.getGroups())} has {rows:,} of {total:,} rows, the largest part is to have "
                f"{room:,.0f}",
                "Use a finer group, or give that group to one part yourself.",
            )

    def _require_filled(self, quotas: dict[str, list[int]], vectors: dict[str, list[int]], classes: list[str]) -> None:
        for at, part in enumerate(self.getOrDefault("partNames")):
            for position, name in enumerate(classes):
                if sum(quotas[text][at] * vectors[text][position] for text in quotas) == 0:
                    raise SplitError(
                        f"StratifiedSplitter: with whole groups, {part} would get no row of class {name}",
                        "Use a finer group, a larger share, or fewer parts.",
                    )
