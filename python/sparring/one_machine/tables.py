"""Stages on tables of pandas and Arrow: what goes in comes out, no session is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def framed(table: Any) -> tuple[DataFrame, Callable[[DataFrame], Any]]:
    """Return a table as the frame that stages work on, and what makes a table of its kind of their answer.

    Parameters
    ----------
    table : DataFrame, pandas.DataFrame or pyarrow.Table
        A frame of Spark or of one machine is returned as it is.
    """
    # A worker of Spark imports stages, and needs no more.
    from sparring.one_machine.choice import one_machine

    if isinstance(table, pa.Table):
        return one_machine().createDataFrame(table), lambda frame: frame.toArrow()
    if _is_pandas(table):
        return one_machine().createDataFrame(table), lambda frame: frame.toPandas()
    return table, lambda frame: frame


def is_of_spark(table: Any) -> bool:
    """Return whether a table is a frame of Spark."""
    from pyspark.sql import DataFrame

    return isinstance(table, DataFrame)


def _is_pandas(table: Any) -> bool:
    # Whoever has a table of pandas has imported it.
    return type(table).__module__.partition(".")[0] == "pandas"


class TransformsTables:
    """Has a transformer take tables of pandas and Arrow beside those of Spark: the rows are the same.

    ``transform`` gives a table of the kind that it was given, with its rows numbered anew.

    Examples
    --------
    >>> import pandas as pd
    >>> from sparring.model_selection import KFold
    >>> KFold(keyCols=["id"], numFolds=2).transform(pd.DataFrame({"id": [1, 2, 3, 4]})).columns.tolist()
    ['id', 'fold']
    """

    def transform(self, dataset: Any, params: dict[Any, Any] | None = None) -> Any:
        """Return the table with what the stage adds."""
        frame, back = framed(dataset)
        return back(super().transform(frame, params))  # type: ignore[misc]


class FitsTables:
    """Has an estimator take tables of pandas and Arrow beside those of Spark."""

    def fit(self, dataset: Any, params: Any = None) -> Any:
        """Return the model that is fitted to a table."""
        return super().fit(framed(dataset)[0], params)  # type: ignore[misc]

    def fit_transform(self, dataset: Any) -> Any:
        """Return the table with what the stage, fitted to it, adds."""
        return self.fit(dataset).transform(dataset)
