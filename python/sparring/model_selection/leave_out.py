"""One fold a row, or a group."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

from sparring.engine import functions as F
from sparring.errors import SplitError
from sparring.model_selection.assign import SplitPlan
from sparring.model_selection.order import with_rank
from sparring.model_selection.stage import KEYED, UNIT, HasFoldCol, HashSplitter, HasUnits
from sparring.spark.reserved import quoted


class _LeaveOut(HasFoldCol, HashSplitter):
    def fold_count(self, assigned: Any) -> int:
        """Return the largest fold and one; a pass over the folds if the table is Spark's."""
        name = self.getOrDefault("foldCol")
        if isinstance(assigned, DataFrame):
            return int(assigned.agg(F.max(quoted(name))).collect()[0][0]) + 1
        return int(assigned[name].max()) + 1

    def plan(self) -> SplitPlan:
        """Return no parts, as there is one a unit."""
        return SplitPlan(type(self).__name__, [], [], self.getOrDefault("foldCol"), self.getSeed())

    def _numbered(self, units: DataFrame, what: str) -> DataFrame:
        """Return ``units`` with the number of each."""
        few = units.limit(2).count()
        if few < 2:
            raise SplitError(f"{type(self).__name__}: there must be 2 {what} at least, got {few}", "Check the table.")
        return with_rank(units, UNIT, self.getOrDefault("foldCol"), self.getSeed())


class LeaveOneOut(_LeaveOut):
    """A fold for each row, numbered in the order of ``hash64(seed, key)``: for tables of some hundred rows.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    foldCol : str, default "fold"
        Output: int, 0 to rows - 1, each once.
    seed : int, default 42
        Decides the numbers.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If there are fewer than two rows.

    Notes
    -----
    Cost: one pass over the keys and one shuffle of the rows; a ``CrossValidator`` then trains as often as there are
    rows (``numFolds`` = ``fold_count``).

    Examples
    --------
    >>> folded = LeaveOneOut(keyCols=["id"]).transform(few_rows)                # doctest: +SKIP
    """

    def _assign_rows(self, rows: DataFrame) -> DataFrame:
        return self._numbered(rows, "rows")


class LeaveOneGroupOut(_LeaveOut, HasUnits):
    """A fold for each group, numbered in the order of the hashes of their ids.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    groupCols : list of str, default []
        Columns whose joint value is a group; null is a value like others.
    clusterCol : str, optional
        Column of duplicate clusters; this or ``groupCols`` is needed, with both what they join is one group.
    foldCol : str, default "fold"
        Output: int, 0 to groups - 1.
    seed : int, default 42
        Decides the numbers.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If there are fewer than two groups.

    Notes
    -----
    Cost: two shuffles of the groups' ids and a join back to the rows, broadcast when they are few.

    Examples
    --------
    >>> folded = LeaveOneGroupOut(keyCols=["id"], groupCols=["hospital"]).transform(rows)   # doctest: +SKIP
    """

    needs = (KEYED, ("groupCols", "clusterCol"))

    def _assign_groups(self, rows: DataFrame) -> DataFrame:
        return rows.join(self._numbered(rows.select(UNIT).distinct(), "groups"), UNIT)
