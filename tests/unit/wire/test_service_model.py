"""Requests against SageMaker's service model as botocore ships it."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.wire.service_model import (
    AwsError,
    _python_pattern,
    check_answer,
    check_request,
    operation,
    service_model,
)

STOP = "StopTrainingJob"


def job_request(**changes: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": "x/xgboost:1", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/trainer",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return request | changes


def refusal(operation_name: str, request: dict[str, Any]) -> str:
    with pytest.raises(AwsError) as caught:
        check_request(operation_name, request)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return str(caught.value)


def is_valid(operation_name: str, request: dict[str, Any]) -> bool:
    try:
        check_request(operation_name, request)
    except AwsError:
        return False
    return True


def test_a_good_request_passes() -> None:
    check_request("CreateTrainingJob", job_request(Tags=[{"Key": "team", "Value": "churn / é 1"}]))


def test_an_operation_that_sagemaker_lacks_is_unknown() -> None:
    with pytest.raises(AwsError, match="no operation CreateMagic") as caught:
        operation("CreateMagic")
    assert caught.value.code == "UnknownOperationException"


@given(st.sets(st.sampled_from(sorted(job_request()))))
def test_every_missing_attribute_is_listed_and_no_other(missing: set[str]) -> None:
    request = {name: value for name, value in job_request().items() if name not in missing}
    if not missing:
        check_request("CreateTrainingJob", request)
        return
    message = refusal("CreateTrainingJob", request)
    assert set(re.findall(r"Value null at '(\w+)'", message)) == {name[0].lower() + name[1:] for name in missing}
    assert int(message.split()[0]) == len(missing)


@given(st.text(st.characters(codec="ascii"), max_size=70))
def test_names_are_letters_digits_and_inner_hyphens_up_to_63(name: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    inner = set(name) <= allowed | {"-"} and name[:1] in allowed and name[-1:] in allowed
    assert is_valid(STOP, {"TrainingJobName": name}) == (inner and 1 <= len(name) <= 63)


@given(st.integers(-5, 40), st.integers(-5, 40_000_000))
def test_numbers_have_ranges(hosts: int, seconds: int) -> None:
    limits = service_model().shape_for("MaxRuntimeInSeconds").metadata
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 5}
    request = job_request(ResourceConfig=resources, StoppingCondition={"MaxRuntimeInSeconds": seconds})
    expected = hosts >= 0 and seconds >= limits["min"]
    assert is_valid("CreateTrainingJob", request) == expected


@pytest.mark.parametrize("value", ["1", 1.5, True, None, [1], {}])
def test_only_an_integer_is_an_integer(value: Any) -> None:
    request = job_request(RetryStrategy={"MaximumRetryAttempts": value})
    place = "'retryStrategy.maximumRetryAttempts' failed to satisfy constraint: Member must"
    said = "not be null" if value is None else "be of type integer"
    assert f"{place} {said}" in refusal("CreateTrainingJob", request)


def test_lists_maps_and_enumerations_name_the_place_of_the_fault() -> None:
    channels = [{"ChannelName": "ok", "DataSource": {}}, {"ChannelName": "not ok", "DataSource": {}}]
    settings = {"a": "1", "b": 2}
    algorithm = {"TrainingImage": "x", "TrainingInputMode": "Tape"}
    message = refusal(
        "CreateTrainingJob",
        job_request(InputDataConfig=channels, HyperParameters=settings, AlgorithmSpecification=algorithm),
    )
    assert "3 validation errors detected" in message
    assert "'inputDataConfig.2.member.channelName'" in message
    assert "'hyperParameters.b.value'" in message
    assert "'algorithmSpecification.trainingInputMode'" in message
    enumeration = service_model().shape_for("TrainingInputMode")
    assert f"[{', '.join(enumeration.enum)}]" in message


def test_too_many_entries_are_refused() -> None:
    limit = service_model().shape_for("HyperParameters").metadata["max"]
    full = {f"p{number}": "1" for number in range(limit)}
    check_request("CreateTrainingJob", job_request(HyperParameters=full))
    message = refusal("CreateTrainingJob", job_request(HyperParameters=full | {"more": "1"}))
    assert f"Member must have length less than or equal to {limit}" in message


def test_every_pattern_of_the_model_compiles_as_written() -> None:
    names = service_model().shape_names
    patterns = {service_model().shape_for(name).metadata.get("pattern") for name in names} - {None}
    assert len(patterns) > 100
    for pattern in patterns:
        translated = _python_pattern(pattern)
        re.compile(translated)
        assert r"\p{" not in translated


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_tags_take_letters_marks_of_space_and_numbers_of_every_script(key: str) -> None:
    allowed = all(unicodedata.category(sign)[0] in "LZN" or sign in "_.:/=+-@" for sign in key)
    assert is_valid("CreateTrainingJob", job_request(Tags=[{"Key": key, "Value": "x"}])) == allowed


def test_an_answer_that_breaks_the_model_is_our_own_fault() -> None:
    check_answer("CreateTrainingJob", {"TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"})
    with pytest.raises(AssertionError, match="trainingJobArn"):
        check_answer("CreateTrainingJob", {})
    with pytest.raises(AssertionError, match="trainingJobStatus"):
        check_answer("DescribeTrainingJob", {"TrainingJobStatus": "Fine"})
