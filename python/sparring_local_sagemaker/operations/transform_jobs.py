"""CreateTransformJob, DescribeTransformJob, StopTransformJob, ListTransformJobs."""

from __future__ import annotations

import time

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.models import Models, containers
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.processing import Processing
from sparring_local_sagemaker.runtime.transform import RUNS, TransformJob
from sparring_local_sagemaker.state import Record, Store

PAYLOAD_LIMIT_MB = 100
LISTING = Listing(
    "TransformJobSummaries",
    "TransformJobName",
    (
        "TransformJobName",
        "TransformJobArn",
        "CreationTime",
        "TransformEndTime",
        "LastModifiedTime",
        "TransformJobStatus",
        "FailureReason",
    ),
    status="TransformJobStatus",
)


class TransformJobs:
    """The batch transform jobs of one server."""

    def __init__(self, platform: Platform, models: Models) -> None:
        self.platform, self.models = platform, models
        self.store = Store("transform-job", platform.state / "records" / "transform-jobs")
        self.jobs: dict[str, TransformJob] = {}
        for record in self.store:
            if record["TransformJobStatus"] in RUNS:
                reason = "InternalServerError: the local emulator of SageMaker went down while the job ran"
                record |= {"TransformJobStatus": "Failed", "FailureReason": reason}
                self.store.put(record["TransformJobName"], record, sure=True)
        self.operations = {
            "CreateTransformJob": self.create,
            "DescribeTransformJob": self.describe,
            "StopTransformJob": self.stop,
            "ListTransformJobs": lambda request: LISTING.page(self.store, request),
        }

    def create(self, request: Record) -> Record:
        """CreateTransformJob."""
        name = request["TransformJobName"]
        with self.platform.lock:
            if name in self.store:
                raise AwsError(
                    "ResourceInUse",
                    "Transform job names must be unique within an AWS account and region, and a transform job with "
                    f"this name already exists ({self.store.arn(name)})",
                )
            _check(request)
            model = self.models.store.found(request["ModelName"])
            record = {
                **{key: value for key, value in request.items() if key != "Tags"},
                "TransformJobArn": self.store.arn(name),
                "CreationTime": time.time(),
            }
            folder = self.platform.state / "transform-jobs" / f"{name}-{time.time_ns()}"
            folder.mkdir(parents=True)
            job = TransformJob(self.platform, self.store, record, containers(model), folder)
            with self.platform.tags.of_new(self.store.arn(name), request.get("Tags", [])):
                job.start()
            self.jobs[name] = job
        return {"TransformJobArn": self.store.arn(name)}

    def describe(self, request: Record) -> Record:
        """DescribeTransformJob."""
        if request["TransformJobName"] not in self.store:
            raise AwsError(
                "ValidationException", "Could not find requested job with name: " + request["TransformJobName"]
            )
        record = self.store.found(request["TransformJobName"])
        return {key: value for key, value in record.items() if key != "LastModifiedTime"}

    def stop(self, request: Record) -> Record:
        """StopTransformJob."""
        record, name = self.describe(request), request["TransformJobName"]
        if name not in self.jobs:
            raise AwsError(
                "ValidationException",
                "The request was rejected because the transform job is in status " + record["TransformJobStatus"],
            )
        self.jobs[name].stop()
        return {}

    def shut_down(self) -> None:
        """End every process."""
        for job in self.jobs.values():
            job.kill()


def _check(request: Record) -> None:
    """Raise what AWS refuses beyond its service model, and what this emulator lacks."""
    split, assemble = request["TransformInput"].get("SplitType", "None"), request["TransformOutput"].get("AssembleWith")
    payload, at_once = request.get("MaxPayloadInMB", 6), request.get("MaxConcurrentTransforms", 1)
    if payload > PAYLOAD_LIMIT_MB or payload * max(1, at_once) > PAYLOAD_LIMIT_MB:
        raise AwsError(
            "ValidationException",
            f"MaxConcurrentTransforms * MaxPayloadInMB must not exceed {PAYLOAD_LIMIT_MB}, got {at_once} * {payload}",
        )
    if assemble == "Line" and split == "None" and request.get("BatchStrategy") == "MultiRecord":
        raise AwsError("ValidationException", "BatchStrategy MultiRecord needs a SplitType other than None")
    if not request["TransformOutput"]["S3OutputPath"].startswith("s3://"):
        raise AwsError("ValidationException", "S3OutputPath must begin with s3://")
    Processing.of(request)
