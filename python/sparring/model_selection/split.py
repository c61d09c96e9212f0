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
from sparring.errors import ParamError
from sparring.model_selection.allot import CLASS, Allotment, allot_groups, allot_rows, class_of
from sparring.model_selection.groups import with_group_id
from sparring.params import HasGroupCols, HasKeyCols, KeywordParams, check_params, forbid_columns, require_columns


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
        Columns whose joint value is a group that stays together; null is a value like others.
    clusterCol : str, optional
        Column of duplicate clusters, such as the deduplicators make; a cluster stays together too.
    partNames : list of str, default ["train", "validation", "test"]
    weights : list of float, default [0.7, 0.1, 0.2]
        Share of each part, > 0, summing to 1.
    splitCol : str, default "split"
        Output: the part's name.
    groupIdCol : str, default "groupId"
        Output: 32 hexadecimal digits of the unit that stays together (group, cluster, or what both join); without
        groups and clusters the key's text.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If a class has fewer rows or groups than parts, or a group is larger than the largest part.

    Notes
    -----
    Cost without groups: three passes over class and key, no row shuffle.  With groups: two shuffles of the groups'
    class counts, two passes over the groups, and a join of the groups back to the rows, broadcast when they are
    few; the driver sees distinct class-count vectors only.  With groups and clusters the connected components come
    on top, see :func:`~sparring.model_selection.groups.with_group_id`.

    Examples
    --------
    >>> splitter = StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"])
    >>> splitter.transform(rows).groupBy("split", "label").count().show()       # doctest: +SKIP
    """

    stratifyCols: Param[list[str]] = Param(
        Params._dummy(), "stratifyCols", "columns whose joint value is a class", TypeConverters.toListString
    )
    clusterCol: Param[str] = Param(Params._dummy(), "clusterCol", "duplicate cluster", TypeConverters.toString)
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
        clusterCol: str | None = None,
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
        require_columns(schema, self.getGroupCols(), "StratifiedSplitter.groupCols")
        require_columns(schema, self._clusters(), "StratifiedSplitter.clusterCol")
        outputs = [self.getOrDefault("splitCol"), self.getOrDefault("groupIdCol")]
        forbid_columns(schema, outputs, "StratifiedSplitter")
        return T.StructType([*schema.fields, *(T.StructField(name, T.StringType()) for name in outputs)])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = self.transformSchema(dataset.schema)
        group_id, grouped_by = self.getOrDefault("groupIdCol"), [*self.getGroupCols(), *self._clusters()]
        rows = dataset.withColumn(CLASS, class_of(self.getOrDefault("stratifyCols")))
        if grouped_by:
            units = with_group_id(rows, self.getGroupCols(), self._clusters(), group_id)
            split = allot_groups(units, group_id, grouped_by, self._plan())
        else:
            split = allot_rows(rows.withColumn(group_id, self._key(dataset)), group_id, self._plan())
        return split.select(*[f"`{name}`" for name in schema.names])

    def _plan(self) -> Allotment:
        params = [self.getOrDefault(name) for name in ("partNames", "weights", "splitCol", "seed")]
        return Allotment(type(self).__name__, *params)

    def _clusters(self) -> list[str]:
        return [self.getOrDefault("clusterCol")] if self.isDefined("clusterCol") else []

    def _key(self, dataset: DataFrame) -> Column:
        """Return one text column as it is, anything else as its hash."""
        columns = self.getKeyCols()
        if len(columns) == 1 and isinstance(dataset.schema[columns[0]].dataType, T.StringType):
            return F.col(f"`{columns[0]}`")
        return canonical_hash(columns, dataset.schema)
