"""One training job through ``sagemaker-pyspark``'s own XGBoost estimator, unmodified."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pyspark import InheritableThread

from sparring.config.schema import SageMakerConfig
from sparring.errors import SageMakerError
from sparring.sagemaker.target import AwsTarget

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PREFIX = "sparring"
LOCAL_POLL_SECONDS = 1
# Between looks at a job's age; what a job may outlast its limit by; how long to wait for a stopped one.
LOOK_SECONDS = 30.0
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
        URI of the algorithm's image, which also serves the model.
    model_data : str
        ``s3://`` URI of ``model.tar.gz``.
    phases : dict of str to float
        Secondary status, such as ``Training``, -> seconds, as SageMaker tells them.
    """

    job: str
    image: str
    model_data: str
    phases: dict[str, float]


class TrainingJob:
    """A training job that leaves nothing behind: its staged data and model are below one prefix of its own.

    Parameters
    ----------
    target : AwsTarget
    config : SageMakerConfig
        Instance, volume and time limit.
    name : str
        Begins the job's name; a unique suffix is added.
    """

    def __init__(self, target: AwsTarget, config: SageMakerConfig, name: str) -> None:
        self.target, self.config = target, config
        self._client = target.client("sagemaker")
        self.name = f"{PREFIX}-{name}"[:40].rstrip("-") + f"-{uuid.uuid4().hex[:12]}"
        self.prefix = prefix_of(target, self.name)

    def run(self, spark: SparkSession, rows: DataFrame, hyperparameters: dict[str, Any]) -> TrainedModel:
        """Upload ``rows``, train, and return the model.

        Parameters
        ----------
        spark : SparkSession
            Made ready by :meth:`AwsTarget.configure`.
        rows : DataFrame
            Columns ``label`` double and ``features`` vector, and no other, in the order to train in.
        hyperparameters : dict
            In XGBoost's names.

        Raises
        ------
        SageMakerError
            If the job fails, is stopped or outlasts its limit; with SageMaker's FailureReason.
        """
        estimator = self._estimator(spark)
        for name, value in hyperparameters.items():
            _set(estimator, name, value)
        self._fit(spark, estimator, rows)
        found = self.describe()
        return TrainedModel(
            self.name,
            estimator.trainingImage,
            found["ModelArtifacts"]["S3ModelArtifacts"],
            _phases(found["SecondaryStatusTransitions"]),
        )

    def describe(self) -> dict[str, Any]:
        """Return DescribeTrainingJob's answer."""
        answer: dict[str, Any] = self._client.describe_training_job(TrainingJobName=self.name)
        return answer

    def stop(self) -> None:
        """Stop the job if it runs; a job that never was or has ended is fine."""
        try:
            if self.describe()["TrainingJobStatus"] == "InProgress":
                self._client.stop_training_job(TrainingJobName=self.name)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise

    def delete_data(self, folder: str = "") -> None:
        """Delete everything below the job's prefix, or below ``folder`` of it, such as ``"input/"``."""
        delete_below(self.target, self.prefix + folder)

    def _fit(self, spark: SparkSession, estimator: Any, rows: DataFrame) -> None:
        """Fit in a thread, so that whatever ends the wait ends the job: the library itself waits for ever."""
        fitted: Future[Any] = Future()

        def work() -> None:
            spark.sparkContext.setJobGroup(self.name, "upload for SageMaker", interruptOnCancel=True)
            try:
                fitted.set_result(estimator.fit(rows))
            except BaseException as error:
                fitted.set_exception(error)

        thread = InheritableThread(target=work, daemon=True)
        thread.start()
        try:
            self._wait(fitted)
        except BaseException:
            self._abandon(spark, thread)
            raise
        error = fitted.exception()
        if error is not None:
            raise self._failure(error) from error

    def _wait(self, fitted: Future[Any]) -> None:
        """Return when ``fitted`` is settled; raise when the job outlasts its own limit and some grace."""
        limit = self.config.max_runtime_seconds + GRACE_SECONDS
        while not wait([fitted], timeout=LOOK_SECONDS).done:
            if self._age() > limit:
                raise SageMakerError(
                    f"Training job {self.name} has not ended {limit} seconds after its creation",
                    "Raise sagemaker.max_runtime_seconds, or choose a larger instance.",
                )

    def _age(self) -> float:
        """Return the seconds since the job was created; 0 while its data is still being uploaded."""
        try:
            created: datetime = self.describe()["CreationTime"]
        except self._client.exceptions.ClientError:
            return 0.0
        return (datetime.now(timezone.utc) - created).total_seconds()

    def _abandon(self, spark: SparkSession, thread: threading.Thread) -> None:
        """End the upload and the job, whichever runs; a job created meanwhile is stopped as well."""
        spark.sparkContext.cancelJobGroup(self.name)
        deadline = time.monotonic() + ABANDON_SECONDS
        while thread.is_alive() and time.monotonic() < deadline:
            self.stop()
            thread.join(0.5)
        self.stop()

    def _estimator(self, spark: SparkSession) -> Any:
        """Return the library's estimator; it must be imported after the session has its jars."""
        from sagemaker_pyspark import EndpointCreationPolicy, IAMRole, S3DataPath
        from sagemaker_pyspark.algorithms import XGBoostSageMakerEstimator
        from sagemaker_pyspark.NamePolicy import CustomNamePolicyFactory

        if self.target.stand_in is not None:
            _poll_every(spark, LOCAL_POLL_SECONDS)
        client, bucket, hosts = self.target.jvm_client, self.target.bucket, self.config.instance_count
        return XGBoostSageMakerEstimator(
            trainingInstanceType=self.config.instance_type,
            trainingInstanceCount=hosts,
            endpointInstanceType=self.config.instance_type,
            endpointInitialInstanceCount=1,
            sagemakerRole=IAMRole(self.target.role),
            trainingInputS3DataPath=S3DataPath(bucket, self.prefix + "input"),
            trainingOutputS3DataPath=S3DataPath(bucket, self.prefix + "output"),
            trainingInstanceVolumeSizeInGB=self.config.volume_gb,
            trainingContentType="text/libsvm",
            trainingS3DataDistribution="FullyReplicated" if hosts == 1 else "ShardedByS3Key",
            trainingMaxRuntimeInSeconds=self.config.max_runtime_seconds,
            endpointCreationPolicy=EndpointCreationPolicy.DO_NOT_CREATE,
            sagemakerClient=client(spark, "com.amazonaws.services.sagemaker.AmazonSageMakerClientBuilder"),
            region=self.target.region,
            s3Client=client(spark, "com.amazonaws.services.s3.AmazonS3ClientBuilder"),
            stsClient=client(spark, "com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder"),
            # The library deletes by a bare prefix, which can take a sibling's data; see delete_data.
            deleteStagingDataAfterTraining=False,
            namePolicyFactory=CustomNamePolicyFactory(self.name, self.name, self.name, self.name),
        )

    def _failure(self, error: BaseException) -> SageMakerError:
        """Return what SageMaker says of the job, or what the library said when there is no job."""
        try:
            found = self.describe()
        except Exception:
            said = str(getattr(error, "java_exception", error)).splitlines()[0]
            return SageMakerError(f"The hand-off to SageMaker failed: {said}", "Check role, bucket and region.")
        reason = found.get("FailureReason") or found["SecondaryStatus"]
        return SageMakerError(
            f"Training job {self.name} is {found['TrainingJobStatus']}: {reason}",
            "Mend what the reason names; the job's log has more.",
        )


def prefix_of(target: AwsTarget, job: str) -> str:
    """Return the key prefix of a job's data and model.

    It ends in a slash, so that deleting it can never take a sibling whose name begins alike.
    """
    return target.key(PREFIX, job) + "/"


def delete_below(target: AwsTarget, prefix: str) -> None:
    """Delete every object below ``prefix``, which must end in a slash.

    Raises
    ------
    SageMakerError
        If S3 refuses to delete a key, naming it.
    """
    assert prefix.endswith("/")
    s3, bucket = target.client("s3"), target.bucket
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
        done = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}) if keys else {}
        for refused in done.get("Errors", []):
            raise SageMakerError(
                f"s3://{bucket}/{refused['Key']} was not deleted: {refused.get('Message')}",
                f"Delete s3://{bucket}/{prefix} yourself, and let the role delete objects there.",
            )


def _set(estimator: Any, name: str, value: Any) -> None:
    """Set a hyperparameter; ``lambda`` goes past the library's Python side, which has it under a wrong name."""
    if name == "lambda":
        inner = estimator._java_obj
        inner.set(inner.getParam(name).w(float(value)))
    else:
        estimator._set(**{name: value})


def _poll_every(spark: SparkSession, seconds: int) -> None:
    """Set how often the library asks for the job's status: its five seconds would outlast a local job."""
    jvm: Any = spark._jvm
    package = jvm.com.amazonaws.services.sagemaker.sparksdk
    module = getattr(package, "SageMakerEstimator$").__getattr__("MODULE$")
    interval = jvm.java.time.Duration.ofSeconds(seconds)
    getattr(module, "TrainingJobPollInterval_$eq")(interval)


def _phases(transitions: list[dict[str, Any]]) -> dict[str, float]:
    """Return seconds by secondary status; the last one has no duration."""
    seconds: dict[str, float] = {}
    for entry in transitions:
        start, end = entry["StartTime"], entry.get("EndTime")
        if isinstance(start, datetime) and isinstance(end, datetime):
            seconds[entry["Status"]] = seconds.get(entry["Status"], 0.0) + (end - start).total_seconds()
    return seconds
