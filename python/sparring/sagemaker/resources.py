"""What a hand-off creates, kind by kind, and how each is deleted: what is gone already is fine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sparring.errors import SageMakerError
from sparring.sagemaker.target import AwsTarget

TRAINING_JOB, TRANSFORM_JOB, S3_PREFIX = "training-job", "transform-job", "s3-prefix"
MODEL, ENDPOINT_CONFIG, ENDPOINT = "model", "endpoint-config", "endpoint"

# An endpoint cannot be deleted while it is being created; a stopped job has two minutes, then uploads what it has.
PATIENCE_SECONDS = 1_800.0
POLL_SECONDS, LOCAL_POLL_SECONDS = 5.0, 0.1
RUNNING = ("InProgress", "Stopping")
# Kind of job -> how boto3's operations and the members of their answers call it.
JOBS = {TRAINING_JOB: ("training_job", "TrainingJob"), TRANSFORM_JOB: ("transform_job", "TransformJob")}


def poll_seconds(target: AwsTarget) -> float:
    """Return how long to wait between two questions."""
    return POLL_SECONDS if target.emulator is None else LOCAL_POLL_SECONDS


def delete(target: AwsTarget, kind: str, name: str) -> None:
    """Delete a resource; one that never was or is gone is fine, a busy one is waited for.

    Parameters
    ----------
    target : AwsTarget
    kind : str
        A key of :data:`DELETIONS`.
    name : str
        Its name; of an S3 prefix the key prefix in the target's bucket, ending in a slash.

    Raises
    ------
    SageMakerError
        If S3 refuses to delete a key.
    botocore.exceptions.ClientError
        If SageMaker refuses.
    """
    DELETIONS[kind](target, name)


def stop_training_job(target: AwsTarget, name: str) -> None:
    """Stop a training job if it runs, and wait until it has ended: a stopped job still uploads its model."""
    _stop_job(target, TRAINING_JOB, name)


def stop_transform_job(target: AwsTarget, name: str) -> None:
    """Stop a transform job if it runs, and wait until it has ended."""
    _stop_job(target, TRANSFORM_JOB, name)


def status_of(client: Any, name: str, kind: str = TRAINING_JOB) -> str | None:
    """Return a job's status, or None when there is no such job."""
    operation, member = JOBS[kind]
    try:
        status: str = getattr(client, f"describe_{operation}")(**{f"{member}Name": name})[f"{member}Status"]
    except client.exceptions.ClientError as error:
        if is_absent(error):
            return None
        raise
    return status


def _stop_job(target: AwsTarget, kind: str, name: str) -> None:
    client = target.client("sagemaker")
    deadline, asked = time.monotonic() + PATIENCE_SECONDS, False
    try:
        while (status := status_of(client, name, kind)) in RUNNING:
            if time.monotonic() > deadline:
                # Who keeps a registry must not strike it out: it still costs.
                raise SageMakerError(
                    f"{kind} {name} is still {status} {PATIENCE_SECONDS:g} seconds after it was asked to stop",
                    "Stop it in SageMaker's console, then run 'sparring sagemaker cleanup' again.",
                )
            if status == "InProgress" and not asked:
                asked = _asked_to_stop(client, kind, name)
            time.sleep(poll_seconds(target))
    except client.exceptions.ClientError:
        # Who may not look at a job may still stop it: it costs as long as it runs.
        _asked_to_stop(client, kind, name)
        raise


def is_absent(error: Any) -> bool:
    """Return whether AWS says that there is no such resource."""
    answer = error.response["Error"]
    absent = ("Could not find", "resource not found", "does not exist")
    return answer["Code"] in ("ResourceNotFound", "ResourceNotFoundException") or (
        answer["Code"] == "ValidationException" and any(words in answer.get("Message", "") for words in absent)
    )


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


def _asked_to_stop(client: Any, kind: str, name: str) -> bool:
    """Ask a job to stop and return True; it may have ended since it was looked at."""
    operation, member = JOBS[kind]
    try:
        getattr(client, f"stop_{operation}")(**{f"{member}Name": name})
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
    return True


def _by_operation(operation: str, argument: str) -> Callable[[AwsTarget, str], None]:
    """Return the deletion by one of SageMaker's operations."""

    def deletion(target: AwsTarget, name: str) -> None:
        client = target.client("sagemaker")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                getattr(client, operation)(**{argument: name})
            except client.exceptions.ClientError as error:
                if is_absent(error):
                    return
                # Any other refusal means that the resource is still being created.
                if error.response["Error"]["Code"] != "ValidationException" or time.monotonic() > deadline:
                    raise
                time.sleep(poll_seconds(target))
            else:
                return

    return deletion


DELETIONS: dict[str, Callable[[AwsTarget, str], None]] = {
    TRAINING_JOB: stop_training_job,
    TRANSFORM_JOB: stop_transform_job,
    S3_PREFIX: delete_below,
    MODEL: _by_operation("delete_model", "ModelName"),
    ENDPOINT_CONFIG: _by_operation("delete_endpoint_config", "EndpointConfigName"),
    ENDPOINT: _by_operation("delete_endpoint", "EndpointName"),
}
