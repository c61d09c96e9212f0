"""Folds of whole groups."""

from __future__ import annotations

from sparring.model_selection.folds import Folds
from sparring.model_selection.incremental import IncrementalSplitter
from sparring.model_selection.stage import KEYED, HasStrata, HasUnits


class GroupKFold(Folds, IncrementalSplitter, HasUnits):
    """Folds of whole groups, as equal in size as these allow.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    groupCols : list of str, default []
        Columns whose joint value is a group; null is a value like others.
    clusterCol : str, optional
        Column of duplicate clusters; this or ``groupCols`` is needed, with both what they join stays together.
    numFolds : int, default 5
    foldCol : str, default "fold"
        Output: int, 0 to ``numFolds`` - 1.
    strict : bool, default True
        Refuse a group larger than a fold.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        If there are fewer groups than folds, or ``strict`` and a group is larger than a fold.

    Notes
    -----
    Cost: one pass with two shuffles of the groups' sizes, two passes over these, and a join back to the rows.

    Examples
    --------
    >>> folded = GroupKFold(keyCols=["id"], groupCols=["customer"]).transform(rows)         # doctest: +SKIP
    """

    needs = (
        KEYED,
        ("groupCols", "clusterCol"),
    )


class StratifiedGroupKFold(Folds, IncrementalSplitter, HasStrata, HasUnits):
    """Folds of whole groups in which every class comes as near its share as the groups allow.

    Groups with the same class counts are interchangeable and distributed in bulk, see
    :func:`~sparring.model_selection.allocation.allocate_groups`.

    Parameters
    ----------
    keyCols : list of str
        Columns that identify a row.
    stratifyCols, quantileCols : list of str, default []
        What a class is; one of the two is needed.
    numBins : int, default 10
    groupCols : list of str, default []
    clusterCol : str, optional
        This or ``groupCols`` is needed; with both what they join stays together.
    numFolds : int, default 5
    foldCol : str, default "fold"
        Output: int, 0 to ``numFolds`` - 1.
    strict : bool, default True
        Refuse classes with fewer groups than folds, folds without a class, and groups larger than a fold.
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    SplitError
        As above, naming classes or group and their counts.

    Notes
    -----
    Cost: one pass with two shuffles of the groups' class counts, which are kept; two passes over these; a join of
    the groups back to the rows.  The driver sees distinct class-count vectors and, at the end of each fold in them,
    one group.

    Examples
    --------
    >>> folds = StratifiedGroupKFold(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"])
    >>> folded = folds.transform(rows)                                          # doctest: +SKIP
    """

    needs = (KEYED, ("stratifyCols", "quantileCols"), ("groupCols", "clusterCol"))
