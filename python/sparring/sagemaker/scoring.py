"""Scoring a table with a real-time endpoint, from every executor, in batches, without losing a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import keyword_only
from pyspark.ml.base import Transformer
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.data.cells import cells_of
from sparring.errors import EndpointError
from sparring.params import KeywordParams, at_least, check_params, forbid_columns, in_range, require_columns
from sparring.sagemaker.formats.libsvm import chunks, libsvm_lines
from sparring.sagemaker.target import AwsTarget

BODY_LIMIT = 6_291_456


class EndpointModel(Transformer, KeywordParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Add an endpoint's score to every row.

    Requests hold many rows as libsvm text.  Throttling and server errors are tried again with jitter; an
    answer with another number of scores than rows is an error, never a shorter table.

    Parameters
    ----------
    endpointName : str
        An endpoint in service.
    target : AwsTarget
        Where it is; kept in the Param ``targetJson``.
    featuresCol : str, default "features"
        array<float> or vector; ``""`` reads ``indices`` array<int> and ``values`` array<float>.
    probabilityCol : str, default "probability"
        Output: the score, double.
    maxBytes : int in [1, 6291456], default 1000000
        Size of a request's body.
    maxRows : int >= 1, default 5000
        Rows of a request.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    EndpointError
        If the endpoint answers an error after all retries, or too few or too many scores.

    Notes
    -----
    A cell absent from ``indices`` and ``values`` is missing to the model; a vector's zeros are zeros, however
    it is stored.
    Cost: one pass, one request in flight a task.

    Examples
    --------
    >>> EndpointModel(endpointName="churn", target=target).transform(rows)      # doctest: +SKIP
    """

    endpointName: Param[str] = Param(Params._dummy(), "endpointName", "an endpoint in service", TypeConverters.toString)
    targetJson: Param[str] = Param(Params._dummy(), "targetJson", "the account, as JSON", TypeConverters.toString)
    featuresCol: Param[str] = Param(
        Params._dummy(),
        "featuresCol",
        "array<float> or vector; '' = indices and values",
        TypeConverters.toString,
    )
    probabilityCol: Param[str] = Param(
        Params._dummy(), "probabilityCol", "output: the score, double", TypeConverters.toString
    )
    maxBytes: Param[int] = Param(Params._dummy(), "maxBytes", "bytes of a request, 1 to 6291456", TypeConverters.toInt)
    maxRows: Param[int] = Param(Params._dummy(), "maxRows", "rows of a request, >= 1", TypeConverters.toInt)

    @keyword_only
    def __init__(
        self,
        *,
        endpointName: str | None = None,
        target: AwsTarget | None = None,
        featuresCol: str | None = None,
        probabilityCol: str | None = None,
        maxBytes: int | None = None,
        maxRows: int | None = None,
    ) -> None:
        super().__init__()
        defaults = {"featuresCol": "features", "probabilityCol": "probability"}
        self._setDefault(**defaults, maxBytes=1_000_000, maxRows=5_000)
        given: dict[str, Any] = dict(self._input_kwargs)
        chosen = given.pop("target", None)
        if chosen is not None:
            given["targetJson"] = chosen.to_json()
        self._set(**{name: value for name, value in given.items() if value is not None})

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the score."""
        check_params(self, {"maxBytes": in_range(1, BODY_LIMIT), "maxRows": at_least(1)})
        column = self.getOrDefault("featuresCol")
        names = [column] if column else ["indices", "values"]
        require_columns(schema, names, "EndpointModel.featuresCol", (T.ArrayType, VectorUDT))
        output = self.getOrDefault("probabilityCol")
        forbid_columns(schema, [output], "EndpointModel.probabilityCol")
        return T.StructType([*schema.fields, T.StructField(output, T.DoubleType(), False)])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = self.transformSchema(dataset.schema)
        name, target = self.getOrDefault("endpointName"), AwsTarget.from_json(self.getOrDefault("targetJson"))
        most_bytes, most_rows = self.getOrDefault("maxBytes"), self.getOrDefault("maxRows")
        wide = dataset.select("*", F.struct(*_features(dataset, self.getOrDefault("featuresCol"))).alias("_features"))
        names = schema.names

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            client = target.client("sagemaker-runtime", connect_timeout=10, read_timeout=70)
            for batch in batches:
                inputs = pa.RecordBatch.from_struct_array(batch.column(batch.num_columns - 1))
                bodies = chunks(libsvm_lines(cells_of(inputs)), most_bytes, most_rows)
                scores = [invoke(client, name, body) for body in bodies]
                column = pa.array(np.concatenate(scores) if scores else np.empty(0))
                yield pa.RecordBatch.from_arrays([*batch.columns[:-1], column], names=names)

        return wide.mapInArrow(score, schema)


def _features(dataset: DataFrame, column: str) -> list[Column]:
    """Return the feature columns under the names that the matrix uses."""
    if not column:
        return [F.col("indices"), F.col("values").cast("array<float>").alias("values")]
    if isinstance(dataset.schema[column].dataType, VectorUDT):
        return [vector_to_array(F.col(column), "float32").alias("features")]
    return [F.col(column).cast("array<float>").alias("features")]


def invoke(client: Any, name: str, body: bytes) -> np.ndarray:
    """Return the scores of one request, one a line of ``body``.

    Raises
    ------
    EndpointError
        If the endpoint answers an error, or another number of scores than lines.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.invoke_endpoint(EndpointName=name, ContentType="text/libsvm", Accept="text/csv", Body=body)
        text = answer["Body"].read().decode(errors="replace")
    except (BotoCoreError, ClientError) as error:
        raise EndpointError(
            f"Endpoint {name} did not score {body.count(10) + 1} rows: {error}", "See its log."
        ) from error
    # The image's tag decides between commas and new lines.
    words = text.replace(",", " ").split()
    rows = body.count(10) + 1
    if len(words) != rows:
        raise EndpointError(
            f"Endpoint {name} answered {len(words)} scores to {rows} rows",
            "See its log; nothing was written.",
        )
    try:
        return np.array(words, dtype=np.float64)
    except ValueError as error:
        raise EndpointError(
            f"Endpoint {name} answered something else than scores: {text[:100]!r}",
            "Is it a binary classifier's?",
        ) from error
