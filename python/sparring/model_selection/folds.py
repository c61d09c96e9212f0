"""Folds as a column: every row is tested in one of them, whole groups together, classes in their shares.

The column is what ``CrossValidator(foldCol=..., numFolds=...)`` takes; ``as_sklearn()`` gives scikit-learn the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.model_selection.assign import Quotas, SplitPlan, assign_rows, require_members
from sparring.model_selection.incremental import IncrementalSplitter
from sparring.model_selection.multilabel import stratify_label_sets
from sparring.model_selection.stage import (
    KEYED,
    UNIT,
    HasFoldCol,
    HashSplitter,
    HasLabels,
    HasNumFolds,
    HasRepeats,
    HasStrata,
    HasStrict,
    fold_roles,
)
from sparring.model_selection.strata import CLASS, EVERYTHING, label_set, labels_of
from sparring.params import checked_schema, require_columns
from sparring.spark.reserved import named, quoted


class Folds(HasFoldCol, HasNumFolds, HashSplitter, HasStrict):
    """Base of fold makers with a number of folds, in equal shares."""

    def plan(self) -> SplitPlan:
        """Return the folds, in equal shares."""
        folds = self.getOrDefault("numFolds")
        names, weights = [str(fold) for fold in range(folds)], [1 / folds] * folds
        output, seed, strict = (self.getOrDefault(name) for name in ("foldCol", "seed", "strict"))
        return SplitPlan(type(self).__name__, names, weights, output, seed, strict)

    def fold_count(self, assigned: Any) -> int:
        """Return ``numFolds``."""
        return int(self.getOrDefault("numFolds"))


class KFold(Folds, IncrementalSplitter):
    """Folds of equal size, within one row, each row's decided by ``hash64(seed, key)``.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    numFolds : int, default 5
        >= 2.
    foldCol : str, default "fold"
        Output: int, 0 to ``numFolds`` - 1.
    strict : bool, default True
        No effect here but on an empty table.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If there are fewer rows than folds.

    Notes
    -----
    Cost: two passes over the keys, no row shuffle.

    Examples
    --------
    >>> folded = KFold(keyCols=["id"], numFolds=5).transform(rows)              # doctest: +SKIP
    >>> CrossValidator(foldCol="fold", numFolds=5, ...).fit(folded)             # doctest: +SKIP
    """


class StratifiedKFold(Folds, IncrementalSplitter, HasStrata):
    """Folds in which every class is within one row of its share, and so is the size.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    stratifyCols : list of str, default []
        Columns whose joint value is a class.
    quantileCols : list of str, default []
        Numeric columns whose quantile bin enters the class: the label of a regression.  One of the two is needed.
    numBins : int, default 10
    numFolds : int, default 5
    foldCol : str, default "fold"
        Output: int, 0 to ``numFolds`` - 1.
    strict : bool, default True
        Refuse classes with fewer rows than folds; False: some folds go without.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If ``strict`` and a class has fewer rows than folds, or in any case if all have.

    Notes
    -----
    Cost: two passes over class and key and one to write, no row shuffle; ``quantileCols`` three passes or more each.

    Examples
    --------
    >>> folded = StratifiedKFold(keyCols=["id"], stratifyCols=["label"]).transform(rows)    # doctest: +SKIP
    """

    needs = (
        KEYED,
        ("stratifyCols", "quantileCols"),
    )


class MultilabelStratifiedKFold(Folds, IncrementalSplitter, HasLabels):
    """Folds for rows with several labels each: label sets within one row of their shares, labels as near as can be.

    Iterative stratification (Sechidis and others, 2011) on distinct label sets, see
    :func:`~sparring.model_selection.multilabel.stratify_label_sets`.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    labelCols : list of str
        A numeric or boolean column for each label, null and 0 meaning absent; or one column of arrays of labels.
    numFolds : int, default 5
    foldCol : str, default "fold"
        Output: int, 0 to ``numFolds`` - 1.
    strict : bool, default True
        Refuse labels with fewer rows than folds.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If ``strict`` and a label has fewer rows than folds.

    Notes
    -----
    Cost: two passes over labels and key, no row shuffle.  The driver sees distinct label sets.

    Examples
    --------
    >>> folds = MultilabelStratifiedKFold(keyCols=["id"], labelCols=["drama", "comedy"])
    >>> folded = folds.transform(films)                                         # doctest: +SKIP
    """

    needs = (
        KEYED,
        ("labelCols",),
    )

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the output column."""
        labels, owner = self.columns_in("labelCols"), f"{type(self).__name__}.labelCols"
        require_columns(schema, labels, owner)
        if not (len(labels) == 1 and isinstance(schema[labels[0]].dataType, T.ArrayType)):
            require_columns(schema, labels, owner, (T.NumericType, T.BooleanType))
        return super().transformSchema(schema)

    def with_class(self, rows: DataFrame) -> DataFrame:
        """Return ``rows`` with the label set of each."""
        return rows.withColumn(CLASS, label_set(self.columns_in("labelCols"), rows.schema))

    def _assign_rows(self, rows: DataFrame) -> DataFrame:
        plan = self.plan()

        def quotas_of(sizes: Mapping[str, int], weights: Sequence[float]) -> Quotas:
            label_sets = {text: labels_of(text) for text in sizes}
            labels = {label for found in label_sets.values() for label in found}
            rows_with = {
                label: sum(sizes[text] for text, found in label_sets.items() if label in found) for label in labels
            }
            total = sum(sizes.values())
            require_members(plan, rows_with or {EVERYTHING: total}, "rows", total)
            return stratify_label_sets(label_sets, sizes, weights)

        return assign_rows(rows, UNIT, replace(plan, strict=False), quotas_of)


class RepeatedStratifiedKFold(Folds, HasStrata, HasRepeats):
    """Stratified folds, several times over, each time others: one column a repeat.

    Every column serves a ``CrossValidator`` of its own; to scikit-learn all are one sequence of pairs.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    stratifyCols, quantileCols : list of str, default []
        What a class is; one of the two is needed.
    numBins : int, default 10
    numFolds : int, default 5
    numRepeats : int, default 10
        >= 1.
    foldCol : str, default "fold"
        Output: int columns ``fold0``, ``fold1`` and so on; each is what :class:`StratifiedKFold` gives with the
        seed of that repeat, ``seed`` + its number.
    strict : bool, default True
        Refuse classes with fewer rows than folds.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If ``strict`` and a class has fewer rows than folds.

    Notes
    -----
    Cost: two passes over class and key a repeat, no row shuffle.

    Examples
    --------
    >>> folds = RepeatedStratifiedKFold(keyCols=["id"], stratifyCols=["label"], numRepeats=3)
    >>> folds.transform(rows).select("fold0", "fold1", "fold2").show()          # doctest: +SKIP
    """

    needs = (
        KEYED,
        ("stratifyCols", "quantileCols"),
    )

    def outputs(self) -> list[T.StructField]:
        """Return a fold for each repeat."""
        return [T.StructField(name, T.IntegerType()) for name in self._fold_cols()]

    def roles(self, column: Callable[[str], Any], folds: int) -> Iterator[tuple[Any, Any]]:
        """Return the roles of every repeat, one after the other."""
        for name in self._fold_cols():
            yield from fold_roles(column(name), self.getOrDefault("numFolds"))

    def fold_count(self, assigned: Any) -> int:
        """Return ``numFolds`` times ``numRepeats``."""
        return int(self.getOrDefault("numFolds") * self.getOrDefault("numRepeats"))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        rows = self.with_class(self.with_unit(dataset))
        for repeat, name in enumerate(self._fold_cols()):
            plan = replace(self.plan(), output=name, seed=self.getSeed() + repeat)
            rows = assign_rows(rows, UNIT, plan).withColumn(name, named(name).cast("int"))
        return rows.select(*[quoted(name) for name in schema.names])

    def _fold_cols(self) -> list[str]:
        return [f"{self.getOrDefault('foldCol')}{repeat}" for repeat in range(self.getOrDefault("numRepeats"))]
