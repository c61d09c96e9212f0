"""Scoring a table with a real-time endpoint, from every executor, in batches, without losing a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import keyword_only
from pyspark.ml.base import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.data.cells import cells_of
from sparring.errors import EndpointError
from sparring.params import at_least, check_params, forbid_columns, in_range, require_columns
from sparring.sagemaker.libsvm import chunks, libsvm_lines
from sparring.sagemaker.target import AwsTarget, Endpoint

BODY_LIMIT = 6_291_456


class EndpointModel(Transformer, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Add an endpoint's score to every row.

    Requests hold many rows as libsvm text.  Throttling and server errors are tried again with jitter; an
    answer with another number of scores than rows is an error, never a shorter table.

    Parameters
    ----------
    endpointName : str
        An endpoint in service.
    target : AwsTarget
        Where it is; kept in the Param ``targetJson``.
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
    Input: ``indices`` array<int> and ``values`` array<float>, or ``features`` array<float>.  Cost: one pass,
    one request in flight a task.

    Examples
    --------
    >>> EndpointModel(endpointName="churn", target=target).transform(rows)      # doctest: +SKIP
    """

    _input_kwargs: dict[str, Any]

    endpointName: Param[str] = Param(
        Params._dummy(), "endpointName", "an endpoint in service", TypeConverters.toString
    )
    targetJson: Param[str] = Param(
        Params._dummy(), "targetJson", "the account, as JSON", TypeConverters.toString
    )
    probabilityCol: Param[str] = Param(
        Params._dummy(), "probabilityCol", "output: the score, double", TypeConverters.toString
    )
    maxBytes: Param[int] = Param(
        Params._dummy(), "maxBytes", "bytes of a request, 1 to 6291456", TypeConverters.toInt
    )
    maxRows: Param[int] = Param(Params._dummy(), "maxRows", "rows of a request, >= 1", TypeConverters.toInt)

    @keyword_only
    def __init__(
        self,
        *,
        endpointName: str | None = None,
        target: AwsTarget | None = None,
        probabilityCol: str = "probability",
        maxBytes: int = 1_000_000,
        maxRows: int = 5_000,
    ) -> None:
        super().__init__()
        self._setDefault(probabilityCol="probability", maxBytes=1_000_000, maxRows=5_000)
        given: dict[str, Any] = dict(self._input_kwargs)
        chosen = given.pop("target", None)
        if chosen is not None:
            given["targetJson"] = _to_json(chosen)
        self._set(**{name: value for name, value in given.items() if value is not None})

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the score."""
        check_params(self, {"maxBytes": in_range(1, BODY_LIMIT), "maxRows": at_least(1)})
        names = ["features"] if "features" in schema.names else ["indices", "values"]
        require_columns(schema, names, "EndpointModel", (T.ArrayType,))
        output = self.getOrDefault("probabilityCol")
        forbid_columns(schema, [output], "EndpointModel.probabilityCol")
        return T.StructType([*schema.fields, T.StructField(output, T.DoubleType(), False)])

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = self.transformSchema(dataset.schema)
        name, target = self.getOrDefault("endpointName"), _from_json(self.getOrDefault("targetJson"))
        most_bytes, most_rows = self.getOrDefault("maxBytes"), self.getOrDefault("maxRows")
        names = schema.names

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            client = target.client("sagemaker-runtime", connect_timeout=10, read_timeout=70)
            for batch in batches:
                bodies = chunks(libsvm_lines(cells_of(batch)), most_bytes, most_rows)
                scores = [invoke(client, name, body) for body in bodies]
                column = pa.array(np.concatenate(scores) if scores else np.empty(0))
                yield pa.RecordBatch.from_arrays([*batch.columns, column], names=names)

        return dataset.mapInArrow(score, schema)


def invoke(client: Any, name: str, body: bytes) -> np.ndarray:
    """Return the scores of one request, one a line of ``body``.

    Raises
    ------
    EndpointError
        If the endpoint answers an error, or another number of scores than lines.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.invoke_endpoint(
            EndpointName=name, ContentType="text/libsvm", Accept="text/csv", Body=body
        )
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


def _to_json(target: AwsTarget) -> str:
    stand_in = vars(target.stand_in) if target.stand_in else None
    return json.dumps({**vars(target), "stand_in": stand_in})


def _from_json(text: str) -> AwsTarget:
    value = json.loads(text)
    stand_in = Endpoint(**value.pop("stand_in")) if value["stand_in"] else value.pop("stand_in")
    return AwsTarget(**value, stand_in=stand_in)
