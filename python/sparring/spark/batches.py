"""Whole Arrow batches of a table through a Python function, whatever its columns are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

Function = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


def map_batches(rows: DataFrame, function: Function, schema: StructType | str) -> DataFrame:
    """Return what ``function`` makes of the batches of each partition, as ``DataFrame.mapInArrow`` does.

    Spark's own takes a dot or a backtick in a column's name for syntax.

    Parameters
    ----------
    rows : DataFrame
    function : callable
        From batches to batches of ``schema``; it runs on the executors.
    schema : StructType or str

    Examples
    --------
    >>> map_batches(rows, lambda batches: batches, rows.schema).show()              # doctest: +SKIP
    """
    names = rows.columns

    def with_names(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from function(pa.RecordBatch.from_arrays(batch.columns, names=names) for batch in batches)

    return rows.toDF(*[f"c{at}" for at in range(len(names))]).mapInArrow(with_names, schema)
