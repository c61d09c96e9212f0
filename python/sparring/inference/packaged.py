"""Scoring on Spark itself: a model package sent to every executor, no endpoint."""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.accumulators import Accumulator
from pyspark.ml.base import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.data.contract import REASON
from sparring.engine import functions as F
from sparring.errors import ParamError
from sparring.inference.decision import predicted_column, predicted_type
from sparring.inference.metrics import ScoringMetrics, metrics_accumulator
from sparring.inference.table import reason_of_row
from sparring.io import storage
from sparring.io.archives import unpack
from sparring.one_machine.tables import TransformsTables
from sparring.one_machine.types import parse_type
from sparring.params import (
    KeywordParams,
    check_params,
    checked_schema,
    forbid_columns,
    one_of,
    require_columns,
    text_param,
)
from sparring.serving.manifest import PackageManifest
from sparring.serving.packaged import PackagedModel
from sparring.spark.batches import map_batches
from sparring.spark.reserved import named, reserved
from sparring.task.scores import score_type, scores_array

PROBABILITY = reserved("probability")


class PackageModel(TransformsTables, Transformer, KeywordParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Add the score of a model package to every raw row.

    Parameters
    ----------
    package : str
        ``model.tar.gz`` that ``sparring package`` made; any path.
    probabilityCol : str, default "probability"
        Output: the probability of the positive class, double; of several classes those of all, array of double, in
        the order of the package; of a regression the prediction.  "" leaves it out.
    predictedCol : str, default "predicted"
        Output: the label's value, in its own type, by the threshold that the package holds; "" leaves it out.
    handleInvalid : {"error", "skip", "keep"}, default "error"
        What becomes of a row with a cell that cannot be read, an infinite number or one that the features cannot hold:
        an error that names column and value, no row, or a row whose outputs are null.
    reasonCol : str, default ""
        Output of "keep": why a row has no score, null for the others; "" leaves it out.

    Raises
    ------
    ParamError, SchemaError, PackageError
        Before any job.

    Notes
    -----
    The columns are those that the package declares, in the types that Spark reads them in.
    Cost: one pass in Arrow batches; the package is broadcast, and unpacked once a Python worker.

    Examples
    --------
    >>> PackageModel(package="runs/flights/model.tar.gz").transform(flights)     # doctest: +SKIP
    """

    defaults: ClassVar[dict[str, Any]] = {
        "probabilityCol": "probability",
        "predictedCol": "predicted",
        "handleInvalid": "error",
        "reasonCol": "",
    }
    _metrics: Accumulator[ScoringMetrics] | None = None
    package = text_param("package", "path of model.tar.gz")
    probabilityCol = text_param("probabilityCol", "output: the score, or the scores; '' = none")
    predictedCol = text_param("predictedCol", "output: the label's own value; '' = none")
    handleInvalid = text_param(
        "handleInvalid", "a row that cannot be scored: error, skip (no row) or keep (its outputs are null)"
    )
    reasonCol = text_param("reasonCol", "output of keep: why a row has no score; '' = none")

    @property
    def metrics(self) -> ScoringMetrics:
        """What this stage has scored so far: tasks that ended; a batch counts as a request."""
        return self._metrics.value if self._metrics is not None else ScoringMetrics()

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema with the outputs."""
        check_params(self, {"handleInvalid": one_of("error", "skip", "keep")})
        manifest = self._manifest()
        require_columns(schema, [column.name for column in manifest.columns], "PackageModel.package")
        kinds = {
            "probabilityCol": score_type(manifest.width),
            "predictedCol": parse_type(predicted_type(manifest)),
            "reasonCol": T.StringType(),
        }
        for name, kind in kinds.items():
            if output := self.getOrDefault(name):
                forbid_columns(schema, [output], f"PackageModel.{name}")
                schema = T.StructType([*schema.fields, T.StructField(output, kind)])
        return schema

    def _manifest(self) -> PackageManifest:
        if not self.isDefined("package"):
            raise ParamError("PackageModel.package is not set", "Give the path of a model.tar.gz.")
        return loaded(self._bytes()).manifest

    def _bytes(self) -> bytes:
        return storage.read_bytes(storage.normalize(self.getOrDefault("package")))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        checked_schema(self, dataset)
        manifest, how = self._manifest(), self.getOrDefault("handleInvalid")
        reason = reason_of_row(dataset, [], manifest.columns) if how != "error" else F.lit(None).cast("string")
        told = dataset.select("*", reason.alias(REASON))
        good = told.where(F.col(REASON).isNull()) if how == "skip" else told
        scored = self._scored(good, manifest.width)
        score, value, why = (self.getOrDefault(name) for name in ("probabilityCol", "predictedCol", "reasonCol"))
        outputs = [F.col(PROBABILITY).alias(score)] if score else []
        if value:
            outputs.append(predicted_column(manifest, F.col(PROBABILITY)).alias(value))
        if why:
            outputs.append(F.col(REASON).alias(why))
        return scored.select(*map(named, dataset.columns), *outputs)

    def _scored(self, rows: DataFrame, width: int) -> DataFrame:
        """Return the rows, whose last column is their reason, with the score of those that have none."""
        schema = T.StructType([*rows.schema.fields, T.StructField(PROBABILITY, score_type(width))])
        if self._metrics is None:
            self._metrics = metrics_accumulator(rows.sparkSession)
        metrics, names = self._metrics, schema.names
        sent = rows.sparkSession.sparkContext.broadcast(self._bytes())

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            model = loaded(sent.value)
            for batch in batches:
                if batch.num_rows == 0:
                    continue
                begun = time.monotonic()
                scores = _scores(model, batch)
                metrics.add(ScoringMetrics.of(batch.num_rows, time.monotonic() - begun, ended=time.time()))
                yield pa.RecordBatch.from_arrays([*batch.columns, scores], names=names)

        return map_batches(rows, score, schema)


def _scores(model: PackagedModel, batch: pa.RecordBatch) -> pa.Array:
    """Return the score of each row of ``batch`` whose last column is null, null for the others."""
    good = np.asarray(pc.is_null(batch.column(batch.num_columns - 1)))
    width = model.manifest.width
    scores = np.zeros(batch.num_rows if width == 1 else (batch.num_rows, width))
    if good.any():
        rows = batch if good.all() else batch.filter(pa.array(good))
        scores[good] = model.score_columns(dict(zip(rows.schema.names, rows.columns, strict=True)))
    return scores_array(scores, ~good)


_LOADED: dict[str, PackagedModel] = {}


def loaded(archive: bytes) -> PackagedModel:
    """Return the model in a package; the last one is kept, for a worker runs many tasks."""
    digest = hashlib.sha256(archive).hexdigest()
    model = _LOADED.get(digest)
    if model is None:
        with tempfile.TemporaryDirectory(prefix="sparring-package-") as folder:
            unpack(io.BytesIO(archive), Path(folder))
            model = PackagedModel(Path(folder))
        _LOADED.clear()
        _LOADED[digest] = model
    return model
