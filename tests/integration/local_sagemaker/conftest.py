"""One local SageMaker with a small image of our own, and the few calls that most tests begin with."""

import io
import itertools
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparring_local_sagemaker import LocalAws

TOY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
PROGRAM = [sys.executable, "-S", "-E", str(Path(__file__).parent / "toy.py")]
IMAGES = {"images": [{"uri": "*/toy:*", "train": [*PROGRAM, "train"], "serve": [*PROGRAM, "serve"]}]}
PATIENCE = 60.0


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true answer of ``condition``."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"in vain for {what}"
        time.sleep(0.02)
    return found


def commands_of(pid: int) -> dict[int, str]:
    """Return the ids and command lines of what a process started and that still runs: each may end meanwhile."""
    found = {}
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found[child.pid] = " ".join(child.cmdline())
    return found


@pytest.fixture(scope="session")
def living() -> Callable[[int], dict[int, str]]:
    """Function that returns the living processes below one, with their commands."""
    return commands_of


class Cloud:
    """A server and short words for long requests."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.s3, self.sagemaker = aws.client("s3"), aws.client("sagemaker")
        self.runtime, self.logs = aws.client("sagemaker-runtime"), aws.client("logs")
        self._names = (f"n{number}" for number in itertools.count(1))

    @staticmethod
    def wait_for(condition: Callable[[], Any], what: str) -> Any:
        return wait_for(condition, what)

    def programs(self) -> int:
        """Return how many programs of jobs and endpoints run."""
        return sum("toy.py" in command for command in commands_of(self.aws._process.pid).values())

    def name(self) -> str:
        return next(self._names)

    def put(self, **objects: str | bytes) -> str:
        """Put objects below a prefix of their own; return it."""
        prefix = f"data/{self.name()}/"
        for name, body in objects.items():
            key = prefix + name.replace("__", ".").replace("_s_", "/")
            self.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)
        return f"s3://{self.aws.bucket}/{prefix}"

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, uri: str) -> list[str]:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return [
            e["Key"].removeprefix(prefix)
            for e in self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        ]

    # -- training

    def channel(self, uri: str, name: str = "train", distribution: str = "FullyReplicated", **more: Any) -> dict:
        source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": distribution}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}

    def job_request(self, do: str, name: str | None = None, hosts: int = 1, **changes: Any) -> dict[str, Any]:
        return {
            "TrainingJobName": name or self.name(),
            "AlgorithmSpecification": {"TrainingImage": TOY, "TrainingInputMode": "File"},
            "RoleArn": self.aws.role_arn,
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.aws.bucket}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "HyperParameters": {"do": do},
            **changes,
        }

    def start(self, do: str, name: str | None = None, hosts: int = 1, **changes: Any) -> str:
        request = self.job_request(do, name, hosts, **changes)
        self.sagemaker.create_training_job(**request)
        return request["TrainingJobName"]

    def settled(self, name: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            job = self.sagemaker.describe_training_job(TrainingJobName=name)
            return None if job["TrainingJobStatus"] in ("InProgress", "Stopping") else job

        return wait_for(found, f"the end of {name}")

    def train(self, do: str, **given: Any) -> dict[str, Any]:
        return self.settled(self.start(do, **given))

    def model(self, job: dict[str, Any]) -> dict[str, bytes]:
        """Return the files of a job's model."""
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        with tarfile.open(fileobj=io.BytesIO(self.read(job["ModelArtifacts"]["S3ModelArtifacts"]))) as archive:
            return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]

    def events(self, group: str, stream_prefix: str) -> list[str]:
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream_prefix)["logStreams"]
        lines = []
        for stream in streams:
            found = self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines += [event["message"] for event in found["events"]]
        return lines

    # -- serving

    def create_model(self, **environment: str) -> str:
        name = self.name()
        container = {"Image": TOY, "Environment": environment}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.aws.role_arn, PrimaryContainer=container)
        return name

    def variant(self, name: str = "all", model: str | None = None, **more: Any) -> dict[str, Any]:
        sized = {} if "ServerlessConfig" in more else {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        return {"VariantName": name, "ModelName": model or self.create_model(), **sized, **more}

    def config(self, *variants: dict[str, Any], **more: Any) -> str:
        name = self.name()
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **more)
        return name

    def deploy(self, *variants: dict[str, Any], name: str | None = None, **more: Any) -> str:
        name = name or self.name()
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=self.config(*variants, **more))
        assert self.endpoint_settled(name)["EndpointStatus"] == "InService"
        return name

    def endpoint_settled(self, name: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            endpoint = self.sagemaker.describe_endpoint(EndpointName=name)
            return endpoint if endpoint["EndpointStatus"] in ("InService", "Failed") else None

        return wait_for(found, f"{name} in service")

    def invoke(self, name: str, body: str = "1,2", content_type: str = "text/csv", **more: Any) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName=name, Body=body.encode(), ContentType=content_type, **more)
        return answer["Body"].read().decode()

    def transform(self, uri: str, model: str | None = None, name: str | None = None, **changes: Any) -> dict[str, Any]:
        """Return the description of a transform job that has ended, with its output prefix."""
        name = name or self.name()
        given = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "ContentType": "text/csv"}
        output = f"s3://{self.aws.bucket}/transformed/{name}"
        request = {
            "TransformJobName": name,
            "ModelName": model or self.create_model(),
            "TransformInput": given | changes.pop("Input", {}),
            "TransformOutput": {"S3OutputPath": output} | changes.pop("Output", {}),
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **changes,
        }
        self.sagemaker.create_transform_job(**request)

        def found() -> dict[str, Any] | None:
            job = self.sagemaker.describe_transform_job(TransformJobName=name)
            return None if job["TransformJobStatus"] in ("InProgress", "Stopping") else job

        return wait_for(found, f"the end of {name}") | {"output": f"{output}/"}


def rule(name: str, operation: str, pattern: str, effect: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"name": name, "match": {"operation": operation, "name": pattern, **match}, "effect": effect}


# All faults of all tests, each by the name of what it strikes.
FAULTS = {
    "faults": [
        rule("spot", "TrainingJob:Training", "spot-*", {"kind": "interrupt"}, count=1),
        rule(
            "internal",
            "TrainingJob:Training",
            "flaky-*",
            {"kind": "fail", "message": "InternalServerError: once"},
            count=1,
        ),
        rule(
            "capacity",
            "TrainingJob:Starting",
            "capacity-*",
            {"kind": "fail", "message": "CapacityError: no ml.m5.large"},
        ),
        rule("full", "TrainingJob:Downloading", "full-*", {"kind": "disk_full", "size": 3}),
        rule("lost", "TrainingJob:Uploading", "lost-*", {"kind": "fail", "message": "InternalServerError: upload"}),
        rule("throttled", "DescribeEndpoint", "throttled-*", {"kind": "throttling"}, count=2),
        rule("expired", "ListModels", "*", {"kind": "expired_credentials"}, count=1),
        rule("denied", "s3:GetObject", "*/denied/*", {"kind": "access_denied"}, caller="any"),
        rule("slow-down", "s3:PutObject", "*/slow-down", {"kind": "slow_down"}, count=2),
        rule("cut", "s3:GetObject", "*/cut", {"kind": "cut", "size": 2}, count=1),
        rule("dropped", "s3:PutObject", "*/dropped", {"kind": "drop"}, count=1),
        rule("sick", "Endpoint:Creating", "sick-*", {"kind": "fail", "message": "did not pass the ping health check"}),
        rule("424", "InvokeEndpoint", "broken", {"kind": "model_error", "status": 500, "message": "bang"}, calls=[1]),
        rule("503", "InvokeEndpoint", "broken", {"kind": "unavailable"}, calls=[2]),
        rule("500", "InvokeEndpoint", "broken", {"kind": "internal_error"}, calls=[3]),
        rule("short", "InvokeEndpoint", "broken", {"kind": "short_answer"}, calls=[4]),
        rule("empty", "InvokeEndpoint", "broken", {"kind": "empty_answer"}, calls=[5]),
        rule("batch", "container:invocations", "batch-*", {"kind": "model_error", "status": 503}, count=2),
        rule("transform", "TransformJob:Transforming", "doomed-*", {"kind": "fail", "message": "ClientError: doomed"}),
    ]
}


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with LocalAws(images=IMAGES, faults=FAULTS, serverless_idle_seconds=0.5) as aws:
        yield Cloud(aws)


@pytest.fixture(scope="session")
def images() -> dict[str, Any]:
    """What a server needs to run the toy."""
    return IMAGES


@pytest.fixture(scope="session")
def cloud_of() -> type[Cloud]:
    """For tests that start a server of their own."""
    return Cloud
