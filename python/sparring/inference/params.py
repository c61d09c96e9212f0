"""Params shared by the stages that score with a model outside Spark."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.errors import ParamError
from sparring.inference.codecs import ANSWERS, Format
from sparring.params import (
    Argument,
    KeywordParams,
    at_least,
    check_params,
    forbid_columns,
    in_range,
    int_param,
    one_of,
    require_columns,
    text_param,
    texts_param,
)
from sparring.sagemaker.target import AwsTarget
from sparring.spark.reserved import named
from sparring.task.scores import score_type
from sparring.wire.media import CSV, LIBSVM, PARQUET


class _ScoringParams(KeywordParams):
    """What is sent, in which format, and where the score goes."""

    defaults: ClassVar[dict[str, Any]] = {
        "featuresCol": "features",
        "inputCols": [],
        "contentType": "",
        "accept": CSV,
        "probabilityCol": "probability",
        "numScores": 1,
        "size": 0,
    }
    arguments: ClassVar[dict[str, Argument]] = {"target": ("targetJson", AwsTarget.to_json)}
    targetJson = text_param("targetJson", "the account, as JSON")
    featuresCol = text_param("featuresCol", "array<float> or vector; '' = indices and values; not read with inputCols")
    inputCols = texts_param(
        "inputCols", "columns to send as they are, to a model that takes raw rows; empty = featuresCol"
    )
    contentType = text_param("contentType", "of requests; '' = by what is sent")
    accept = text_param("accept", "content type of answers")
    probabilityCol = text_param("probabilityCol", "output: the score, double; or several, array")
    numScores = int_param("numScores", "scores of a row: 1, or one for each of several classes")
    size = int_param("size", "number of features of sparse rows; 0 = by the largest index")
    maxBytes = int_param("maxBytes", "bytes of a request, >= 1")
    maxRows = int_param("maxRows", "rows of a request, >= 1")

    @property
    def target(self) -> AwsTarget:
        """Where the model is served: an AWS account or the emulator, from the Param ``targetJson``."""
        return AwsTarget.from_json(self.getOrDefault("targetJson"))

    def _require(self, *names: str) -> None:
        """Raise :class:`ParamError` for the first Param that has no value yet."""
        for name in names:
            if not self.isDefined(name):
                shown = name.removesuffix("Json")
                raise ParamError(f"{type(self).__name__}.{shown} is not set", f"Give {shown} to the constructor.")

    def _check_scoring(self, schema: T.StructType, limit: int) -> None:
        """Raise unless Params are in range and the columns to send exist."""
        checks = {
            "maxBytes": in_range(1, limit),
            "maxRows": at_least(1),
            "size": at_least(0),
            "numScores": at_least(1),
            "contentType": one_of("", *Format.allowed(bool(self.getOrDefault("inputCols")))),
            "accept": one_of(*ANSWERS),
        }
        check_params(self, checks)
        owner, columns = type(self).__name__, self.getOrDefault("inputCols")
        if columns:
            require_columns(schema, columns, f"{owner}.inputCols")
        else:
            feature = self.getOrDefault("featuresCol")
            names = [feature] if feature else ["indices", "values"]
            require_columns(schema, names, f"{owner}.featuresCol", (T.ArrayType, VectorUDT))

    def _with_outputs(self, schema: T.StructType, *others: str) -> T.StructType:
        """Return the schema with the score, and with string columns of the given names."""
        output = self.getOrDefault("probabilityCol")
        forbid_columns(schema, [output, *others], type(self).__name__)
        kind = score_type(self.getOrDefault("numScores"))
        fields = [T.StructField(output, kind, False), *(T.StructField(n, T.StringType()) for n in others)]
        return T.StructType([*schema.fields, *fields])

    def _format(self) -> Format:
        """Return how what is sent is written."""
        raw = bool(self.getOrDefault("inputCols"))
        kind = self.getOrDefault("contentType") or (PARQUET if raw else LIBSVM)
        return Format(kind, raw, self.getOrDefault("size"))

    def _sent(self, dataset: DataFrame) -> Column:
        """Return one struct of what is sent: the input columns, or the features under the matrix's names."""
        columns = self.getOrDefault("inputCols")
        return F.struct(*(map(named, columns) if columns else _features(dataset, self.getOrDefault("featuresCol"))))


def _features(dataset: DataFrame, column: str) -> list[Column]:
    if not column:
        return [F.col("indices"), F.col("values").cast("array<float>").alias("values")]
    if isinstance(dataset.schema[column].dataType, VectorUDT):
        return [vector_to_array(named(column), "float32").alias("features")]
    return [named(column).cast("array<float>").alias("features")]


def flattened(struct: pa.Array) -> pa.RecordBatch:
    """Return a struct column as a batch of its own."""
    return pa.RecordBatch.from_struct_array(struct)
