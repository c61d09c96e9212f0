"""What stands for a session of Spark where the data half runs without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd
import pyarrow as pa
from pyspark.sql import types as T

from sparring.one_machine.arrow_types import as_spark
from sparring.one_machine.casts import cast
from sparring.one_machine.frame import Frame, in_one
from sparring.one_machine.types import arrow_type, parse_schema
from sparring.spark.session import SETTINGS, available_cores

if TYPE_CHECKING:
    from sparring.one_machine.read import Reader

Shared = TypeVar("Shared")


@dataclass(frozen=True)
class Held(Generic[Shared]):
    """A value that batches share: they are in one process."""

    value: Shared

    def unpersist(self) -> None:
        """Do nothing: nobody else holds it."""

    destroy = unpersist


class Sum:
    """A value that batches add to."""

    def __init__(self, value: Any, param: Any) -> None:
        self.value, self._param, self._lock = value, param, Lock()

    def add(self, term: Any) -> None:
        """Add a term; several threads may."""
        with self._lock:
            self.value = self._param.addInPlace(self.value, term)


class Context:
    """What the data half asks a cluster: one machine, no checkpoints."""

    master = "local[*]"

    @property
    def defaultParallelism(self) -> int:
        """Number of cores."""
        return available_cores()

    def broadcast(self, value: Shared) -> Held[Shared]:
        """Return a value that batches share."""
        return Held(value)

    def accumulator(self, value: Any, param: Any) -> Sum:
        """Return what batches add to."""
        return Sum(value, param)

    def getCheckpointDir(self) -> None:
        """Return no folder: what is computed stays in memory."""

    def setLogLevel(self, level: str) -> None:
        """Do nothing: nothing is logged."""


class OneMachine:
    """Reads tables into the memory of this process: :class:`~sparring.one_machine.frame.Frame`.

    Examples
    --------
    >>> machine = OneMachine()
    >>> machine.createDataFrame(pd.DataFrame({"a": [1, 2, 2]})).groupBy("a").count().collect()
    [Row(a=1, count=1), Row(a=2, count=2)]
    """

    conf: Mapping[str, str] = SETTINGS

    @property
    def read(self) -> Reader:
        """Return what reads files."""
        from sparring.one_machine.read import Reader

        return Reader(self)

    @cached_property
    def sparkContext(self) -> Context:
        """Return what stands for the cluster."""
        return Context()

    def range(self, start: int, end: int | None = None, step: int = 1, numPartitions: int | None = None) -> Frame:
        """Return a frame of whole numbers, ``id``, from 0 where one number is given."""
        numbers = range(start) if end is None else range(start, end, step)
        return Frame.of_table(self, pa.table({"id": pa.array(numbers, pa.int64())}))

    def createDataFrame(self, data: Any, schema: T.StructType | str | list[str] | None = None) -> Frame:
        """Return the frame of a table of pandas or Arrow, or of rows with a schema or the names of their columns."""
        declared = None if schema is None or isinstance(schema, list) else parse_schema(schema)
        if isinstance(data, pa.Table):
            table = pa.table([as_spark(in_one(column)) for column in data.columns], names=data.column_names)
        elif isinstance(data, pd.DataFrame):
            table = pa.table({str(name): _of_pandas(data[name]) for name in data.columns})
        else:
            table = _of_rows(data, declared, schema if isinstance(schema, list) else None)
        if declared is None:
            return Frame.of_table(self, table)
        arrays = [cast(in_one(table.column(at)), field.dataType) for at, field in enumerate(declared.fields)]
        return Frame.of_table(self, pa.table(arrays, names=declared.names), declared)

    def newSession(self) -> OneMachine:
        """Return a session of its own."""
        return OneMachine()

    def stop(self) -> None:
        """Do nothing: memory goes with its frames."""


def _of_rows(rows: Any, declared: T.StructType | None, names: list[str] | None) -> pa.Table:
    lines = [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in rows]
    if names is None and declared is None:
        names = list(rows[0]) if isinstance(rows[0], dict) else list(rows[0].__fields__)
    width = len(declared.fields) if declared is not None else len(names or ())
    columns: list[Any] = [list(column) for column in zip(*lines, strict=True)] if lines else [[]] * width
    if declared is None:
        return pa.table([pa.array(column) for column in columns], names=names)
    pairs = zip(columns, declared.fields, strict=True)
    return pa.table([pa.array(c, arrow_type(field.dataType)) for c, field in pairs], names=declared.names)


def _of_pandas(values: pd.Series) -> pa.Array:
    """Return a column of pandas; NaN stays a number."""
    array = pa.array(values.to_numpy() if values.dtype.kind == "f" else values)
    array = in_one(array) if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us", "UTC"), safe=False)
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array
