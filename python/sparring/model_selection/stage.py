"""What splitters and fold makers share: Params, checks before any job, and the way from rows to parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pyspark.ml.base import Transformer
from pyspark.ml.param import Params
from pyspark.ml.param.shared import HasSeed
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from sparring.errors import ParamError
from sparring.model_selection.assign import SplitPlan, assign_groups, assign_rows
from sparring.model_selection.groups import with_group_id
from sparring.model_selection.strata import NUMBERS, with_class
from sparring.model_selection.timeline import TIMES
from sparring.model_selection.values import value_hash
from sparring.one_machine.tables import TransformsTables
from sparring.params import (
    HasGroupCols,
    HasKeyCols,
    KeywordParams,
    at_least,
    bool_param,
    check_params,
    checked_schema,
    floats_param,
    forbid_columns,
    int_param,
    require_columns,
    text_param,
    texts_param,
)
from sparring.spark.reserved import named, quoted

if TYPE_CHECKING:
    from sparring.model_selection.adapter import SklearnFolds

UNIT = "sparring__unit_id"
KEYED = ("keyCols",)
INPUTS = ("keyCols", "stratifyCols", "quantileCols", "labelCols", "groupCols", "clusterCol", "timeCol")
KINDS = {"quantileCols": NUMBERS, "timeCol": TIMES}
RANGES = {"numBins": at_least(2), "numFolds": at_least(2), "numRepeats": at_least(1)}
PURPOSE = {
    "keyCols": "the columns that identify a row",
    "stratifyCols": "what to stratify by",
    "groupCols": "what stays together",
    "labelCols": "the labels",
    "timeCol": "when a row came to be",
}
SET_IT = "Set it; sparring.data.key.with_row_key makes a key from a row's content."


class HasStrict(Params):
    """Mixin for ``strict``."""

    defaults: ClassVar[dict[str, Any]] = {"strict": True}
    strict = bool_param(
        "strict", "refuse classes smaller than the number of parts, parts without a class, groups larger than a part"
    )


class HasStrata(Params):
    """Mixin for ``stratifyCols``, ``quantileCols`` and ``numBins``: what a class is."""

    defaults: ClassVar[dict[str, Any]] = {"stratifyCols": [], "quantileCols": [], "numBins": 10}
    stratifyCols = texts_param("stratifyCols", "columns whose joint value is a class")
    quantileCols = texts_param("quantileCols", "numeric columns whose quantile bin is a class")
    numBins = int_param("numBins", "quantile bins, >= 2")


class HasUnits(HasGroupCols):
    """Mixin for ``groupCols`` and ``clusterCol``: what stays together."""

    defaults: ClassVar[dict[str, Any]] = {"groupCols": []}
    clusterCol = text_param("clusterCol", "duplicate cluster")


class HasParts(Params):
    """Mixin for ``partNames``, ``weights`` and ``splitCol``: the parts of a split."""

    defaults: ClassVar[dict[str, Any]] = {
        "partNames": ["train", "validation", "test"],
        "weights": [0.7, 0.1, 0.2],
        "splitCol": "split",
    }
    partNames = texts_param("partNames", "names of the parts, distinct")
    weights = floats_param("weights", "share of each part, > 0, summing to 1")
    splitCol = text_param("splitCol", "output: part")

    def roles(self, column: Callable[[str], Any], folds: int) -> Iterator[tuple[Any, Any]]:
        """Return the first part to train, the second to be tested; later parts are kept out."""
        part = column(self.getOrDefault("splitCol"))
        first, second = self.getOrDefault("partNames")[:2]
        yield part == first, part == second

    def fold_count(self, assigned: Any) -> int:
        """Return 1: the first part trains, the second is tested, as one fold."""
        return 1

    def _check(self) -> None:
        names = self.getOrDefault("partNames")
        if len(set(names)) != len(names) or len(names) < 2:
            raise ParamError(
                f"{type(self).__name__}.partNames must be two or more, distinct, got {names}", "Name the parts."
            )
        shares = (
            f"one number > 0 for each of the {len(names)} parts, summing to 1",
            lambda ws: len(ws) == len(names) and min(ws) > 0 and abs(sum(ws) - 1) < 1e-9,
        )
        check_params(self, {"weights": shares})


class HasFoldCol(Params):
    """Mixin for ``foldCol``, named as pyspark.ml's ``CrossValidator`` names it."""

    defaults: ClassVar[dict[str, Any]] = {"foldCol": "fold"}
    foldCol = text_param("foldCol", "output: int, the fold in which the row is tested")

    def outputs(self) -> list[T.StructField]:
        """Return the fold."""
        return [T.StructField(self.getOrDefault("foldCol"), T.IntegerType())]

    def roles(self, column: Callable[[str], Any], folds: int) -> Iterator[tuple[Any, Any]]:
        """Return, for each fold, the rows of the others and its own; rows in quarantine (-1) are in none."""
        yield from fold_roles(column(self.getOrDefault("foldCol")), folds)


def fold_roles(fold: Any, folds: int) -> Iterator[tuple[Any, Any]]:
    """Return, for each fold, which rows train and which are tested."""
    for number in range(folds):
        yield (fold != number) & (fold >= 0), fold == number


class HasNumFolds(Params):
    """Mixin for ``numFolds``."""

    defaults: ClassVar[dict[str, Any]] = {"numFolds": 5}
    numFolds = int_param("numFolds", "number of folds, >= 2")


class HasLabels(Params):
    """Mixin for ``labelCols``: rows with several labels each."""

    defaults: ClassVar[dict[str, Any]] = {"labelCols": []}
    labelCols = texts_param("labelCols", "a column for each label, or one of arrays of labels")


class HasRepeats(Params):
    """Mixin for ``numRepeats``."""

    defaults: ClassVar[dict[str, Any]] = {"numRepeats": 10}
    numRepeats = int_param("numRepeats", "number of repeats, >= 1")


class BaseSplitter(TransformsTables, Transformer, KeywordParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Base of every stage that gives each row a part, or a fold."""

    # Params that must be set for the stage to be what its name says: any one of each tuple.
    needs: tuple[tuple[str, ...], ...] = (KEYED,)
    # Params that name the columns it reads.
    inputs: tuple[str, ...] = INPUTS

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the output columns."""
        owner = type(self).__name__
        self._check()
        for names in self.needs:
            if not any(self.columns_in(name) for name in names):
                raise ParamError(f"{owner}.{' or '.join(names)} must name {PURPOSE[names[0]]}, got none", SET_IT)
        for name in self.inputs:
            require_columns(schema, self.columns_in(name), f"{owner}.{name}", KINDS.get(name))
        outputs = self.outputs()
        forbid_columns(schema, [field.name for field in outputs], owner)
        return T.StructType([*schema.fields, *outputs])

    def columns_in(self, name: str) -> list[str]:
        """Return the columns that a Param names; none if the stage has no such Param or it is not set."""
        if not self.hasParam(name) or not self.isDefined(name):
            return []
        value = self.getOrDefault(name)
        return value if isinstance(value, list) else [value]

    def pairs(self, assigned: DataFrame) -> Iterator[tuple[DataFrame, DataFrame]]:
        """Return the (train, test) tables of a table that this stage has transformed, one pair a fold."""
        for train, test in self.roles(lambda name: named(name), self.fold_count(assigned)):
            yield assigned.where(train), assigned.where(test)

    def as_sklearn(self) -> SklearnFolds:
        """Return what scikit-learn takes as ``cv=``; see :class:`~sparring.model_selection.SklearnFolds`."""
        from sparring.model_selection.adapter import SklearnFolds

        return SklearnFolds(self)

    @abstractmethod
    def outputs(self) -> list[T.StructField]:
        """Return the columns that the stage adds."""

    @abstractmethod
    def roles(self, column: Callable[[str], Any], folds: int) -> Iterator[tuple[Any, Any]]:
        """Return for each fold which rows train and which are tested.

        ``column`` gives an output column by name, of Spark or of pandas; so are the conditions that are returned.
        """

    @abstractmethod
    def fold_count(self, assigned: Any) -> int:
        """Return how many folds a transformed table, of Spark or of pandas, has."""

    def _check(self) -> None:
        check_params(self, {name: check for name, check in RANGES.items() if self.hasParam(name)})


class HashSplitter(BaseSplitter, HasKeyCols, HasSeed):
    """Base of those that go by the hash of a row's key, or of its group's id."""

    defaults: ClassVar[dict[str, Any]] = {"seed": 42}

    @abstractmethod
    def plan(self) -> SplitPlan:
        """Return parts, shares and the output column."""

    @property
    def grouped_by(self) -> list[str]:
        """The columns of groups and clusters."""
        return [*self.columns_in("groupCols"), *self.columns_in("clusterCol")]

    def with_unit(self, dataset: DataFrame) -> DataFrame:
        """Return ``dataset`` with the id of what stays together: a group, or else the row."""
        if self.grouped_by:
            return with_group_id(dataset, self.columns_in("groupCols"), self.columns_in("clusterCol"), UNIT)
        return dataset.withColumn(UNIT, self.key(dataset))

    def with_class(self, rows: DataFrame) -> DataFrame:
        """Return ``rows`` with the class of each."""
        bins = self.getOrDefault("numBins") if self.hasParam("numBins") else 0
        return with_class(rows, self.columns_in("stratifyCols"), self.columns_in("quantileCols"), bins)

    def key(self, dataset: DataFrame) -> Column:
        """Return one text column as it is, anything else as its hash."""
        columns = self.getKeyCols()
        if len(columns) == 1 and isinstance(dataset.schema[columns[0]].dataType, T.StringType):
            return named(columns[0])
        return value_hash(columns, dataset.schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        rows = self.with_class(self.with_unit(dataset))
        assigned = self._assign_groups(rows) if self.grouped_by else self._assign_rows(rows)
        return self.as_declared(assigned, schema)

    def as_declared(self, assigned: DataFrame, schema: T.StructType) -> DataFrame:
        """Return the columns of ``schema``, in its types."""
        if self.hasParam("groupIdCol"):
            assigned = assigned.withColumnRenamed(UNIT, self.getOrDefault("groupIdCol"))
        output = self.plan().output
        kind = schema[output].dataType
        return assigned.withColumn(output, named(output).cast(kind)).select(*[quoted(name) for name in schema.names])

    def _assign_rows(self, rows: DataFrame) -> DataFrame:
        return assign_rows(rows, UNIT, self.plan())

    def _assign_groups(self, rows: DataFrame) -> DataFrame:
        return assign_groups(rows, UNIT, self.grouped_by, self.plan())
