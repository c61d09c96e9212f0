"""The local SageMaker as plain boto3 sees it: what trains, serves, fails, stops and leaves nothing behind."""

import http.client
import io
import itertools
import json
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import xgboost
from botocore.exceptions import ClientError, WaiterError
from sklearn.datasets import dump_svmlight_file

from sparring.errors import SageMakerError
from sparring_local_sagemaker import LocalAws

OLD_IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
NEW_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROUNDS = 10
SETTINGS = {"objective": "binary:logistic", "eta": 0.3, "max_depth": 4, "seed": 1, "nthread": 1}
OFTEN = {"Delay": 0.1, "MaxAttempts": 1_200}
names = (f"n-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as server:
        yield server


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray, bytes]:
    """Features with many absent cells, labels, and both as libsvm text."""
    random = np.random.default_rng(5)
    features = random.normal(size=(500, 12)).astype(np.float32)
    features[random.random(features.shape) < 0.4] = 0
    # The last column appears in few rows: a reader that takes its width from the file must not lose it.
    features[:-3, -1] = 0
    labels = (features[:, 0] + features[:, 1] * features[:, 2] > 0).astype(np.float64)
    text = io.BytesIO()
    dump_svmlight_file(features, labels, text, zero_based=False)
    return features, labels, text.getvalue()


@pytest.fixture(scope="module")
def input_uri(aws: LocalAws, rows: tuple[np.ndarray, np.ndarray, bytes]) -> str:
    """Prefix of the training data, in two objects and with a folder's marker among them."""
    lines = rows[2].splitlines(keepends=True)
    s3 = aws.client("s3")
    for key, part in (("part-00000", lines[:250]), ("part-00001", lines[250:]), ("sub/", [])):
        s3.put_object(Bucket=aws.bucket, Key=f"in/train/{key}", Body=b"".join(part))
    return f"s3://{aws.bucket}/in/train/"


@pytest.fixture(scope="module")
def expected(rows: tuple[np.ndarray, np.ndarray, bytes]) -> np.ndarray:
    """Scores of xgboost itself, trained on the same rows; an absent cell is missing."""
    features, labels, _ = rows
    sparse = np.where(features == 0, np.nan, features)
    booster = xgboost.train(SETTINGS, xgboost.DMatrix(sparse, label=labels), num_boost_round=ROUNDS)
    return booster.predict(xgboost.DMatrix(sparse))


def job_request(aws: LocalAws, uri: str, name: str, **changes: Any) -> dict[str, Any]:
    settings = {"num_round": str(ROUNDS)} | {key: str(value) for key, value in SETTINGS.items()}
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": OLD_IMAGE, "TrainingInputMode": "File"},
        "RoleArn": aws.role_arn,
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "text/libsvm", "DataSource": {"S3DataSource": source}}
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": settings,
    }
    return request | changes


def settled(aws: LocalAws, name: str) -> dict[str, Any]:
    """Return the description of a job that has ended, however it did."""
    client = aws.client("sagemaker")
    waiter = client.get_waiter("training_job_completed_or_stopped")
    try:
        waiter.wait(TrainingJobName=name, WaiterConfig=OFTEN)
    except WaiterError as error:
        if "terminal failure" not in str(error):
            raise
    return client.describe_training_job(TrainingJobName=name)


@pytest.fixture(scope="module")
def trained(aws: LocalAws, input_uri: str) -> dict[str, Any]:
    """Description of a completed job."""
    aws.client("sagemaker").create_training_job(**job_request(aws, input_uri, "trained"))
    found = settled(aws, "trained")
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    return found


@contextmanager
def deployed(aws: LocalAws, image: str, model_data: str) -> Iterator[str]:
    """Name of an endpoint in service, deleted at the end with its configuration and model."""
    client, name = aws.client("sagemaker"), next(names)
    container = {"Image": image, "ModelDataUrl": model_data}
    client.create_model(ModelName=name, ExecutionRoleArn=aws.role_arn, PrimaryContainer=container)
    variant = {
        "VariantName": "blue",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=OFTEN)
    yield name
    client.delete_endpoint(EndpointName=name)
    client.delete_endpoint_config(EndpointConfigName=name)
    client.delete_model(ModelName=name)


@pytest.fixture(scope="module")
def old_endpoint(aws: LocalAws, trained: dict[str, Any]) -> Iterator[str]:
    with deployed(aws, OLD_IMAGE, trained["ModelArtifacts"]["S3ModelArtifacts"]) as name:
        yield name


def answer(aws: LocalAws, endpoint: str, body: bytes, content_type: str = "text/libsvm") -> str:
    client = aws.client("sagemaker-runtime")
    found = client.invoke_endpoint(EndpointName=endpoint, ContentType=content_type, Body=body)
    return found["Body"].read().decode()


def raw(aws: LocalAws, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return status and answer of a request that no client has checked."""
    body = json.dumps(request).encode()
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    connection = http.client.HTTPConnection(aws.endpoint_url.removeprefix("http://"))
    connection.request("POST", "/", body, aws.signed_headers("sagemaker", "POST", "/", body, headers))
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


def faults(aws: LocalAws, request: dict[str, Any], operation: str = "CreateTrainingJob") -> str:
    """Return the message of a request that must be refused as invalid."""
    status, found = raw(aws, operation, request)
    assert (status, found["__type"]) == (400, "ValidationException"), found
    return found["message"]


# -- training ------------------------------------------------------------------------------------------------


def test_a_job_passes_through_the_real_statuses_and_leaves_a_model(aws: LocalAws, trained: dict) -> None:
    steps = [entry["Status"] for entry in trained["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert trained["SecondaryStatus"] == "Completed"
    times = [entry["StartTime"] for entry in trained["SecondaryStatusTransitions"]]
    assert times == sorted(times)
    uri = f"s3://{aws.bucket}/out/trained/output/model.tar.gz"
    assert trained["ModelArtifacts"]["S3ModelArtifacts"] == uri
    body = aws.client("s3").get_object(Bucket=aws.bucket, Key="out/trained/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["xgboost-model"]


def test_the_model_is_what_xgboost_trains_on_the_same_rows(
    aws: LocalAws, trained: dict, rows: tuple, expected: np.ndarray
) -> None:
    body = aws.client("s3").get_object(Bucket=aws.bucket, Key="out/trained/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile("xgboost-model")
        assert member is not None
        booster = xgboost.Booster(model_file=bytearray(member.read()))
    sparse = np.where(rows[0] == 0, np.nan, rows[0])
    assert booster.num_features() == rows[0].shape[1]
    assert np.array_equal(booster.predict(xgboost.DMatrix(sparse)), expected)


def test_a_name_cannot_be_used_twice(aws: LocalAws, trained: dict, input_uri: str) -> None:
    client = aws.client("sagemaker")
    with pytest.raises(client.exceptions.ResourceInUse, match=r"training-job/trained"):
        client.create_training_job(**job_request(aws, input_uri, "trained"))
    assert settled(aws, "trained")["CreationTime"] == trained["CreationTime"]


def test_jobs_that_cannot_train_fail_with_their_reason(aws: LocalAws, input_uri: str) -> None:
    good = job_request(aws, input_uri, "any")["HyperParameters"]
    text = "AlgorithmSpecification"
    unknown = {
        "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1",
        "TrainingInputMode": "File",
    }
    nothing = job_request(aws, f"s3://{aws.bucket}/nothing/", "any")["InputDataConfig"]
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "depth": (
            {"HyperParameters": good | {"max_depth": "-1"}},
            "Hyperparameter max_depth: -1 is not in integer in [0, inf)",
        ),
        "name": ({"HyperParameters": good | {"max_detph": "3"}}, "Extraneous hyperparameter found: max_detph"),
        "image": ({text: unknown}, "blazingtext:1 does not run in the local emulator"),
        "data": ({"InputDataConfig": nothing}, f'No S3 objects found under S3 URL "s3://{aws.bucket}/nothing/"'),
    }
    client = aws.client("sagemaker")
    for name, (changes, _) in cases.items():
        client.create_training_job(**job_request(aws, input_uri, f"fails-{name}", **changes))
    for name, (_, reason) in cases.items():
        found = settled(aws, f"fails-{name}")
        assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Failed", "Failed")
        assert reason in found["FailureReason"]
        assert found["SecondaryStatusTransitions"][-1]["StatusMessage"] == found["FailureReason"]
    listed = client.list_training_jobs(StatusEquals="Failed", NameContains="fails-")["TrainingJobSummaries"]
    assert {job["TrainingJobName"] for job in listed} == {f"fails-{name}" for name in cases}


def long_request(aws: LocalAws, uri: str, name: str, seconds: int) -> dict[str, Any]:
    """Return a job that would train for hours."""
    settings = job_request(aws, uri, name)["HyperParameters"] | {"num_round": "100000000"}
    limit = {"MaxRuntimeInSeconds": seconds}
    return job_request(aws, uri, name, HyperParameters=settings, StoppingCondition=limit)


def test_a_job_stops_when_asked_and_when_its_time_is_over(aws: LocalAws, input_uri: str, living: Callable) -> None:
    client, before = aws.client("sagemaker"), set(living(aws._process.pid))
    client.create_training_job(**long_request(aws, input_uri, "overdue", seconds=1))
    client.create_training_job(**long_request(aws, input_uri, "stopped", seconds=600))
    deadline = time.monotonic() + 60
    while client.describe_training_job(TrainingJobName="stopped")["SecondaryStatus"] != "Training":
        assert time.monotonic() < deadline
    client.stop_training_job(TrainingJobName="stopped")
    overdue, stopped = settled(aws, "overdue"), settled(aws, "stopped")
    assert (overdue["TrainingJobStatus"], overdue["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert (stopped["TrainingJobStatus"], stopped["SecondaryStatus"]) == ("Stopped", "Stopped")
    steps = [entry["Status"] for entry in stopped["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Stopping", "Stopped"]
    assert living(aws._process.pid).keys() == before
    with pytest.raises(ClientError, match="is in status Stopped"):
        client.stop_training_job(TrainingJobName="stopped")


# -- serving -------------------------------------------------------------------------------------------------


def test_an_endpoint_answers_the_scores_of_xgboost_joined_by_commas(
    aws: LocalAws, old_endpoint: str, rows: tuple, expected: np.ndarray
) -> None:
    text = answer(aws, old_endpoint, rows[2])
    assert "\n" not in text
    assert np.array_equal(np.array(text.split(","), dtype=np.float32), expected)


def test_one_row_at_a_time_scores_alike_even_when_it_lacks_the_last_columns(
    aws: LocalAws, old_endpoint: str, rows: tuple, expected: np.ndarray
) -> None:
    for at, line in enumerate(rows[2].splitlines()[:10]):
        assert np.float32(answer(aws, old_endpoint, line)) == expected[at]


def test_a_zero_in_csv_is_a_value_and_an_absent_cell_is_missing(
    aws: LocalAws, trained: dict, old_endpoint: str, rows: tuple
) -> None:
    body = aws.client("s3").get_object(Bucket=aws.bucket, Key="out/trained/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile("xgboost-model")
        assert member is not None
        booster = xgboost.Booster(model_file=bytearray(member.read()))
    text = io.BytesIO()
    np.savetxt(text, rows[0], delimiter=",", fmt="%.9g")
    found = np.array(answer(aws, old_endpoint, text.getvalue(), "text/csv").split(","), dtype=np.float32)
    assert np.array_equal(found, booster.predict(xgboost.DMatrix(rows[0])))


def test_what_the_model_refuses_comes_back_as_a_model_error(aws: LocalAws, old_endpoint: str) -> None:
    client = aws.client("sagemaker-runtime")
    cases = [
        ("text/foo", b"x", "(415)"),
        ("text/csv", b"1,2,3", "12 features"),
        ("text/libsvm", b"0 a:b", "(400)"),
    ]
    for content_type, body, reason in cases:
        with pytest.raises(client.exceptions.ModelError) as caught:
            client.invoke_endpoint(EndpointName=old_endpoint, ContentType=content_type, Body=body)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert reason in str(caught.value)


def test_an_endpoint_that_is_not_there_or_a_body_too_large_is_refused(aws: LocalAws, old_endpoint: str) -> None:
    with pytest.raises(ClientError, match=r"Endpoint nowhere of account 123456789012 not found\."):
        answer(aws, "nowhere", b"0 1:1")
    with pytest.raises(ClientError, match="is larger than 6291456") as caught:
        answer(aws, old_endpoint, b" " * 6_291_457)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_body_in_chunks_without_a_length_is_served(
    aws: LocalAws, old_endpoint: str, rows: tuple, expected: np.ndarray
) -> None:
    lines = rows[2].splitlines(keepends=True)
    connection = http.client.HTTPConnection(aws.endpoint_url.removeprefix("http://"))
    path = f"/endpoints/{old_endpoint}/invocations"
    headers = aws.signed_headers("sagemaker", "POST", path, rows[2], {"Content-Type": "text/libsvm"})
    connection.request("POST", path, iter(lines), headers, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, response.version) == (200, 11)
    assert response.getheader("x-Amzn-Invoked-Production-Variant") == "blue"
    assert np.array_equal(np.array(response.read().decode().split(","), dtype=np.float32), expected)
    connection.close()


def test_an_endpoint_without_a_usable_model_fails_with_its_reason(aws: LocalAws, trained: dict) -> None:
    client = aws.client("sagemaker")
    missing = f"s3://{aws.bucket}/out/never/output/model.tar.gz"
    good = trained["ModelArtifacts"]["S3ModelArtifacts"]
    for image, data, reason in (
        (OLD_IMAGE, missing, f"Could not find model data at {missing}."),
        ("x/unknown:1", good, "does not run"),
    ):
        name = next(names)
        container = {"Image": image, "ModelDataUrl": data}
        client.create_model(ModelName=name, ExecutionRoleArn=aws.role_arn, PrimaryContainer=container)
        variant = {
            "VariantName": "a",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        with pytest.raises(Exception, match="terminal failure"):
            client.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=OFTEN)
        found = client.describe_endpoint(EndpointName=name)
        assert found["EndpointStatus"] == "Failed"
        assert reason in found["FailureReason"]
        with pytest.raises(ClientError, match="is Failed"):
            answer(aws, name, b"0 1:1")


def test_a_newer_image_answers_by_lines_and_what_is_deleted_is_gone_with_its_process(
    aws: LocalAws, trained: dict, rows: tuple, expected: np.ndarray, living: Callable
) -> None:
    client, before = aws.client("sagemaker"), set(living(aws._process.pid))
    kinds = {"endpoint": "EndpointName", "endpoint_config": "EndpointConfigName", "model": "ModelName"}
    with deployed(aws, NEW_IMAGE, trained["ModelArtifacts"]["S3ModelArtifacts"]) as name:
        assert len(living(aws._process.pid).keys() - before) == 1
        for kind, member in kinds.items():
            assert getattr(client, f"describe_{kind}")(**{member: name})[member] == name
        scores = answer(aws, name, rows[2]).split("\n")
        assert np.array_equal(np.array(scores, dtype=np.float32), expected)
    assert living(aws._process.pid).keys() == before
    for kind, member in kinds.items():
        for verb in ("describe", "delete"):
            with pytest.raises(ClientError, match="Could not find"):
                getattr(client, f"{verb}_{kind}")(**{member: name})
    assert name not in {entry["EndpointName"] for entry in client.list_endpoints()["Endpoints"]}


# -- requests are checked against AWS's own model -----------------------------------------------------------


def test_all_missing_attributes_are_listed_together(aws: LocalAws) -> None:
    message = faults(aws, {"TrainingJobName": "partial"})
    required = (
        "algorithmSpecification",
        "roleArn",
        "outputDataConfig",
        "resourceConfig",
        "stoppingCondition",
    )
    for place in required:
        assert f"Value null at '{place}' failed to satisfy constraint: Member must not be null" in message
    assert message.startswith("5 validation errors detected: ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"TrainingJobName": "not a name"},
            "'trainingJobName' failed to satisfy constraint: Member must satisfy reg",
        ),
        ({"TrainingJobName": "x" * 64}, "Member must have length less than or equal to 63"),
        (
            {"RoleArn": "arn"},
            "'roleArn' failed to satisfy constraint: Member must have length greater than or",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "Member must have value greater than or equal to 1",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "9"}}, "Member must be of type integer"),
        (
            {"EnableNetworkIsolation": 1},
            "'enableNetworkIsolation' failed to satisfy constraint: Member must be of type",
        ),
        ({"Surprise": 1}, "'Surprise' failed to satisfy constraint: Member is unknown"),
        (
            {"HyperParameters": {"eta": 0.1}},
            "'hyperParameters.eta.value' failed to satisfy constraint: Member must be",
        ),
    ],
)
def test_each_fault_is_named_with_its_place(aws: LocalAws, input_uri: str, changes: dict, expected: str) -> None:
    assert expected in faults(aws, job_request(aws, input_uri, "faulty") | changes)


def test_a_value_outside_its_enumeration_is_refused_with_the_allowed_ones(aws: LocalAws, input_uri: str) -> None:
    algorithm = {"TrainingImage": OLD_IMAGE, "TrainingInputMode": "Floppy"}
    message = faults(aws, job_request(aws, input_uri, "faulty") | {"AlgorithmSpecification": algorithm})
    assert "'algorithmSpecification.trainingInputMode'" in message
    assert "Pipe" in message
    assert "File" in message


def test_operations_that_sagemaker_or_the_emulator_lacks_are_refused(aws: LocalAws) -> None:
    status, found = raw(aws, "CreateMagic", {})
    assert (status, found["__type"]) == (400, "UnknownOperationException")
    status, found = raw(aws, "ListDomains", {})
    assert (status, found["__type"]) == (400, "UnknownOperationException")
    assert "CreateTrainingJob" in found["message"]


def test_a_job_or_model_that_is_not_there_is_not_found(aws: LocalAws) -> None:
    client = aws.client("sagemaker")
    with pytest.raises(ClientError, match=r"Requested resource not found"):
        client.describe_training_job(TrainingJobName="never")
    variant = {
        "VariantName": "a",
        "ModelName": "never",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    with pytest.raises(ClientError, match="Could not find model"):
        client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        client.create_endpoint(EndpointName="e", EndpointConfigName="never")


# -- the server itself ---------------------------------------------------------------------------------------


def test_it_listens_on_loopback_only(aws: LocalAws, living: Callable) -> None:
    assert aws._process is not None
    listening = set()
    for pid in (aws._process.pid, *living(aws._process.pid)):
        with suppress(psutil.NoSuchProcess):
            sockets = psutil.Process(pid).net_connections("inet")
            listening |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_two_servers_do_not_see_each_other_and_leave_no_folder(aws: LocalAws, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path))
        other = LocalAws()
        other.start()
    assert [entry.name for entry in tmp_path.iterdir()]
    other.client("s3").put_object(Bucket=other.bucket, Key="mine", Body=b"1")
    assert other.endpoint_url != aws.endpoint_url
    with pytest.raises(ClientError):
        aws.client("s3").head_object(Bucket=aws.bucket, Key="mine")
    other.stop()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(other.endpoint_url, timeout=5)
    other.stop()


def test_a_port_in_use_is_said(aws: LocalAws) -> None:
    port = int(aws.endpoint_url.rpartition(":")[2])
    with pytest.raises(SageMakerError, match="did not start"):
        LocalAws(port=port).start()


PARENT = """
import sys
from sparring_local_sagemaker import LocalAws
aws = LocalAws()
aws.start()
client = aws.client("sagemaker")
aws.client("s3").upload_file(sys.argv[1], aws.bucket, "model.tar.gz")
container = {"Image": "x/xgboost:1", "ModelDataUrl": f"s3://{aws.bucket}/model.tar.gz"}
client.create_model(ModelName="m", ExecutionRoleArn=aws.role_arn, PrimaryContainer=container)
variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
client.create_endpoint(EndpointName="e", EndpointConfigName="c")
often = {"Delay": 0.1, "MaxAttempts": 1_200}
client.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=often)
print("ready", flush=True)
sys.stdin.read()
"""


def test_killing_the_parent_leaves_no_process_and_no_folder(aws: LocalAws, trained: dict, tmp_path: Path) -> None:
    model = tmp_path / "model.tar.gz"
    aws.client("s3").download_file(aws.bucket, "out/trained/output/model.tar.gz", str(model))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert parent.stdout.readline() == "ready\n"
    started = psutil.Process(parent.pid).children(recursive=True)
    assert len(started) >= 2, [process.cmdline() for process in started]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []
    assert list(temporary.iterdir()) == []
    parent.stdin.close()
    parent.stdout.close()
