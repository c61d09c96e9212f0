"""CreateTrainingJob, DescribeTrainingJob, StopTrainingJob, ListTrainingJobs, UpdateTrainingJob."""

from __future__ import annotations

import time

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.algorithms import Algorithms
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record, Store
from sparring_local_sagemaker.training.channels import check_channels
from sparring_local_sagemaker.training.entry_point import check_entry_point
from sparring_local_sagemaker.training.job import FOLLOWS, TrainingJob, model_uri, shown
from sparring_local_sagemaker.training.metrics import check_definitions

HOST_LIMIT = 20
# What DescribeTrainingJob has no member for.
UNSHOWN = ("Tags", "SessionChainingConfig")
LISTING = Listing(
    "TrainingJobSummaries",
    "TrainingJobName",
    (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
    ),
    status="TrainingJobStatus",
    order="Ascending",
)


class TrainingJobs:
    """The training jobs of one server."""

    def __init__(self, platform: Platform, algorithms: Algorithms) -> None:
        self.platform, self.algorithms = platform, algorithms
        self.store = Store("training-job", platform.state / "records" / "training-jobs")
        self.jobs: dict[str, TrainingJob] = {}
        for record in self.store:
            if record["TrainingJobStatus"] in FOLLOWS:
                self._mark_lost(record)
        self.operations = {
            "CreateTrainingJob": self.create,
            "DescribeTrainingJob": self.describe,
            "StopTrainingJob": self.stop,
            "ListTrainingJobs": lambda request: LISTING.page(self.store, request),
            "UpdateTrainingJob": self.update,
        }

    def _mark_lost(self, record: Record) -> None:
        """Fail a job whose server went down under it."""
        reason = "InternalServerError: the local emulator of SageMaker went down while the job ran"
        now = time.time()
        record["SecondaryStatusTransitions"].append({"Status": "Failed", "StartTime": now, "StatusMessage": reason})
        record |= {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "FailureReason": reason}
        self.store.put(record["TrainingJobName"], record | {"LastModifiedTime": now}, sure=True)

    def create(self, request: Record) -> Record:
        """CreateTrainingJob."""
        name = request["TrainingJobName"]
        with self.platform.lock:
            if name in self.store:
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a training job with "
                    f"this name already exists ({self.store.arn(name)})",
                )
            self._check(request)
            image = self._image(request["AlgorithmSpecification"])
            check_entry_point(self.platform.images, image, request)
            now = time.time()
            record = {
                **{key: value for key, value in request.items() if key not in UNSHOWN},
                "TrainingJobArn": self.store.arn(name),
                "CreationTime": now,
                # A required member of the answer; before completion it says where the model will be.
                "ModelArtifacts": {"S3ModelArtifacts": model_uri(request)},
            }
            if "KeepAlivePeriodInSeconds" in request["ResourceConfig"]:
                # There is nothing to keep warm here.
                record["WarmPoolStatus"] = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
            folder = self.platform.state / "training-jobs" / f"{name}-{time.time_ns()}"
            job = TrainingJob(self.platform, self.store, record, image, folder)
            with self.platform.tags.of_new(self.store.arn(name), request.get("Tags", [])):
                job.start()
            self.jobs[name] = job
        return {"TrainingJobArn": self.store.arn(name)}

    def _image(self, algorithm: Record) -> str:
        if "AlgorithmName" in algorithm:
            return self.algorithms.training_image(algorithm["AlgorithmName"])
        image: str = algorithm["TrainingImage"]
        return image

    def _check(self, request: Record) -> None:
        """Raise what AWS refuses beyond its service model."""
        algorithm, resources = request["AlgorithmSpecification"], request["ResourceConfig"]
        if ("TrainingImage" in algorithm) == ("AlgorithmName" in algorithm):
            raise AwsError("ValidationException", "Specify exactly one of TrainingImage and AlgorithmName")
        count = resources.get("InstanceCount", 1)
        if count < 1 or "InstanceType" not in resources:
            raise AwsError("ValidationException", "InstanceType is required and InstanceCount must be 1 or more")
        if count > HOST_LIMIT:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{resources['InstanceType']} for training job usage' is "
                f"{HOST_LIMIT} Instances, with a request delta of {count} Instances.",
            )
        if not request["OutputDataConfig"]["S3OutputPath"].startswith("s3://"):
            raise AwsError("ValidationException", "S3OutputPath must begin with s3://")
        check_channels(request)
        check_definitions(algorithm.get("MetricDefinitions", []))
        _check_spot(request)
        self.platform.require_role(request["RoleArn"])

    def describe(self, request: Record) -> Record:
        """DescribeTrainingJob."""
        name = request["TrainingJobName"]
        if name in self.jobs:
            return self.jobs[name].describe()
        if name not in self.store:
            raise AwsError("ValidationException", "Requested resource not found.")
        return shown(self.store.found(name))

    def stop(self, request: Record) -> Record:
        """StopTrainingJob."""
        record = self.describe(request)
        name = request["TrainingJobName"]
        if name not in self.jobs:
            raise AwsError(
                "ValidationException",
                "The request was rejected because the training job is in status " + record["TrainingJobStatus"],
            )
        self.jobs[name].stop()
        return {}

    def update(self, request: Record) -> Record:
        """UpdateTrainingJob: refused, for there is no profiler and no warm pool to change."""
        self.describe(request)
        raise AwsError(
            "ValidationException",
            "The local emulator of SageMaker has neither profiler nor warm pools, so a job has nothing to update",
        )

    def shut_down(self) -> None:
        """End every process."""
        for job in self.jobs.values():
            if job.thread.is_alive():
                job.kill()


def _check_spot(request: Record) -> None:
    limits = request["StoppingCondition"]
    wait, run = limits.get("MaxWaitTimeInSeconds"), limits.get("MaxRuntimeInSeconds", 86_400)
    spot = request.get("EnableManagedSpotTraining", False)
    if spot and (wait is None or wait < run):
        raise AwsError(
            "ValidationException",
            "MaxWaitTimeInSeconds must be present and equal to or greater than MaxRuntimeInSeconds when "
            "EnableManagedSpotTraining is true",
        )
    if not spot and wait is not None:
        raise AwsError("ValidationException", "MaxWaitTimeInSeconds needs EnableManagedSpotTraining")
    path = request.get("CheckpointConfig", {}).get("LocalPath", "/opt/ml/checkpoints")
    if not path.startswith("/opt/ml/") or ".." in path:
        raise AwsError("ValidationException", f"CheckpointConfig.LocalPath must lie below /opt/ml, got {path}")
