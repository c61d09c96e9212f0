"""Splits by time: what is tested comes after what trains, with a gap in between where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.errors import ParamError, SplitError
from sparring.model_selection.order import quantile_ranks
from sparring.model_selection.stage import BaseSplitter, HasFoldCol, HasNumFolds, HasParts
from sparring.model_selection.timeline import INTEGERS, TICK, Gap, cut_times, passed, ticks
from sparring.params import checked_schema, text_param, texts_param
from sparring.spark.reserved import named, quoted


class _Timed(BaseSplitter):
    defaults: ClassVar[dict[str, Any]] = {"gap": "0"}
    timeCol = text_param("timeCol", "when a row came to be: timestamp, date or whole number")
    gap = text_param("gap", "between train and test: '7 days', '100 rows', a whole number")
    needs = (("timeCol",),)

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the output columns."""
        declared = super().transformSchema(schema)
        self._gap(schema)
        return declared

    def _gap(self, schema: T.StructType) -> Gap:
        kind = schema[self.getOrDefault("timeCol")].dataType
        return Gap.of(self.getOrDefault("gap"), kind, f"{type(self).__name__}.gap")

    def _timed(self, dataset: DataFrame) -> tuple[DataFrame, DataFrame, int]:
        """Return the rows with their ticks, the ticks that are there, and how many."""
        name = self.getOrDefault("timeCol")
        rows = dataset.withColumn(TICK, ticks(named(name), dataset.schema[name].dataType))
        times = rows.select(TICK).where(F.col(TICK).isNotNull())
        return rows, times, times.count()


class TimeSplitter(HasParts, _Timed):
    """Assign the oldest rows to the first part, later ones to the next, by share of the rows or at given times.

    Rows of one time are never divided: a tie at a cut goes to the later part as a whole.

    Parameters
    ----------
    timeCol : str
        Timestamp, date or whole number.
    partNames : list of str, default ["train", "validation", "test"]
        From old to new.
    weights : list of float, default [0.7, 0.1, 0.2]
        Share of the rows of each part, > 0, summing to 1; not used with ``cutTimes``.
    cutTimes : list of str, default []
        When each part but the first begins, ascending, such as ``["2013-10-01", "2013-11-01 12:00"]``.
    gap : str, default "0"
        The end of each part but the last that is kept out, so that nothing known only later reaches back: a
        duration (``"7 days"``; a whole number if ``timeCol`` is one) or ``"100 rows"``.
    gapName : str, default "gap"
        Part of the rows in a gap.
    undatedName : str, default "undated"
        Part of the rows without a time.
    splitCol : str, default "split"
        Output: the part's name.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If a part would be empty, with what the cuts are.

    Notes
    -----
    Cost: a count and some four passes over the times with ``weights``, none with ``cutTimes`` but the check for empty
    parts; no row shuffle.  Appending is stable with ``cutTimes``: give those of :meth:`cuts`.

    Examples
    --------
    >>> TimeSplitter(timeCol="departure", gap="7 days").transform(flights)      # doctest: +SKIP
    """

    defaults: ClassVar[dict[str, Any]] = {"cutTimes": [], "gapName": "gap", "undatedName": "undated"}
    cutTimes = texts_param("cutTimes", "when each part but the first begins, ascending")
    gapName = text_param("gapName", "part of rows in a gap")
    undatedName = text_param("undatedName", "part of rows without a time")

    def outputs(self) -> list[T.StructField]:
        """Return the part."""
        return [T.StructField(self.getOrDefault("splitCol"), T.StringType())]

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the output column."""
        declared = super().transformSchema(schema)
        names, cuts = self.getOrDefault("partNames"), self.getOrDefault("cutTimes")
        extra = [self.getOrDefault("gapName"), self.getOrDefault("undatedName")]
        if len({*names, *extra}) != len(names) + 2:
            raise ParamError(f"TimeSplitter.gapName and undatedName must be no parts, got {extra}", "Rename them.")
        if cuts and self._gap(schema).rows:
            raise ParamError("TimeSplitter.gap in rows needs weights, got cutTimes", "Give the gap as a duration.")
        if cuts:
            self._given_cuts(schema)
        return declared

    def cuts(self, rows: DataFrame) -> list[str]:
        """Return when each part but the first begins, as ``cutTimes`` takes it.

        Notes
        -----
        Cost: as ``transform``.
        """
        checked_schema(self, rows)
        found, _ = self._cuts(rows)
        if isinstance(rows.schema[self.getOrDefault("timeCol")].dataType, INTEGERS):
            return [str(cut) for cut in found]
        return [f"{pd.Timestamp(cut, unit='us')}Z".replace(" ", "T") for cut in found]

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        cuts, gaps = self._cuts(dataset)
        rows, _, _ = self._timed(dataset)
        part, trains = passed(F.col(TICK), cuts), passed(F.col(TICK), gaps)
        names = F.array(*[F.lit(name) for name in self.getOrDefault("partNames")])
        # In a gap the next part's gap has begun, the part itself has not.
        chosen = F.when(trains > part, self.getOrDefault("gapName")).otherwise(F.get(names, part))
        named = F.when(part.isNull(), self.getOrDefault("undatedName")).otherwise(chosen)
        return rows.withColumn(self.getOrDefault("splitCol"), named).select(*[quoted(name) for name in schema.names])

    def _cuts(self, dataset: DataFrame) -> tuple[list[int], list[int]]:
        _, times, count = self._timed(dataset)
        gap = self._gap(dataset.schema)
        if self.getOrDefault("cutTimes"):
            cuts = self._given_cuts(dataset.schema)
            gaps = [cut - gap.ticks for cut in cuts]
        else:
            ends = quantile_ranks(count, self.getOrDefault("weights"))[:-1]
            starts = [min(end + 1, max(count, 1)) for end in ends]
            cuts, gaps = cut_times(times, starts, gap) if count else ([], [])
        self._require_rows(times, cuts, gaps)
        return cuts, gaps

    def _given_cuts(self, schema: T.StructType) -> list[int]:
        texts, kind = self.getOrDefault("cutTimes"), schema[self.getOrDefault("timeCol")].dataType
        wanted = len(self.getOrDefault("partNames")) - 1
        try:
            cuts = [(int if isinstance(kind, INTEGERS) else _micros)(text) for text in texts]
        except ValueError:
            cuts = []
        if len(cuts) != wanted or sorted(set(cuts)) != cuts:
            raise ParamError(
                f"TimeSplitter.cutTimes must be {wanted} ascending values of {self.getOrDefault('timeCol')} "
                f"({kind.simpleString()}; times without a zone are UTC), got {texts}",
                "Give one for each part but the first.",
            )
        return cuts

    def _require_rows(self, times: DataFrame, cuts: list[int], gaps: list[int]) -> None:
        part, trains = passed(F.col(TICK), cuts), passed(F.col(TICK), gaps)
        found: dict[int, int] = dict(times.where(trains <= part).groupBy(part.alias("part")).count().collect())
        names = self.getOrDefault("partNames")
        empty = [name for at, name in enumerate(names) if not found.get(at)]
        if empty:
            shown = ", ".join(f"{name}: {found.get(at, 0):,}" for at, name in enumerate(names))
            raise SplitError(
                f"TimeSplitter: {', '.join(empty)} would have no rows ({shown}; gap {self.getOrDefault('gap')})",
                "Shorten the gap, or change weights or cutTimes.",
            )


def _micros(text: str) -> int:
    stamp = pd.Timestamp(text)
    return int((stamp.tz_convert("UTC") if stamp.tzinfo else stamp.tz_localize("UTC")).value // 1_000)


class TimeSeriesSplit(HasFoldCol, HasNumFolds, _Timed):
    """Folds that walk forward: each is trained on all that came before it, less the gap.

    The column alone is not for ``CrossValidator``, which would train on the future: rows that are never tested
    have fold -1, and Spark refuses that.  :meth:`pairs` gives the (train, test) tables of each fold,
    ``as_sklearn()`` the index arrays.

    Parameters
    ----------
    timeCol : str
        Timestamp, date or whole number.
    numFolds : int, default 5
        Tested blocks; each has a (``numFolds`` + 1)-th of the rows, the first rows only ever train.
    gap : str, default "0"
        Kept out between train and test: a duration (``"7 days"``; a whole number if ``timeCol`` is one) or
        ``"100 rows"``.
    foldCol : str, default "fold"
        Output: int, the fold that tests the row, -1 for none, null for a row without a time.
    trainFromCol : str, default "trainFrom"
        Output: int, the first fold that trains on the row and so do all later ones; ``numFolds`` for none, null for
        a row without a time.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If a fold would be empty or the first have nothing to train on.

    Notes
    -----
    Cost: a count and some five passes over the times, no row shuffle.  Rows of one time are never divided; where all
    times differ the folds are those of scikit-learn's class of this name.

    Examples
    --------
    >>> series = TimeSeriesSplit(timeCol="departure", numFolds=5, gap="1 day")
    >>> for train, test in series.pairs(series.transform(flights)): ...         # doctest: +SKIP
    """

    defaults: ClassVar[dict[str, Any]] = {"trainFromCol": "trainFrom"}
    trainFromCol = text_param("trainFromCol", "output: int, first fold that trains on the row")

    def outputs(self) -> list[T.StructField]:
        """Return the fold that tests a row and the first that trains on it."""
        return [T.StructField(self.getOrDefault(name), T.IntegerType()) for name in ("foldCol", "trainFromCol")]

    def roles(self, column: Callable[[str], Any], folds: int) -> Iterator[tuple[Any, Any]]:
        """Return, for each fold, the rows from before its gap and its own."""
        fold, trains = column(self.getOrDefault("foldCol")), column(self.getOrDefault("trainFromCol"))
        for number in range(folds):
            yield trains <= number, fold == number

    def fold_count(self, assigned: Any) -> int:
        """Return ``numFolds``."""
        return int(self.getOrDefault("numFolds"))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        folds = self.getOrDefault("numFolds")
        rows, times, count = self._timed(dataset)
        size = count // (folds + 1)
        if size == 0:
            raise SplitError(
                f"TimeSeriesSplit: {folds} folds need at least {folds + 1} rows with a time, got {count}",
                "Use fewer folds.",
            )
        starts = [count - (folds - number) * size + 1 for number in range(folds)]
        cuts, gaps = cut_times(times, starts, self._gap(dataset.schema))
        self._require_rows(times, cuts, gaps)
        tick = F.col(TICK)
        made = rows.withColumn(self.getOrDefault("foldCol"), passed(tick, cuts) - 1)
        made = made.withColumn(self.getOrDefault("trainFromCol"), passed(tick, gaps))
        return made.select(*[quoted(name) for name in schema.names])

    def _require_rows(self, times: DataFrame, cuts: list[int], gaps: list[int]) -> None:
        same = [number for number in range(len(cuts) - 1) if cuts[number] == cuts[number + 1]]
        trained = times.where(F.col(TICK) < min(gaps)).limit(1).count()
        if same or not trained:
            what = f"fold {same[0]} would test no row" if same else "the first fold would train on no row"
            raise SplitError(
                f"TimeSeriesSplit: {what}, with gap {self.getOrDefault('gap')}; rows of one time are not divided",
                "Use fewer folds, a shorter gap or a finer time.",
            )
