"""Scoring on Spark itself: a model package sent to every executor, no endpoint."""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark import keyword_only
from pyspark.accumulators import Accumulator
from pyspark.ml.base import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.data import storage
from sparring.data.archives import tarfile
from sparring.data.batches import map_batches
from sparring.errors import ParamError
from sparring.inference.metrics import ScoringMetrics, metrics_accumulator
from sparring.params import KeywordParams, forbid_columns, require_columns
from sparring.serving.packaged import PackagedModel


class PackageModel(Transformer, KeywordParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """Add the score of a model package to every raw row.

    Parameters
    ----------
    package : str
        ``model.tar.gz`` that ``sparring package`` made; any path.
    probabilityCol : str, default "probability"
        Output: the probability of the positive class, double.

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

    package: Param[str] = Param(Params._dummy(), "package", "path of model.tar.gz", TypeConverters.toString)
    probabilityCol: Param[str] = Param(
        Params._dummy(), "probabilityCol", "output: the probability of class 1, double", TypeConverters.toString
    )

    @keyword_only
    def __init__(self, *, package: str | None = None, probabilityCol: str | None = None) -> None:
        super().__init__()
        self._setDefault(probabilityCol="probability")
        self._set_given()
        self._metrics: Accumulator[ScoringMetrics] | None = None

    @property
    def metrics(self) -> ScoringMetrics:
        """What this stage has scored so far: tasks that ended; a batch counts as a request."""
        return self._metrics.value if self._metrics is not None else ScoringMetrics()

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the score."""
        if not self.isDefined("package"):
            raise ParamError("PackageModel.package is not set", "Give the path of a model.tar.gz.")
        names = [column.name for column in loaded(self._bytes()).manifest.columns]
        require_columns(schema, names, "PackageModel.package")
        output = self.getOrDefault("probabilityCol")
        forbid_columns(schema, [output], "PackageModel.probabilityCol")
        return T.StructType([*schema.fields, T.StructField(output, T.DoubleType(), False)])

    def _bytes(self) -> bytes:
        return storage.read_bytes(storage.normalize(self.getOrDefault("package")))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = self.transformSchema(dataset.schema)
        if self._metrics is None:
            self._metrics = metrics_accumulator(dataset.sparkSession)
        metrics, names = self._metrics, schema.names
        sent = dataset.sparkSession.sparkContext.broadcast(self._bytes())

        def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            model = loaded(sent.value)
            for batch in batches:
                if batch.num_rows == 0:
                    continue
                begun = time.monotonic()
                scores = model.score_columns(dict(zip(batch.schema.names, batch.columns, strict=True)))
                seconds = time.monotonic() - begun
                metrics.add(ScoringMetrics.of(batch.num_rows, seconds, ended=time.time()))
                yield pa.RecordBatch.from_arrays([*batch.columns, pa.array(scores)], names=names)

        return map_batches(dataset, score, schema)


_LOADED: dict[str, PackagedModel] = {}


def loaded(archive: bytes) -> PackagedModel:
    """Return the model in a package; the last one is kept, for a worker runs many tasks."""
    digest = hashlib.sha256(archive).hexdigest()
    if digest not in _LOADED:
        with tempfile.TemporaryDirectory(prefix="sparring-package-") as folder:
            with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
                packed.extractall(folder, filter="data")
            model = PackagedModel(Path(folder))
        _LOADED.clear()
        _LOADED[digest] = model
    return _LOADED[digest]
