"""Following a job: statuses, log and metrics as they come, each once; the deadline; the last lines of a failure."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from sparring.errors import SageMakerError
from sparring.sagemaker.job_watcher import LOG_GROUP, JobLog, JobWatcher
from sparring.sagemaker.target import AwsTarget

TARGET = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "eu-west-1")
STREAM = {"logStreams": [{"logStreamName": "job-1/algo-1"}]}
NOW = datetime.now(timezone.utc)
STEPS = [("Starting", "Preparing"), ("Training", "In progress"), ("Completed", "Done")]


def described(status: str, steps: int = 3, age: float = 0) -> dict[str, Any]:
    transitions = [{"Status": name, "StartTime": NOW, "StatusMessage": said} for name, said in STEPS[:steps]]
    return {
        "TrainingJobName": "job-1",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-1",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/k"},
        "TrainingJobStatus": status,
        "SecondaryStatus": STEPS[steps - 1][0],
        "StoppingCondition": {},
        "CreationTime": datetime.now(timezone.utc) - timedelta(seconds=age),
        "SecondaryStatusTransitions": transitions,
    }


def page(*lines: str, token: str) -> dict[str, Any]:
    return {"events": [{"message": line} for line in lines], "nextForwardToken": token}


class Aws:
    """Stubbed clients, whose answers are checked against botocore's model."""

    def __init__(self) -> None:
        arguments = {"region_name": "eu-west-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
        self.clients = {name: boto3.client(name, **arguments) for name in ("sagemaker", "logs")}
        stubs = {name: Stubber(client) for name, client in self.clients.items()}
        self.sagemaker, self.logs = stubs["sagemaker"], stubs["logs"]
        for stub in stubs.values():
            stub.activate()
        self.told: list[str] = []

    def watcher(self, deadline: float = 100, metrics: dict[str, str] | None = None) -> JobWatcher:
        return JobWatcher(TARGET, "job-1", deadline, metrics, self.told.append)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    stubbed = Aws()
    monkeypatch.setattr(AwsTarget, "client", lambda self, service, **_: stubbed.clients[service])
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return stubbed


def test_each_status_and_each_line_is_told_once_and_metrics_are_read_from_lines(aws: Aws) -> None:
    aws.sagemaker.add_response("describe_training_job", described("InProgress", 1))
    aws.logs.add_response("describe_log_streams", STREAM)
    aws.logs.add_response("get_log_events", page("auc=0.5", token="t1"))
    aws.logs.add_response("get_log_events", page(token="t1"))
    aws.sagemaker.add_response("describe_training_job", described("Completed", 3))
    aws.logs.add_response("describe_log_streams", STREAM)
    aws.logs.add_response("get_log_events", page("auc=0.75", token="t2"))
    aws.logs.add_response("get_log_events", page(token="t2"))
    aws.logs.add_response("describe_log_streams", STREAM)
    aws.logs.add_response("get_log_events", page(token="t2"))
    watcher = aws.watcher(metrics={"auc": r"auc=([0-9.]+)"})
    assert watcher.until_ended()["TrainingJobStatus"] == "Completed"
    assert aws.told == [
        "job-1: Starting - Preparing",
        "job-1 | auc=0.5",
        "job-1: auc = 0.5",
        "job-1: Training - In progress",
        "job-1: Completed - Done",
        "job-1 | auc=0.75",
        "job-1: auc = 0.75",
    ]
    assert watcher.metrics == {"auc": 0.75}
    assert watcher.tail() == "\n  | auc=0.5\n  | auc=0.75"


def missing(aws: Aws) -> None:
    aws.logs.add_client_error("describe_log_streams", "ResourceNotFoundException", "The specified log group")


def denied(aws: Aws) -> None:
    aws.logs.add_client_error("describe_log_streams", "AccessDeniedException", "not yours")


@pytest.mark.parametrize(
    ("refuse", "says", "asked"),
    [(missing, "job-1: it has no log in CloudWatch", 3), (denied, "job-1: its log cannot be read", 1)],
)
def test_a_log_that_is_absent_is_said_once(aws: Aws, refuse: Callable[[Aws], None], says: str, asked: int) -> None:
    for status in ("InProgress", "Completed"):
        aws.sagemaker.add_response("describe_training_job", described(status))
    for _ in range(asked):
        refuse(aws)
    aws.watcher().until_ended()
    assert [line.startswith(says) for line in aws.told].count(True) == 1
    aws.logs.assert_no_pending_responses()


def test_a_job_past_its_deadline_is_stopped(aws: Aws) -> None:
    aws.sagemaker.add_response("describe_training_job", described("InProgress", 2, age=101))
    missing(aws)
    aws.sagemaker.add_response("describe_training_job", described("InProgress", 2, age=101))
    aws.sagemaker.add_response("stop_training_job", {}, {"TrainingJobName": "job-1"})
    aws.sagemaker.add_response("describe_training_job", described("Stopping", 2))
    aws.sagemaker.add_response("describe_training_job", described("Stopped", 2))
    with pytest.raises(SageMakerError, match="had not ended 100 seconds after its creation; it was stopped"):
        aws.watcher(deadline=100).poll()
    aws.sagemaker.assert_no_pending_responses()


def test_a_job_that_is_not_there_yet_is_none_and_one_that_never_comes_is_an_error(aws: Aws) -> None:
    for _ in range(2):
        aws.sagemaker.add_client_error("describe_training_job", "ValidationException", "Requested resource not found.")
    assert aws.watcher().poll() is None
    with pytest.raises(SageMakerError, match="There is no training job job-1"):
        aws.watcher().until_ended()


def test_all_pages_of_all_hosts_are_read(aws: Aws) -> None:
    streams = {"logStreams": [{"logStreamName": f"job-1/algo-{n}"} for n in (2, 1)]}
    expected = {"logGroupName": LOG_GROUP, "logStreamNamePrefix": "job-1/"}
    aws.logs.add_response("describe_log_streams", streams, expected)
    for host in (1, 2):
        for number, token in ((1, "a"), (2, "b")):
            aws.logs.add_response("get_log_events", page(f"{host}.{number}", token=f"{host}{token}"))
        aws.logs.add_response("get_log_events", page(token=f"{host}b"))
    assert list(JobLog(TARGET, "job-1").new_lines()) == ["1.1", "1.2", "2.1", "2.2"]
