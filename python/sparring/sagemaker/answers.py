"""Scoring with the built-in algorithms' endpoints: JSON requests and answers, from every executor.

Source: Amazon SageMaker developer guide, "Common Data Formats for Inference".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.errors import EndpointError
from sparring.sagemaker.formats.libsvm import chunks
from sparring.sagemaker.target import AwsTarget

JSON = "application/json"
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


class JsonScorer:
    """Adds an endpoint's answers to every row.

    Parameters
    ----------
    endpoint : str
        An endpoint in service.
    target : AwsTarget
    outputs : mapping of str to str
        Member of the answer -> column.
    """

    def __init__(self, endpoint: str, target: AwsTarget, outputs: Mapping[str, str]) -> None:
        self.endpoint, self.target, self.outputs = endpoint, target, dict(outputs)

    def score(self, rows: DataFrame, column: str, schema: T.StructType) -> DataFrame:
        """Return ``rows`` with the answers' columns, as ``schema`` says.

        Raises
        ------
        EndpointError
            While rows are read: if the endpoint answers an error, or another number of rows.
        """
        vector = isinstance(rows.schema[column].dataType, VectorUDT)
        features = vector_to_array(F.col(column), "float32") if vector else F.col(column).cast("array<float>")
        wide = rows.select("*", features.alias("_features"))
        endpoint, target, members = self.endpoint, self.target, list(self.outputs)
        kinds = {member: _arrow(schema[name].dataType) for member, name in self.outputs.items()}

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            client = target.client("sagemaker-runtime", connect_timeout=10, read_timeout=70)
            for batch in batches:
                lines = json_lines(batch.column(batch.num_columns - 1))
                found: list[dict[str, Any]] = []
                for body in chunks(lines, MOST_BYTES, MOST_ROWS):
                    found += ask(client, endpoint, body, members)
                added = [pa.array([answer[member] for answer in found], kinds[member]) for member in members]
                yield pa.RecordBatch.from_arrays([*batch.columns[:-1], *added], names=schema.names)

        return wide.mapInArrow(score, schema)


def json_lines(features: pa.Array) -> pa.Array:
    """Return one JSON object a row, each ending in a comma; values in the shortest exact text.

    Parameters
    ----------
    features : pyarrow.ListArray
        float; no value may be missing or infinite, which JSON cannot write.

    Raises
    ------
    EndpointError

    Examples
    --------
    >>> json_lines(pa.array([[1.0, 0.5]], pa.list_(pa.float32()))).to_pylist()
    ['{"features":[1,0.5]},']
    """
    values = features.flatten()
    if values.null_count or not np.isfinite(values.to_numpy(zero_copy_only=False)).all():
        raise EndpointError("JSON cannot hold missing or infinite features", "Impute them before scoring.")
    counts = pc.list_value_length(features).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, values.cast(pa.string())), ",")
    return pc.binary_join_element_wise('{"features":[', joined, "]},", "")


def ask(client: Any, endpoint: str, body: bytes, members: list[str]) -> list[dict[str, Any]]:
    """Return the answers to one request, one a line of ``body``.

    Raises
    ------
    EndpointError
        If the endpoint answers an error, another number of rows, or lacks a member.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    rows = body.count(b"\n") + 1
    request = b'{"instances":[' + body.rstrip(b",") + b"]}"
    try:
        answer = client.invoke_endpoint(EndpointName=endpoint, ContentType=JSON, Accept=JSON, Body=request)
        found = json.loads(answer["Body"].read())["predictions"]
    except (BotoCoreError, ClientError) as error:
        raise EndpointError(f"Endpoint {endpoint} did not score {rows} rows: {error}", "See its log.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EndpointError(f"Endpoint {endpoint} did not answer predictions: {error!r}", "See its log.") from error
    if len(found) != rows:
        raise EndpointError(
            f"Endpoint {endpoint} answered {len(found)} rows to {rows}", "See its log; nothing was written."
        )
    for member in members:
        if any(member not in answer for answer in found):
            raise EndpointError(f"Endpoint {endpoint} answered without {member}", "Is it this algorithm's?")
    return found


def _arrow(kind: T.DataType) -> pa.DataType:
    return pa.list_(pa.float64()) if isinstance(kind, T.ArrayType) else pa.float64()
