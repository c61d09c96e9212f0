"""The ways to score a table with one model package; each leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from sparring.config.predict import PredictConfig
from sparring.data.contract import KEY
from sparring.errors import ConfigError
from sparring.inference.asynchronous import AsyncEndpointModel
from sparring.inference.batch_transform import BatchTransformModel
from sparring.inference.deployment import (
    AsyncOutput,
    DataCapture,
    Deployment,
    Instances,
    ServedModel,
    Serverless,
    Variant,
    registered,
)
from sparring.inference.metrics import ScoringMetrics
from sparring.inference.packaged import PROBABILITY, PackageModel
from sparring.inference.realtime import EndpointModel
from sparring.inference.staging import scratch_prefix
from sparring.io import storage
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.resources import S3_PREFIX, delete_below
from sparring.sagemaker.target import AwsTarget
from sparring.wire.media import CSV, JSON_LINES, PARQUET

LOCAL_IMAGE = "sparring:local"
# Read by our container: an asynchronous endpoint takes larger bodies than a real-time one.
BODY_VARIABLE = "SPARRING_MAX_BODY_BYTES"


@dataclass
class Scoring:
    """One table, one model package, one way.

    Attributes
    ----------
    package : str
        Path of ``model.tar.gz``.
    columns : list of str
        What the package takes, in its order.
    config : PredictConfig
    target : AwsTarget or None
        The account; None where none takes part.
    registry : ResourceRegistry, optional
        Where what is created is recorded.
    phases : dict of str to float
        What took how many seconds: deploy, cold_start, score, clean_up; filled as it happens.
    metrics : callable
        Returns the metrics of what was scored.
    width : int
        Scores of a row.
    """

    package: str
    columns: list[str]
    config: PredictConfig
    target: AwsTarget | None = None
    registry: ResourceRegistry | None = None
    phases: dict[str, float] = field(default_factory=dict)
    metrics: Callable[[], ScoringMetrics] = ScoringMetrics
    width: int = 1

    @property
    def aws(self) -> AwsTarget:
        """The account, where one is needed."""
        assert self.target is not None
        return self.target

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the body of the ``with`` statement."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - begun

    def score(self, mode: str, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
        """Score ``rows`` and hand the result to ``write`` while what it is read from exists.

        Parameters
        ----------
        mode : {"one_machine", "spark", "realtime", "serverless", "async", "batch"}
        rows : DataFrame
            With the package's columns and ``sparring__key``.
        write : callable
            Takes ``rows`` with ``sparring__probability``; it must not be lazy.
        """
        MODES[mode](self, rows, write)

    # -- what the modes share -----------------------------------------------------------------------------------

    @contextmanager
    def uploaded(self) -> Iterator[tuple[ServedModel, str]]:
        """Put the package into S3 for the body of the ``with`` statement; the value has its prefix too.

        Whatever else the job puts into S3 goes below that prefix and is deleted with it.
        """
        target = self.aws
        image = self.config.image or (LOCAL_IMAGE if target.emulator is not None else None)
        if image is None:
            raise ConfigError(
                "predict.image is missing: AWS serves the package with an image of yours",
                "Build conf/docker/Dockerfile, push it to ECR, and set predict.image to its URI.",
            )
        prefix, registry = scratch_prefix(target, "predict"), self.registry or ResourceRegistry(target)
        registry.record(S3_PREFIX, prefix)
        try:
            key = prefix + "model.tar.gz"
            body = storage.read_bytes(storage.normalize(self.package))
            target.client("s3").put_object(Bucket=target.bucket, Key=key, Body=body)
            yield ServedModel(image, f"s3://{target.bucket}/{key}"), prefix
        finally:
            with self.phase("clean_up"):
                delete_below(target, prefix)
                registry.forget(S3_PREFIX, prefix)

    @contextmanager
    def deployed(self, variant: Variant, asynchronous: AsyncOutput | None = None) -> Iterator[Deployment]:
        """Serve the package for the body of the ``with`` statement."""
        capture = DataCapture(self.config.capture) if self.config.capture and self._can_capture(variant) else None
        resources = ExitStack()
        with self.phase("deploy"):
            endpoint = resources.enter_context(
                Deployment(self.aws, "sparring-predict", [variant], asynchronous, capture, self.registry)
            )
        try:
            yield endpoint
        finally:
            with self.phase("clean_up"):
                resources.close()

    @staticmethod
    def _can_capture(variant: Variant) -> bool:
        return isinstance(variant.compute, Instances)

    @property
    def instances(self) -> Instances:
        """The machines that serve."""
        return Instances(self.config.instance_type, self.config.instance_count)

    @property
    def content_type(self) -> str:
        """Of requests."""
        return self.config.content_type or PARQUET


def _packaged(scoring: Scoring, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
    # Rows that cannot be scored were taken out before, as in the other modes.
    model = PackageModel(package=scoring.package, probabilityCol=PROBABILITY, predictedCol="")
    scoring.metrics = lambda: model.metrics
    with scoring.phase("score"):
        write(model.transform(rows))


def _realtime(scoring: Scoring, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
    with scoring.uploaded() as (served, _), scoring.deployed(Variant(served, scoring.instances)) as endpoint:
        _through_endpoint(scoring, endpoint.name, rows, write)


def _serverless(scoring: Scoring, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
    options = scoring.config.serverless
    compute = Serverless(options.memory_mb, options.max_concurrency)
    with scoring.uploaded() as (served, _), scoring.deployed(Variant(served, compute)) as endpoint:
        first = _endpoint_model(scoring, endpoint.name)
        first.transform(rows.limit(1)).select(PROBABILITY).collect()
        # The first request's latency, without Spark's share.
        scoring.phases["cold_start"] = first.metrics.seconds
        _through_endpoint(scoring, endpoint.name, rows, write)


def _through_endpoint(scoring: Scoring, name: str, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
    model = _endpoint_model(scoring, name)
    scoring.metrics = lambda: model.metrics
    with scoring.phase("score"):
        write(model.transform(rows))


def _endpoint_model(scoring: Scoring, name: str) -> EndpointModel:
    options = scoring.config.requests
    return EndpointModel(
        endpointName=name,
        target=scoring.aws,
        inputCols=scoring.columns,
        contentType=scoring.content_type,
        probabilityCol=PROBABILITY,
        numScores=scoring.width,
        maxRows=options.max_rows,
        maxBytes=options.max_bytes,
        concurrency=options.concurrency,
        attempts=options.attempts,
        deadlineSeconds=options.deadline_seconds,
    )


def _asynchronous(scoring: Scoring, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
    options, target = scoring.config.asynchronous, scoring.aws
    with ExitStack() as resources:
        served, prefix = resources.enter_context(scoring.uploaded())
        answers = f"s3://{target.bucket}/{prefix}"
        output = AsyncOutput(f"{answers}output", f"{answers}failure", options.max_concurrent)
        larger = ServedModel(served.image, served.data, {BODY_VARIABLE: str(options.max_bytes)})
        endpoint = resources.enter_context(scoring.deployed(Variant(larger, scoring.instances), output))
        model = AsyncEndpointModel(
            endpointName=endpoint.name,
            target=target,
            inputCols=scoring.columns,
            contentType=scoring.content_type,
            probabilityCol=PROBABILITY,
            numScores=scoring.width,
            maxRows=options.max_rows,
            maxBytes=options.max_bytes,
            invocationSeconds=options.invocation_seconds,
            waitSeconds=scoring.config.wait_seconds,
            stagingPrefix=prefix + "staged/",
        )
        scoring.metrics = lambda: model.metrics
        with scoring.phase("score"):
            write(model.transform(rows))


def _batch(scoring: Scoring, rows: DataFrame, write: Callable[[DataFrame], Any]) -> None:
    options = scoring.config.batch
    kind = scoring.config.content_type or (CSV if options.join else PARQUET)
    with ExitStack() as resources:
        served, prefix = resources.enter_context(scoring.uploaded())
        name = resources.enter_context(registered(scoring.aws, "sparring-predict", served, scoring.registry))
        model = BatchTransformModel(
            modelName=name,
            target=scoring.aws,
            inputCols=scoring.columns,
            contentType=kind,
            accept=JSON_LINES if kind == JSON_LINES and options.join else CSV,
            probabilityCol=PROBABILITY,
            numScores=scoring.width,
            maxRows=options.max_rows,
            instanceType=scoring.config.instance_type,
            instanceCount=scoring.config.instance_count,
            batchStrategy=options.strategy,
            maxPayloadMb=options.max_payload_mb,
            maxConcurrentTransforms=options.max_concurrent_transforms,
            joinSource="Input" if options.join else "None",
            keyCol=KEY,
            waitSeconds=scoring.config.wait_seconds,
            stagingPrefix=prefix + "staged/",
        )
        model.registry = scoring.registry
        scoring.metrics = lambda: model.metrics
        with scoring.phase("score"):
            write(model.transform(rows))


MODES: dict[str, Callable[[Scoring, DataFrame, Callable[[DataFrame], Any]], None]] = {
    "realtime": _realtime,
    "serverless": _serverless,
    "async": _asynchronous,
    "batch": _batch,
    "spark": _packaged,
    # In this process.
    "one_machine": _packaged,
}
