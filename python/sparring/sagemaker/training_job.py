"""One training job through ``sagemaker-pyspark``'s own XGBoost estimator, unmodified."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sparring.config.schema import SageMakerConfig
from sparring.errors import SageMakerError
from sparring.sagemaker.target import AwsTarget

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PREFIX = "sparring"
# XGBoost's names that the library's estimator calls differently.
LIBRARY_NAMES = {"lambda": "lambda_weights"}
LOCAL_POLL_SECONDS = 1


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
        self.name = f"{PREFIX}-{name}"[:40].rstrip("-") + f"-{uuid.uuid4().hex[:12]}"
        # It ends in a slash so that deleting it can never take a sibling whose name begins alike.
        self.prefix = target.key(PREFIX, self.name) + "/"

    def run(self, spark: SparkSession, rows: DataFrame, hyperparameters: dict[str, Any]) -> TrainedModel:
        """Upload ``rows``, train, and return the model.

        Parameters
        ----------
        spark : SparkSession
            With the hand-off's jars and the target's :meth:`~AwsTarget.spark_conf`.
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
            estimator._set(**{LIBRARY_NAMES.get(name, name): value})
        # The library's own wait is endless in practice: this one stops the job, and the wait then ends.
        deadline = threading.Timer(self.config.max_runtime_seconds + 600, self.stop)
        deadline.daemon = True
        deadline.start()
        try:
            estimator.fit(rows)
        except Exception as error:
            raise self._failure(error) from error
        finally:
            deadline.cancel()
        found = self.describe()
        return TrainedModel(
            self.name,
            estimator.trainingImage,
            found["ModelArtifacts"]["S3ModelArtifacts"],
            _phases(found["SecondaryStatusTransitions"]),
        )

    def describe(self) -> dict[str, Any]:
        """Return DescribeTrainingJob's answer."""
        answer: dict[str, Any] = self.target.client("sagemaker").describe_training_job(
            TrainingJobName=self.name
        )
        return answer

    def stop(self) -> None:
        """Stop the job if it runs; a job that never was or has ended is fine."""
        client = self.target.client("sagemaker")
        try:
            if self.describe()["TrainingJobStatus"] == "InProgress":
                client.stop_training_job(TrainingJobName=self.name)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise

    def delete_data(self) -> None:
        """Delete everything below the job's prefix."""
        s3 = self.target.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.target.bucket, Prefix=self.prefix)
        for page in pages:
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if keys:
                s3.delete_objects(Bucket=self.target.bucket, Delete={"Objects": keys, "Quiet": True})

    def _estimator(self, spark: SparkSession) -> Any:
        """Return the library's estimator; it must be imported after the session has its jars."""
        from sagemaker_pyspark import EndpointCreationPolicy, IAMRole, S3DataPath
        from sagemaker_pyspark.algorithms import XGBoostSageMakerEstimator
        from sagemaker_pyspark.NamePolicy import CustomNamePolicyFactory

        if self.target.stand_in is not None:
            _poll_every(spark, LOCAL_POLL_SECONDS)
        client, bucket = self.target.jvm_client, self.target.bucket
        return XGBoostSageMakerEstimator(
            trainingInstanceType=self.config.instance_type,
            trainingInstanceCount=self.config.instance_count,
            endpointInstanceType=self.config.instance_type,
            endpointInitialInstanceCount=1,
            sagemakerRole=IAMRole(self.target.role),
            trainingInputS3DataPath=S3DataPath(bucket, self.prefix + "input"),
            trainingOutputS3DataPath=S3DataPath(bucket, self.prefix + "output"),
            trainingInstanceVolumeSizeInGB=self.config.volume_gb,
            trainingContentType="text/libsvm",
            trainingS3DataDistribution="FullyReplicated",
            trainingMaxRuntimeInSeconds=self.config.max_runtime_seconds,
            endpointCreationPolicy=EndpointCreationPolicy.DO_NOT_CREATE,
            sagemakerClient=client(spark, "com.amazonaws.services.sagemaker.AmazonSageMakerClientBuilder"),
            region=self.target.region,
            s3Client=client(spark, "com.amazonaws.services.s3.AmazonS3ClientBuilder"),
            stsClient=client(
                spark, "com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder"
            ),
            # The library deletes by a bare prefix, which can take a sibling's data; see delete_data.
            deleteStagingDataAfterTraining=False,
            namePolicyFactory=CustomNamePolicyFactory(self.name, self.name, self.name, self.name),
        )

    def _failure(self, error: Exception) -> SageMakerError:
        """Return what SageMaker says of the job, or what the library said when there is no job."""
        try:
            found = self.describe()
        except Exception:
            said = str(getattr(error, "java_exception", error)).splitlines()[0]
            return SageMakerError(
                f"The hand-off to SageMaker failed: {said}", "Check role, bucket and region."
            )
        reason = found.get("FailureReason") or found["SecondaryStatus"]
        return SageMakerError(
            f"Training job {self.name} is {found['TrainingJobStatus']}: {reason}",
            "Mend what the reason names; the job's log has more.",
        )


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
