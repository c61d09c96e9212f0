"""The same folds for scikit-learn: index arrays, from an object that ``cv=`` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from sparring.errors import ParamError
from sparring.model_selection.in_memory import spark_table, whole_numbers
from sparring.one_machine.choice import one_machine
from sparring.spark.reserved import quoted

ROW = "sparring__row"


class FoldStage(Protocol):
    """What is asked of a splitter or fold maker; see :class:`~sparring.model_selection.stage.BaseSplitter`."""

    needs: tuple[tuple[str, ...], ...]
    inputs: tuple[str, ...]

    def columns_in(self, name: str) -> list[str]:
        """Return the columns that a Param names."""

    def outputs(self) -> list[Any]:
        """Return the fields that the stage adds."""

    def roles(self, column: Callable[[str], Any], folds: int) -> Iterator[tuple[Any, Any]]:
        """Return for each fold which rows train and which are tested."""

    def fold_count(self, assigned: Any) -> int:
        """Return how many folds a transformed table has."""

    def transform(self, dataset: Any) -> Any:
        """Return the table with the stage's columns."""

    def copy(self) -> Any:
        """Return another stage like it."""


class SklearnFolds:
    """A splitter or fold maker as scikit-learn's ``GridSearchCV``, ``cross_val_score`` and the like take it.

    The columns that the stage names are looked up in ``X`` where that is a pandas DataFrame; what is not there, or
    not named, comes from where scikit-learn has it: classes and labels from ``y``, groups from ``groups``, key and
    time from the row's position.  A named key keeps a row in its fold when rows are added elsewhere or reordered,
    and gives the folds that Spark gives, whatever type holds the key: see
    :mod:`~sparring.model_selection.values`.  ``X`` may be an Arrow table, too.

    A splitter is one fold: its first part trains, its second is tested, later parts are kept out.

    Parameters
    ----------
    stage : splitter or fold maker

    Notes
    -----
    Cost: a pass over the columns above in this process's memory; no Spark is needed.  Rows already folded by Spark
    need none of this: ``PredefinedSplit(frame["fold"])``.

    Examples
    --------
    >>> cv = StratifiedGroupKFold(numFolds=5).as_sklearn()
    >>> cross_val_score(model, X, y, groups=patients, cv=cv)                    # doctest: +SKIP
    """

    def __init__(self, stage: FoldStage) -> None:
        self.stage = stage

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Return the positions of the rows that train and of those that are tested, for each fold.

        Raises
        ------
        ParamError
            If a column is neither in ``X`` nor given as ``y`` or ``groups``.
        """
        assigned = self._assigned(X, y, groups)
        for train, test in self.stage.roles(lambda name: assigned[name], self.stage.fold_count(assigned)):
            yield np.flatnonzero(train), np.flatnonzero(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; those that leave out one group at a time must be given the data."""
        if X is None and groups is not None:
            X = np.zeros(len(groups))
        if X is None:
            return self.stage.fold_count(pd.DataFrame())
        return self.stage.fold_count(self._assigned(X, y, groups))

    def _assigned(self, X: Any, y: Any, groups: Any) -> pd.DataFrame:
        stage, columns = self._bound(X, y, groups)
        # The rows are in this process's memory: Spark would give the same folds, later.
        made = stage.transform(spark_table(one_machine(), columns, type(stage).__name__))
        outputs = [field.name for field in stage.outputs()]
        return made.select(ROW, *map(quoted, outputs)).toPandas().sort_values(ROW, ignore_index=True)

    def _bound(self, X: Any, y: Any, groups: Any) -> tuple[Any, dict[str, Any]]:
        """Return the stage with every column named, and these columns."""
        stage = self.stage.copy()
        found: dict[str, Any] = {ROW: np.arange(len(X) if hasattr(X, "__len__") else X.shape[0])}
        sources = {"stratifyCols": y, "quantileCols": y, "labelCols": y, "groupCols": groups}
        for names in stage.needs:
            if not any(stage.columns_in(name) for name in names):
                stage._set(**{names[0]: _named(stage, names[0], sources.get(names[0], found[ROW]), found)})
        for name in stage.inputs:
            for column in stage.columns_in(name):
                if column not in found:
                    values = _column(X, column, sources.get(name, found[ROW]), type(stage).__name__, name)
                    found[column] = whole_numbers(values) if name == "timeCol" else values
        return stage, found


def _free_name(stage: FoldStage, begin: str) -> str:
    """Return a name that begins no name of a column which the stage reads or adds."""
    taken = [column for name in stage.inputs for column in stage.columns_in(name)]
    taken += [field.name for field in stage.outputs()]
    while any(name.startswith(begin) for name in taken):
        begin = f"_{begin}"
    return begin


def _named(stage: FoldStage, param: str, values: Any, found: dict[str, Any]) -> Any:
    """Return names for ``values``, which are added to ``found``: one for each column that they have."""
    if values is None:
        raise ParamError(f"{param} is not set and {'groups' if param == 'groupCols' else 'y'} is None", "Give either.")
    several = np.asarray(values).T if np.ndim(values) == 2 else None
    base = _free_name(stage, f"_{param}")
    names = [base] if several is None else [f"{base}{at}" for at in range(len(several))]
    found.update(zip(names, [values] if several is None else several, strict=True))
    return names[0] if param == "timeCol" else names


def _column(X: Any, column: str, otherwise: Any, owner: str, param: str) -> Any:
    if isinstance(X, pd.DataFrame) and column in X.columns:
        return X[column]
    if isinstance(X, pa.Table) and column in X.column_names:
        return X.column(column)
    if otherwise is None or np.ndim(otherwise) != 1 or param == "clusterCol":
        raise ParamError(
            f"{owner}.{param}: column {column!r} is not in X", "Give X as a DataFrame that has it, or y and groups."
        )
    return otherwise
