"""Jobs whose tasks leave something outside Spark: whoever deletes it must know that no task writes on."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from sparring.errors import SparringError
from sparring.spark.batches import map_batches

ERROR = "sparring__error"
Task = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def run_to_end(
    rows: DataFrame, task: Task, schema: pa.Schema, errors: tuple[type[Exception], ...] = (SparringError,)
) -> list[dict[str, Any]]:
    """Run ``task`` on every partition and return what the tasks yield; an error is raised once all have ended.

    Were it to fail its task, Spark would abandon the others, and these would write on after what they wrote had been
    deleted.

    Parameters
    ----------
    rows : DataFrame
    task : callable
        Takes a partition's batches and yields batches of ``schema``.
    schema : pyarrow.Schema
    errors : tuple of exception types, default (SparringError,)
        What trying again cannot fix: bad rows.  Any other error fails its task, which Spark tries again.

    Raises
    ------
    Exception
        The first task's that has one of ``errors``.

    Notes
    -----
    Cost: one pass; the driver sees all that the tasks yield, so let that be a line a file.
    """
    told = schema.append(pa.field(ERROR, pa.binary()))

    def guarded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rest = iter(batches)
        try:
            for found in task(rest):
                none = pa.nulls(found.num_rows, pa.binary())
                yield pa.RecordBatch.from_arrays([*found.columns, none], schema=told)
        except errors as error:
            for _ in rest:
                pass
            yield pa.RecordBatch.from_pylist([{ERROR: pickle.dumps(error)}], schema=told)

    lines = [row.asDict() for row in map_batches(rows, guarded, from_arrow_schema(told)).collect()]
    for line in lines:
        if (error := line.pop(ERROR)) is not None:
            raise pickle.loads(error)
    return lines


def attempt_name() -> str:
    """Return a name that no other attempt of any task of this job has; on one machine there is one."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return "00000-0" if context is None else f"{context.partitionId():05d}-{context.taskAttemptId()}"


def reason_of(error: BaseException) -> str:
    """Return in one line what went wrong: on the JVM its first, in a Python worker the last of the traceback."""
    said = str(getattr(error, "java_exception", None) or getattr(error, "desc", None) or error)
    lines = [line for line in said.splitlines() if line.strip()]
    if isinstance(error, PythonException):
        return next(line for line in reversed(lines) if not line[0].isspace())
    return lines[0] if lines else type(error).__name__
