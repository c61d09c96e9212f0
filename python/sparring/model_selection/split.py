"""Train, validation and test: every class in its share, no group in two parts."""

from __future__ import annotations

from typing import Any, ClassVar

from pyspark.sql import types as T

from sparring.model_selection.assign import SplitPlan
from sparring.model_selection.incremental import IncrementalSplitter
from sparring.model_selection.stage import KEYED, HasParts, HasStrata, HasStrict, HasUnits
from sparring.params import text_param


class _Splitter(HasParts, IncrementalSplitter, HasStrict):
    defaults: ClassVar[dict[str, Any]] = {"groupIdCol": "groupId"}
    groupIdCol = text_param("groupIdCol", "output: group")

    def outputs(self) -> list[T.StructField]:
        """Return part and unit."""
        return [T.StructField(self.getOrDefault(name), T.StringType()) for name in ("splitCol", "groupIdCol")]

    def plan(self) -> SplitPlan:
        """Return parts, shares and the output column."""
        params = [self.getOrDefault(name) for name in ("partNames", "weights", "splitCol", "seed", "strict")]
        return SplitPlan(type(self).__name__, *params)


class StratifiedSplitter(_Splitter, HasStrata, HasUnits):
    """Assign every row to a part; the same rows and seed always give the same answer.

    Without groups, each class is within one row of its share in every part: its rows are taken in the order of
    ``hash64(seed, key)``, shares are rounded by largest remainder.  With groups, a group goes to one part as a
    whole, and class counts come as near their shares as whole groups allow.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    stratifyCols : list of str, default []
        Columns whose joint value is a class; empty, and no ``quantileCols``: only the parts' sizes matter.
    quantileCols : list of str, default []
        Numeric columns, such as the label of a regression, whose quantile bin enters the class; null, NaN and
        infinities are in no bin, which is a class too.
    numBins : int, default 10
        Quantile bins, >= 2; equal numbers share one.
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
    strict : bool, default True
        Refuse what no assignment can do well: a class with fewer rows or groups than parts, a part that would be
        without a class, a group larger than the largest part.  False: every part as near its share as can be.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If ``strict`` and a class has fewer rows or groups than parts, or a group is larger than the largest part;
        names them and their counts.

    Notes
    -----
    Cost without groups: two passes over class and key, no row shuffle.  With groups: one pass with two shuffles of
    the groups' class counts, which are kept; two passes over these; a join of the groups back to the rows, broadcast
    when they are few.  The driver sees distinct class-count vectors and, at the end of each part in them, one group.
    With groups and clusters the connected components come on top, see
    :func:`~sparring.model_selection.groups.with_group_id`; with ``quantileCols`` three passes or more each.

    Examples
    --------
    >>> splitter = StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"])
    >>> splitter.transform(rows).groupBy("split", "label").count().show()       # doctest: +SKIP
    """


class StratifiedGroupSplitter(StratifiedSplitter):
    """Assign whole groups so that every class comes as near its share as they allow.

    A :class:`StratifiedSplitter` that insists on groups (or clusters) and on something to stratify by.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    stratifyCols, quantileCols : list of str
        One of them at least; as for :class:`StratifiedSplitter`, and so are all other Params.
    groupCols : list of str
        This or ``clusterCol``.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        As for :class:`StratifiedSplitter`.

    Notes
    -----
    Cost: that of :class:`StratifiedSplitter` with groups.

    Examples
    --------
    >>> splitter = StratifiedGroupSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"])
    >>> parts = splitter.transform(rows)                                        # doctest: +SKIP
    """

    needs = (KEYED, ("stratifyCols", "quantileCols"), ("groupCols", "clusterCol"))


class GroupSplitter(_Splitter, HasUnits):
    """Assign whole groups so that the parts' sizes come as near their shares as the groups allow.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    groupCols : list of str, default []
        Columns whose joint value is a group that stays together; this or ``clusterCol`` is needed.
    clusterCol : str, optional
        Column of duplicate clusters; with ``groupCols`` too, what both join stays together.
    partNames, weights, splitCol, groupIdCol, strict, seed
        As for :class:`StratifiedSplitter`.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If ``strict`` and there are fewer groups than parts or a group is larger than the largest part.

    Notes
    -----
    Cost: one pass with two shuffles of the groups' sizes, two passes over these, and a join back to the rows.  The
    driver sees distinct sizes.

    Examples
    --------
    >>> parts = GroupSplitter(keyCols=["id"], groupCols=["customer"]).transform(rows)       # doctest: +SKIP
    """

    needs = (
        KEYED,
        ("groupCols", "clusterCol"),
    )
