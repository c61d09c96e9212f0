"""What programs rely on beyond the model: AWS's codes and words, streams, and requests that are framed wrong."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError


def error_of(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


# -- words ---------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_told_in_the_words_of_each_api(cloud: Any) -> None:
    found = error_of(cloud.runtime.invoke_endpoint, EndpointName="x" * 63, Body=b"1")
    assert found == ("ValidationError", f"Endpoint {'x' * 63} of account 123456789012 not found.")
    code, said = error_of(cloud.sagemaker.describe_endpoint_config, EndpointConfigName="never")
    assert (code, said.startswith("Could not find endpoint configuration ")) == ("ValidationException", True)
    assert said.endswith(':endpoint-config/never".')
    again = cloud.config(cloud.variant())
    variants = [cloud.variant()]
    _, said = error_of(cloud.sagemaker.create_endpoint_config, EndpointConfigName=again, ProductionVariants=variants)
    assert said.startswith("Cannot create already existing endpoint configuration ")


def test_weights_of_an_endpoint_change_once_it_is_there_and_each_once(cloud: Any) -> None:
    adjust, name = cloud.sagemaker.update_endpoint_weights_and_capacities, cloud.name()
    desired = {"VariantName": "all", "DesiredWeight": 1.0}
    sick = cloud.create_model(TOY_SICK="1")
    slow = cloud.variant(model=sick, ContainerStartupHealthCheckTimeoutInSeconds=60)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=cloud.config(slow))
    _, said = error_of(adjust, EndpointName=name, DesiredWeightsAndCapacities=[desired])
    assert said.startswith("Cannot update in-progress endpoint ")
    cloud.sagemaker.delete_endpoint(EndpointName=name)
    name = cloud.deploy(cloud.variant())
    for given, reason in (
        ([desired, desired], 'The variant name "all" was non-unique within the request.'),
        ([desired | {"VariantName": "b"}], 'The variant name(s) "b" is/are not present within endpoint configuration'),
    ):
        assert reason in error_of(adjust, EndpointName=name, DesiredWeightsAndCapacities=given)[1]
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def archive(mode: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as packed:  # type: ignore[call-overload]
        packed.addfile(tarfile.TarInfo("a"), io.BytesIO(b""))
    return made.getvalue()


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("a", "")
    return made.getvalue()


@pytest.mark.parametrize(
    "body",
    [b"", b"text", archive("w:"), archive("w:bz2"), archive("w:xz"), zipped(), archive("w:gz")[:40]],
    ids=["empty", "text", "tar", "bz2", "xz", "zip", "cut"],
)
def test_a_model_that_is_no_tar_gz_fails_its_endpoint_in_awss_words(cloud: Any, body: bytes) -> None:
    name, uri = cloud.name(), cloud.put(model=body)
    image = cloud.job_request("x")["AlgorithmSpecification"]["TrainingImage"]
    container = {"Image": image, "ModelDataUrl": f"{uri}model"}
    cloud.sagemaker.create_model(ModelName=name, ExecutionRoleArn=cloud.aws.role_arn, PrimaryContainer=container)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=cloud.config(cloud.variant(model=name)))
    found = cloud.endpoint_settled(name)
    assert found["EndpointStatus"] == "Failed"
    assert f'Failed to extract model data archive from URL "{uri}model"' in found["FailureReason"]
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_a_model_may_be_files_below_a_prefix(cloud: Any) -> None:
    name, uri = cloud.name(), cloud.put(weights="1")
    image = cloud.job_request("x")["AlgorithmSpecification"]["TrainingImage"]
    source = {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}}
    create, role = cloud.sagemaker.create_model, cloud.aws.role_arn
    create(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image, "ModelDataSource": source})
    endpoint = cloud.deploy(cloud.variant(model=name))
    assert cloud.invoke(endpoint) == "3"
    cloud.sagemaker.delete_endpoint(EndpointName=endpoint)
    packed = {"S3DataSource": source["S3DataSource"] | {"CompressionType": "Gzip"}}
    container = {"Image": image, "ModelDataSource": packed}
    _, said = error_of(create, ModelName=cloud.name(), ExecutionRoleArn=role, PrimaryContainer=container)
    assert "S3DataType S3Prefix with CompressionType None" in said


def test_a_key_that_can_be_no_file_name_fails_the_job_as_the_clients_fault(cloud: Any) -> None:
    job = cloud.train("listing", InputDataConfig=[cloud.channel(cloud.put(**{"k" * 256: "1"}))])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed: ")


# -- what the SDKs ask ---------------------------------------------------------------------------------------


def test_a_description_has_what_the_sdk_reads_and_metrics_are_in_cloudwatch(cloud: Any) -> None:
    plain = cloud.train("listing")
    assert plain["OutputDataConfig"]["KmsKeyId"] == ""
    assert plain["AlgorithmSpecification"]["MetricDefinitions"] == []
    algorithm = cloud.job_request("stepwise")["AlgorithmSpecification"]
    definitions = [{"Name": "loss", "Regex": "loss=([0-9.]+);"}]
    job = cloud.train("stepwise", AlgorithmSpecification={**algorithm, "MetricDefinitions": definitions})
    found = cloud.aws.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}],
        StartTime=job["CreationTime"],
        EndTime=job["TrainingEndTime"].timestamp() + 60,
        Period=3_600,
        Statistics=["SampleCount", "Minimum", "Maximum"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in found) == 20
    assert (min(p["Minimum"] for p in found), max(p["Maximum"] for p in found)) == (0.05, 1.0)


def test_a_role_that_exists_may_do_all_and_another_is_not_found(cloud: Any) -> None:
    iam = cloud.aws.client("iam")
    asked = ["sagemaker:CreateTrainingJob", "s3:GetObject"]
    found = iam.simulate_principal_policy(PolicySourceArn=cloud.aws.role_arn, ActionNames=asked)
    assert {r["EvalActionName"]: r["EvalDecision"] for r in found["EvaluationResults"]} == dict.fromkeys(
        asked, "allowed"
    )
    assert iam.get_role(RoleName="sparring-local")["Role"]["Arn"] == cloud.aws.role_arn
    never = cloud.aws.role_arn.replace("sparring-local", "never")
    code, _ = error_of(iam.simulate_principal_policy, PolicySourceArn=never, ActionNames=asked)
    assert code == "NoSuchEntity"


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_response_stream_holds_the_answer_in_parts(cloud: Any, lines: int) -> None:
    name, said = cloud.deploy(cloud.variant("blue")), "\n".join(["1"] * lines).encode()
    invoke = cloud.runtime.invoke_endpoint_with_response_stream
    found = invoke(EndpointName=name, Body=said, ContentType="text/csv", CustomAttributes="trace=7")
    parts = [event["PayloadPart"]["Bytes"] for event in found["Body"]]
    assert b"".join(parts) == said
    assert len(parts) == -(-len(said) // 65_536)
    about = (found["ContentType"], found["InvokedProductionVariant"], found["CustomAttributes"])
    assert about == ("text/csv", "blue", "trace=7")
    cloud.sagemaker.delete_endpoint(EndpointName=name)
    code, _ = error_of(invoke, EndpointName="never", Body=b"1")
    assert code == "ValidationError"


# -- requests that are framed wrong ----------------------------------------------------------------------------


def signed_headers(cloud: Any, body: bytes) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    target = {"X-Amz-Target": "SageMaker.ListEndpointConfigs", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", cloud.aws.endpoint_url + "/", target, body)
    SigV4Auth(Credentials(cloud.aws.access_key, cloud.aws.secret_key), "sagemaker", "us-east-1").add_auth(request)
    return dict(request.headers)


def send(cloud: Any, body: bytes, *lines: str) -> bytes:
    """Return all that the server says to a signed request with these lines in place of its length."""
    host, _, port = cloud.aws.endpoint_url.removeprefix("http://").partition(":")
    head = ["POST / HTTP/1.1", f"Host: {host}:{port}", *(f"{k}: {v}" for k, v in signed_headers(cloud, body).items())]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join([*head, *lines, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while piece := connection.recv(65_536):
            said += piece
    return said


@pytest.mark.parametrize("level", [101, 900, 10_000, 200_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_deep_json_is_refused_as_no_request(cloud: Any, level: int, brackets: str) -> None:
    inner = brackets[0] * level if brackets == "[]" else '{"a":' * level + "1"
    body = f'{{"NameContains": {inner}{brackets[1] * level}}}'.encode()
    said = send(cloud, body, f"Content-Length: {len(body)}")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"SerializationException" in said


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 1"],
        ["Content-Length: 0"],
        ["Content-Length: 99999"],
        ["Content-Length: -1"],
        ["Content-Length: +2"],
        ["Content-Length: two"],
        ["Content-Length: 0x2"],
        ["Content-Length: " + "9" * 40],
        ["Content-Length: 2", "Content-Length: 3"],
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
    ],
)
def test_a_wrong_length_is_a_bad_request_or_the_end_of_the_connection(cloud: Any, lines: list[str]) -> None:
    said = send(cloud, b"{}", *lines)
    assert b"HTTP/1.1 500" not in said
    statuses = [line.split()[1] for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    # A body that is longer than told begins another request, which is none; one that is shorter gets no answer.
    assert not statuses or b"400" in statuses or lines[0] in ("Content-Length: 1", "Content-Length: 0")
    cloud.sagemaker.list_endpoint_configs()


def test_null_stands_for_a_member_that_is_not_there(cloud: Any) -> None:
    body = json.dumps({"NameContains": None, "MaxResults": None}).encode()
    assert send(cloud, body, f"Content-Length: {len(body)}").startswith(b"HTTP/1.1 200 ")


# -- the user's own settings ---------------------------------------------------------------------------------

ASKS = """
from sparring_local_sagemaker import LocalAws
with LocalAws() as aws:
    aws.client("s3").put_object(Bucket=aws.bucket, Key="k", Body=b"1")
    print(aws.client("sagemaker").list_models()["Models"])
"""


@pytest.mark.parametrize(
    "settings",
    [
        {
            "AWS_PROFILE": "never",
            "AWS_DEFAULT_PROFILE": "never",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
            "NO_PROXY": "",
        },
        {"AWS_CONFIG_FILE": "{file}", "AWS_SHARED_CREDENTIALS_FILE": "{file}"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_the_users_own_settings_of_aws_change_nothing(settings: dict[str, str], tmp_path: Any) -> None:
    broken = tmp_path / "config"
    broken.write_text("[default\nthis is no configuration")
    environment = {**os.environ, **{name: value.format(file=broken) for name, value in settings.items()}}
    found = subprocess.run([sys.executable, "-c", ASKS], env=environment, capture_output=True, text=True, timeout=60)
    assert (found.stdout, found.returncode) == ("[]\n", 0), found.stderr
