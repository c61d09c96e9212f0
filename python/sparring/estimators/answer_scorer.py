"""Scoring with the built-in algorithms' endpoints: RecordIO requests and answers, from every executor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.errors import EndpointError
from sparring.inference.invocation import Invoker, runtime_client
from sparring.sagemaker.target import AwsTarget
from sparring.spark.batches import map_batches
from sparring.spark.reserved import named
from sparring.wire.answers import decode_answers
from sparring.wire.codec import codec
from sparring.wire.media import RECORDIO
from sparring.wire.rows import Answers, FormatError, Rows, rows_of
from sparring.wire.vectors import vector_rows

MOST_BYTES, MOST_ROWS = 1_000_000, 2_000
# Member of an answer -> type of its column.
COLUMN_TYPES: dict[str, T.DataType] = {
    "score": T.DoubleType(),
    "predicted_label": T.DoubleType(),
    "distance_to_cluster": T.DoubleType(),
    "closest_cluster": T.DoubleType(),
    "projection": T.ArrayType(T.DoubleType()),
    "topic_mixture": T.ArrayType(T.DoubleType()),
}


@dataclass(frozen=True)
class AnswerScorer:
    """Adds an endpoint's answers to every row.

    Attributes
    ----------
    endpoint : str
        An endpoint in service.
    target : AwsTarget
    outputs : mapping of str to str
        Member of the answer -> column.
    """

    endpoint: str
    target: AwsTarget
    outputs: Mapping[str, str]

    def score(self, rows: DataFrame, column: str, schema: T.StructType) -> DataFrame:
        """Return ``rows`` with the answers' columns, as ``schema`` says.

        A vector is sent as it is stored, dense or sparse.  Cost: one pass, one request in flight a task.

        Raises
        ------
        EndpointError
            While rows are read: if a feature is missing or infinite, or the endpoint answers an error after all
            retries, another number of rows, or without a member.
        """
        vector = isinstance(rows.schema[column].dataType, VectorUDT)
        sent = named(column).alias("vector") if vector else named(column).cast("array<float>").alias("features")
        lists = {member: isinstance(schema[name].dataType, T.ArrayType) for member, name in self.outputs.items()}

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            invoker = Invoker(runtime_client(self.target, 1), self.endpoint, RECORDIO, RECORDIO)
            for batch in batches:
                found = self._answers(invoker, batch.column(batch.num_columns - 1).flatten()[0], vector)
                added = [_column(found[member], several) for member, several in lists.items()]
                yield pa.RecordBatch.from_arrays([*batch.columns[:-1], *added], names=schema.names)

        return map_batches(rows.select("*", F.struct(sent).alias("sparring__sent")), score, schema)

    def _answers(self, invoker: Invoker, features: pa.Array, vector: bool) -> Answers:
        """Return the answers to a batch, in its order."""
        batch = pa.RecordBatch.from_arrays([features], ["vector" if vector else "features"])
        try:
            groups = vector_rows(batch) if vector else [(np.arange(batch.num_rows), rows_of(batch))]
        except FormatError as error:
            raise EndpointError(f"The features cannot be sent: {error}", "Fix the rows.") from error
        parts = [answers for _, rows in groups for answers in self._asked(invoker, rows)]
        order = np.argsort(np.concatenate([places for places, _ in groups])) if groups else np.arange(0)
        return {member: np.concatenate([part[member] for part in parts])[order] for member in self.outputs}

    def _asked(self, invoker: Invoker, rows: Rows) -> Iterator[Answers]:
        """Yield the answers to one request after the other."""
        if not np.isfinite(rows.cells().values).all():
            raise EndpointError("A feature is missing or infinite, which no built-in algorithm takes", "Impute it.")
        for body, count in codec(RECORDIO).bodies(rows, MOST_BYTES, MOST_ROWS):
            answer, data, _ = invoker.ask(body, count)
            try:
                yield decode_answers(data, answer.get("ContentType", ""), tuple(self.outputs), count)
            except ValueError as error:
                raise EndpointError(
                    f"Endpoint {self.endpoint} did not answer as this algorithm does: {error}", "See its log."
                ) from error


def _column(values: np.ndarray, several: bool) -> pa.Array:
    if not several:
        return pa.array(values, pa.float64())
    table = values.reshape(len(values), -1)
    offsets = pa.array(np.arange(len(table) + 1) * table.shape[1], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(table.ravel(), pa.float64()))
