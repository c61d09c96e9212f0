"""One training job from its configuration to its model, through either client, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark import InheritableThread

from sparring.errors import SageMakerError
from sparring.sagemaker.algorithms import XGBOOST, Algorithm, as_text
from sparring.sagemaker.checks import check_request
from sparring.sagemaker.clients import CLIENTS
from sparring.sagemaker.job_watcher import JobWatcher, OnProgress, print_progress
from sparring.sagemaker.request import TRAIN, JobSpec, training_request
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.resources import (
    S3_PREFIX,
    TRAINING_JOB,
    delete_below,
    poll_seconds,
    status_of,
    stop_training_job,
)
from sparring.sagemaker.target import AwsTarget
from sparring.spark.tasks import reason_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from sparring.config.schema import SageMakerConfig

__all__ = ["Source", "TrainedModel", "TrainingJob", "delete_below", "prefix_of"]

PREFIX = "sparring"
# What a job may outlast its own limits by, and how long to wait for a job or an upload that was asked to end.
GRACE_SECONDS = 600
ABANDON_SECONDS = 20.0


@dataclass(frozen=True)
class TrainedModel:
    """What a completed training job left.

    Attributes
    ----------
    job : str
        The training job's name.
    image : str
        URI of the training image, which also serves the model; empty for an algorithm resource.
    model_data : str
        ``s3://`` URI of ``model.tar.gz``.
    phases : dict of str to float
        Secondary status, such as ``Training``, -> seconds, as SageMaker tells them.
    metrics : dict of str to float
        Last value of each metric, from the log and from SageMaker.
    """

    job: str
    image: str
    model_data: str
    phases: dict[str, float]
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """What is trained: a built-in algorithm, an image of the user's, or an algorithm resource.

    Attributes
    ----------
    algorithm : Algorithm or None
    image : str or None
        Instead of the algorithm's own.
    resource : str or None
        Name or ARN of an algorithm resource.
    content_type : str or None
        Of the channels; the algorithm's own by default.
    """

    algorithm: Algorithm | None = None
    image: str | None = None
    resource: str | None = None
    content_type: str | None = None


class TrainingJob:
    """A training job that leaves nothing behind: its staged data and model are below one prefix of its own.

    Parameters
    ----------
    target : AwsTarget
    config : SageMakerConfig
        With an ``instance_type``.
    name : str
        Begins the job's name; a unique suffix is added.
    source : Source, optional
        What is trained; XGBoost by default.
    registry : ResourceRegistry, optional
        Where resources are recorded before they are created.
    attach : str, optional
        Name of a job that exists already: it is followed to its end instead of starting one.
    tell : callable, optional
        Receives each line of progress; standard error by default.
    """

    def __init__(
        self,
        target: AwsTarget,
        config: SageMakerConfig,
        name: str,
        source: Source | None = None,
        registry: ResourceRegistry | None = None,
        attach: str | None = None,
        on_progress: OnProgress = print_progress,
    ) -> None:
        self.target, self.config, self.source = target, config, source or Source(XGBOOST)
        self.registry = registry or ResourceRegistry(target)
        self.client = CLIENTS[config.client](target, self.source.algorithm)
        self.attached = attach is not None
        self.name = attach or f"{PREFIX}-{name}"[:40].rstrip("-") + f"-{uuid.uuid4().hex[:12]}"
        self.prefix = prefix_of(target, self.name)
        self._on_progress = on_progress
        self._watcher = JobWatcher(target, self.name, self._deadline(), config.metrics, on_progress)
        self._boto3 = target.client("sagemaker")

    @classmethod
    def resumed(cls, target: AwsTarget, config: SageMakerConfig, name: str, **others: Any) -> TrainingJob:
        """Return the job that a registry remembers and that runs or has completed, else a new one.

        Parameters
        ----------
        target, config, name
            As for the class.
        **others
            ``registry`` is needed, ``digest`` says which job is meant: one made of other rows or settings is deleted.
        """
        digest, registry = others.pop("digest"), others["registry"]
        client = target.client("sagemaker")
        for kind, known in registry.resources:
            same = kind == TRAINING_JOB and registry.digest(kind, known) == digest
            if same and status_of(client, known) in ("InProgress", "Completed"):
                return cls(target, config, name, attach=known, **others)
        registry.clean_up()
        return cls(target, config, name, **others)

    def request(self, hyperparameters: Mapping[str, Any], channels: tuple[str, ...] = (TRAIN,)) -> dict[str, Any]:
        """Return the checked request of this job.

        Parameters
        ----------
        hyperparameters : mapping
            In the algorithm's names.
        channels : tuple of str
            Channels that are written.

        Raises
        ------
        ConfigError
            If SageMaker would not take it, or this client cannot send it.
        """
        request = training_request(self._spec(hyperparameters, channels), self.config, self.target)
        check_request(request)
        self.client.check(request, channels)
        return request

    def run(
        self,
        spark: SparkSession,
        rows: DataFrame | dict[str, DataFrame],
        hyperparameters: Mapping[str, Any],
        digest: str = "",
    ) -> TrainedModel:
        """Upload ``rows``, train, and return the model.

        Parameters
        ----------
        spark : SparkSession
        rows : DataFrame, or dict of str to DataFrame
            The train channel, or channels by name; columns as the content type needs them, in the order to train in.
        hyperparameters : mapping
            In the algorithm's names.
        digest : str
            Kept in the registry, so that :meth:`resumed` knows the job again.

        Raises
        ------
        ConfigError
            Before anything is uploaded.
        SageMakerError
            If the job fails, is stopped or outlasts its deadline; with SageMaker's FailureReason and the last lines
            of its log.
        """
        if self.attached:
            self._on_progress(f"{self.name}: attached to a job that was started before")
            return self._finished(self._until_ended())
        channels = rows if isinstance(rows, dict) else {TRAIN: rows}
        request = self.request(hyperparameters, tuple(channels))
        self.client.configure(spark)
        self.registry.record(S3_PREFIX, self.prefix)
        self.registry.record(TRAINING_JOB, self.name, digest)
        self._submit(spark, request, channels, dict(hyperparameters))
        return self._finished(self.describe())

    def describe(self) -> dict[str, Any]:
        """Return DescribeTrainingJob's answer."""
        answer: dict[str, Any] = self._boto3.describe_training_job(TrainingJobName=self.name)
        return answer

    def stop(self) -> None:
        """Stop the job if it runs and wait for its end; a job that never was or has ended is fine."""
        stop_training_job(self.target, self.name)

    def delete_data(self, folder: str = "") -> None:
        """Delete everything below the job's prefix, or below ``folder`` of it, such as ``"input/"``."""
        delete_below(self.target, self.prefix + folder)

    def close(self) -> None:
        """Stop the job if it runs and delete all its objects; the registry no longer lists them then.

        Of a job that cannot be stopped both stay in the registry: it may yet write its model.
        """
        try:
            self.registry.clean_up((TRAINING_JOB,))
        except BaseException:
            self.delete_data()
            raise
        self.registry.clean_up((S3_PREFIX,))

    def keep_model(self) -> None:
        """Delete all but the output; from now on the model is the caller's to delete, no registry lists it."""
        for folder in ("scratch/", "input/", "source/", "checkpoints/"):
            self.delete_data(folder)
        self.registry.forget(TRAINING_JOB, self.name)
        self.registry.forget(S3_PREFIX, self.prefix)

    def _deadline(self) -> float:
        if self.config.deadline_seconds is not None:
            return self.config.deadline_seconds
        limit = self.config.max_runtime_seconds
        if self.config.spot.enabled:
            limit = self.config.spot.max_wait_seconds or 2 * limit
        return limit + (self.config.max_pending_seconds or 0) + GRACE_SECONDS

    def _spec(self, hyperparameters: Mapping[str, Any], channels: tuple[str, ...]) -> JobSpec:
        algorithm, source = self.source.algorithm, self.source
        own_image = algorithm.image(self.target.region) if algorithm and not self.config.image else None
        return JobSpec(
            self.name,
            self.prefix,
            image=source.image or own_image,
            algorithm=source.resource,
            content_type=source.content_type or (algorithm.content_type if algorithm else None),
            hyperparameters={name: as_text(value) for name, value in hyperparameters.items()},
            channels=channels,
        )

    def _submit(
        self,
        spark: SparkSession,
        request: dict[str, Any],
        channels: dict[str, DataFrame],
        hyperparameters: dict[str, Any],
    ) -> None:
        """Submit in a thread, so that whatever ends the wait ends upload and job: the library waits for ever."""
        submitted: Future[None] = Future()
        group = _Group(spark, self.name)

        def work() -> None:
            group.join()
            try:
                self.client.submit(spark, request, channels, hyperparameters)
                submitted.set_result(None)
            except BaseException as error:
                submitted.set_exception(error)

        thread = InheritableThread(target=work, daemon=True)
        thread.start()
        try:
            self._wait(submitted)
        except BaseException:
            self._abandon(group, thread)
            raise

    def _wait(self, submitted: Future[None]) -> None:
        """Return when the job has ended, telling what happens meanwhile."""
        while not wait([submitted], timeout=self._watcher.poll_seconds).done:
            self._watcher.poll()
        error = submitted.exception()
        if error is not None and self._watcher.poll() is None:
            raise self._not_created(error) from error
        self._watcher.until_ended()

    def _until_ended(self) -> dict[str, Any]:
        """Return the last description of a job that was started before; whatever ends the wait ends the job."""
        try:
            return self._watcher.until_ended()
        except BaseException:
            self.stop()
            raise

    def _abandon(self, group: _Group, thread: threading.Thread) -> None:
        """End the upload and the job, whichever runs; a job created meanwhile is stopped as well."""
        group.cancel()
        thread.join(poll_seconds(self.target))
        try:
            stop_training_job(self.target, self.name)
        finally:
            # Also when SageMaker refuses: an upload that goes on would outlive what is deleted next.
            thread.join(ABANDON_SECONDS)
            stop_training_job(self.target, self.name)

    def _finished(self, found: dict[str, Any]) -> TrainedModel:
        """Return the model of a job that has ended, or raise with its reason."""
        if found["TrainingJobStatus"] != "Completed":
            reason = found.get("FailureReason") or found["SecondaryStatus"]
            raise SageMakerError(
                f"Training job {self.name} is {found['TrainingJobStatus']}: {reason}{self._watcher.tail()}",
                "Fix what the reason names; the job's log has more.",
            )
        specification = found["AlgorithmSpecification"]
        final = {metric["MetricName"]: metric["Value"] for metric in found.get("FinalMetricDataList", [])}
        return TrainedModel(
            self.name,
            specification.get("TrainingImage", ""),
            found["ModelArtifacts"]["S3ModelArtifacts"],
            _phases(found["SecondaryStatusTransitions"]),
            {**self._watcher.metrics, **final},
        )

    def _not_created(self, error: BaseException) -> SageMakerError:
        """Return what was said when no job came into being."""
        return SageMakerError(f"The hand-off to SageMaker failed: {reason_of(error)}", "Check role, bucket and region.")


class _Group:
    """Spark jobs that can be cancelled together, also where there is no SparkContext."""

    def __init__(self, spark: SparkSession, name: str) -> None:
        self._spark, self._name = spark, name
        self._connect = "connect" in type(spark).__module__

    def join(self) -> None:
        """Make the jobs of this thread part of the group."""
        if self._connect:
            self._spark.addTag(self._name)
        else:
            self._spark.sparkContext.setJobGroup(self._name, "upload for SageMaker", interruptOnCancel=True)

    def cancel(self) -> None:
        """End the group's jobs."""
        if self._connect:
            self._spark.interruptTag(self._name)
        else:
            self._spark.sparkContext.cancelJobGroup(self._name)


def prefix_of(target: AwsTarget, job: str) -> str:
    """Return the key prefix of a job's data and model.

    It ends in a slash, so that deleting it can never take a sibling whose name begins alike.
    """
    return target.key(PREFIX, job) + "/"


def digest_of(*parts: Any) -> str:
    """Return a short digest of plain values: what a job is made of."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _phases(transitions: list[dict[str, Any]]) -> dict[str, float]:
    """Return seconds by secondary status; the last one has no duration."""
    seconds: dict[str, float] = {}
    for entry in transitions:
        start, end = entry["StartTime"], entry.get("EndTime")
        if isinstance(start, datetime) and isinstance(end, datetime):
            seconds[entry["Status"]] = seconds.get(entry["Status"], 0.0) + (end - start).total_seconds()
    return seconds
