"""Endpoints of every kind, seen by plain boto3."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def code(caught: Any) -> tuple[str, int]:
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def impatient(cloud: Any) -> Any:
    """Return a client that tries once."""
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=cloud.aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=cloud.aws.access_key,
        aws_secret_access_key=cloud.aws.secret_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_variants_share_the_requests_by_weight_and_answer_by_name(cloud: Any) -> None:
    light = cloud.variant("light", cloud.create_model(TOY_MARK="light"), InitialVariantWeight=1.0)
    heavy = cloud.variant("heavy", cloud.create_model(TOY_MARK="heavy"), InitialVariantWeight=3.0)
    name = cloud.deploy(light, heavy)
    assert Counter(cloud.invoke(name) for _ in range(40)) == {"light": 10, "heavy": 30}
    assert {cloud.invoke(name, TargetVariant="light") for _ in range(5)} == {"light"}
    with pytest.raises(ClientError, match="Variant other is not found"):
        cloud.invoke(name, TargetVariant="other")
    desired = [{"VariantName": "light", "DesiredWeight": 0.0}, {"VariantName": "heavy", "DesiredInstanceCount": 2}]
    cloud.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=desired)
    variants = {v["VariantName"]: v for v in cloud.endpoint_settled(name)["ProductionVariants"]}
    assert (variants["light"]["CurrentWeight"], variants["heavy"]["CurrentInstanceCount"]) == (0.0, 2)
    assert Counter(cloud.invoke(name) for _ in range(10)) == {"heavy": 10}
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_an_update_drops_no_request_and_a_bad_one_changes_nothing(cloud: Any) -> None:
    name = cloud.deploy(cloud.variant(model=cloud.create_model(TOY_MARK="old")))
    fresh = cloud.config(cloud.variant(model=cloud.create_model(TOY_MARK="new")))
    ill = cloud.config(
        cloud.variant(model=cloud.create_model(TOY_SICK="1"), ContainerStartupHealthCheckTimeoutInSeconds=60)
    )
    answers, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(cloud.invoke(name))

    asking = threading.Thread(target=ask)
    asking.start()
    cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=fresh)
    assert cloud.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=ill)
    assert cloud.endpoint_settled(name)["EndpointConfigName"] == fresh
    assert cloud.invoke(name) == "new"
    stop.set()
    asking.join()
    assert set(answers) >= {"old"}
    assert answers == sorted(answers, key=("old", "new").index)
    broken = cloud.config(cloud.variant(model=cloud.create_model()))
    cloud.sagemaker.delete_model(
        ModelName=cloud.sagemaker.describe_endpoint_config(EndpointConfigName=broken)["ProductionVariants"][0][
            "ModelName"
        ]
    )
    with pytest.raises(ClientError, match="Could not find model"):
        cloud.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_a_container_that_dies_is_an_error_once_and_started_again(cloud: Any) -> None:
    name = cloud.deploy(cloud.variant())
    with pytest.raises(cloud.runtime.exceptions.ModelError):
        cloud.invoke(name, "die")

    def answers() -> bool:
        try:
            return cloud.invoke(name) == "3"
        except cloud.runtime.exceptions.ModelError:
            return False

    cloud.wait_for(answers, "a living container")
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_containers_in_a_row_pass_the_request_on(cloud: Any) -> None:
    image = cloud.job_request("x")["AlgorithmSpecification"]["TrainingImage"]
    model = cloud.name()
    chain = [{"Image": image, "Environment": {"TOY_OFFSET": offset}} for offset in ("10", "100")]
    cloud.sagemaker.create_model(ModelName=model, ExecutionRoleArn=cloud.aws.role_arn, Containers=chain)
    name = cloud.deploy(cloud.variant(model=model))
    assert cloud.invoke(name, "1,2\n3,4") == "113\n117"
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_custom_attributes_and_logs_come_through(cloud: Any) -> None:
    name = cloud.deploy(cloud.variant("blue"))
    found = cloud.runtime.invoke_endpoint(
        EndpointName=name, Body=b"1", ContentType="text/csv", CustomAttributes="trace=7"
    )
    assert (found["CustomAttributes"], found["InvokedProductionVariant"]) == ("trace=7", "blue")
    lines = cloud.events(f"/aws/sagemaker/Endpoints/{name}", "blue/")
    assert lines[0] == "serving starts"
    assert any("/invocations" in line for line in lines)
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_captured_lines_hold_what_went_in_and_came_out_at_the_asked_rate(cloud: Any) -> None:
    target = f"s3://{cloud.aws.bucket}/captured"
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": target,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    name = cloud.deploy(cloud.variant("blue"), DataCaptureConfig=capture)
    for number in range(10):
        cloud.invoke(name, f"{number},1", InferenceId=f"id-{number}")
    cloud.sagemaker.delete_endpoint(EndpointName=name)
    keys = cloud.keys(f"{target}/{name}/blue/")
    lines = [json.loads(line) for key in keys for line in cloud.read(f"{target}/{name}/blue/{key}").splitlines()]
    assert [line["eventMetadata"]["inferenceId"] for line in lines] == [f"id-{number}" for number in (1, 3, 5, 7, 9)]
    assert lines[0]["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,1",
        "encoding": "CSV",
    }
    assert lines[0]["captureData"]["endpointOutput"]["data"] == "2"


def test_a_serverless_endpoint_runs_no_process_until_it_is_asked(cloud: Any) -> None:
    before = cloud.programs()
    name = cloud.deploy(cloud.variant(ServerlessConfig={"MemorySizeInMB": 2_048, "MaxConcurrency": 2}))
    assert cloud.programs() == before
    assert cloud.invoke(name) == "3"
    assert cloud.programs() == before + 1
    once = impatient(cloud)

    def slow(_: int) -> str:
        try:
            found = once.invoke_endpoint(EndpointName=name, Body=b"wait 0.5", ContentType="text/csv")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return found["Body"].read().decode()

    with ThreadPoolExecutor(6) as pool:
        answers = Counter(pool.map(slow, range(6)))
    assert answers["0.5"] >= 2
    assert answers["ThrottlingException"] == 6 - answers["0.5"] > 0
    cloud.wait_for(lambda: cloud.programs() == before, "the end of an idle process")
    assert cloud.invoke(name, "4,4") == "8"
    cloud.sagemaker.delete_endpoint(EndpointName=name)
    assert cloud.programs() == before


def test_what_no_configuration_can_be_is_refused(cloud: Any) -> None:
    model = cloud.create_model()
    capture = {
        "InitialSamplingPercentage": 1,
        "DestinationS3Uri": "s3://b/k",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    serverless = {"MemorySizeInMB": 1_024, "MaxConcurrency": 1}
    one, two = cloud.variant("a", model), cloud.variant("b", model, ServerlessConfig=serverless)
    cases: list[tuple[list[dict], dict, str]] = [
        (
            [cloud.variant("a", model, ServerlessConfig=serverless | {"MemorySizeInMB": 1_500})],
            {},
            "must be one of 1024, 2048",
        ),
        ([one, two], {}, "has one production variant"),
        ([two], {"DataCaptureConfig": capture}, "has no DataCaptureConfig"),
        ([two | {"InstanceType": "ml.m5.large"}], {}, "neither InstanceType"),
        ([one, one], {}, "Variant names must be unique"),
        ([one | {"InitialVariantWeight": 0.0}], {}, "weight above 0"),
        ([{"VariantName": "a", "ModelName": model}], {}, "needs InstanceType and InitialInstanceCount"),
        ([one], {"AsyncInferenceConfig": {"OutputConfig": {}}}, "must begin with s3://"),
        ([one | {"ModelName": "never"}], {}, "Could not find model"),
    ]
    for variants, more, reason in cases:
        with pytest.raises(ClientError, match=reason):
            cloud.config(*variants, **more)


def test_an_asynchronous_endpoint_answers_and_fails_in_s3(cloud: Any) -> None:
    bucket = f"s3://{cloud.aws.bucket}"
    output = {"S3OutputPath": f"{bucket}/async/out", "S3FailurePath": f"{bucket}/async/failed"}
    name = cloud.deploy(cloud.variant(), AsyncInferenceConfig={"OutputConfig": output})
    uri = cloud.put(good="1,2\n3,4", bad="refuse", slow="wait 30")
    invoke = cloud.runtime.invoke_endpoint_async
    good = invoke(EndpointName=name, InputLocation=f"{uri}good", ContentType="text/csv", InferenceId="mine")
    assert (good["ResponseMetadata"]["HTTPStatusCode"], good["InferenceId"]) == (202, "mine")
    bad = invoke(EndpointName=name, InputLocation=f"{uri}bad", ContentType="text/csv")
    slow = invoke(EndpointName=name, InputLocation=f"{uri}slow", ContentType="text/csv", InvocationTimeoutSeconds=1)

    def there(location: str) -> bytes:
        bucket_name, _, key = location.removeprefix("s3://").partition("/")
        waiter = cloud.s3.get_waiter("object_exists")
        waiter.wait(Bucket=bucket_name, Key=key, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})  # type: ignore[arg-type]
        return cloud.read(location)

    assert there(good["OutputLocation"]) == b"3\n7"
    assert b"no such feature" in there(bad["FailureLocation"])
    assert b"timed out" in there(slow["FailureLocation"])
    for location in (bad["OutputLocation"], slow["OutputLocation"]):
        with pytest.raises(ClientError, match="NoSuchKey"):
            cloud.read(location)
    with pytest.raises(ClientError, match="use InvokeEndpointAsync"):
        cloud.invoke(name)
    with pytest.raises(ClientError, match="Could not read the input"):
        invoke(EndpointName=name, InputLocation=f"{uri}never")
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_a_synchronous_endpoint_takes_nothing_asynchronous(cloud: Any) -> None:
    name = cloud.deploy(cloud.variant(), name="broken")
    with pytest.raises(ClientError, match="is not asynchronous"):
        cloud.runtime.invoke_endpoint_async(EndpointName=name, InputLocation="s3://b/k")
    # The rules of the server strike the first five invocations of this endpoint.
    once = impatient(cloud)

    def ask() -> bytes:
        return once.invoke_endpoint(EndpointName=name, Body=b"1\n2\n3", ContentType="text/csv")["Body"].read()

    for expected in (("ModelError", 424), ("ServiceUnavailable", 503), ("InternalFailure", 500)):
        with pytest.raises(ClientError) as caught:
            ask()
        assert code(caught) == expected
    assert ask() == b"1\n2"
    assert ask() == b""
    assert ask() == b"1\n2\n3"
    cloud.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_that_cannot_start_says_why(cloud: Any) -> None:
    name = "sick-1"
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=cloud.config(cloud.variant()))
    found = cloud.endpoint_settled(name)
    assert (found["EndpointStatus"], found["FailureReason"]) == ("Failed", "did not pass the ping health check")
    cloud.sagemaker.delete_endpoint(EndpointName=name)
