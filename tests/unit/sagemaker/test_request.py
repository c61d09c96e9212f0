"""From the configuration to CreateTrainingJob's request: every member, every limit, both clients."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.config.load import parse_config
from sparring.config.sagemaker import SageMakerConfig
from sparring.errors import ConfigError
from sparring.sagemaker.checks import check_expressible, check_request, members
from sparring.sagemaker.request import KEYS, JobSpec, key_of, training_request
from sparring.sagemaker.target import AwsTarget

ROLE = "arn:aws:iam::123456789012:role/trainer"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
TARGET = AwsTarget(ROLE, "bucket", "team", "eu-west-1")
SPEC = JobSpec("job-1", "team/sparring/job-1/", image="image:1", content_type="text/csv", hyperparameters={"a": "1"})
SHAPE = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateTrainingJob").input_shape
EVERYTHING: dict[str, Any] = {
    "role": ROLE,
    "bucket": "bucket/team",
    "region": "eu-west-1",
    "client": "boto3",
    "instance_type": "ml.m5.large",
    "instance_count": 2,
    "volume_gb": 50,
    "max_runtime_seconds": 7200,
    "max_pending_seconds": 7200,
    "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:2",
    "input_mode": "Pipe",
    "channels": {
        "train": {"input_mode": "FastFile", "shuffle_seed": 3},
        "validation": {"content_type": "text/csv"},
        "words": {"uri": "s3://other/words", "compression": "Gzip", "record_wrapper": "RecordIO"},
        "pictures": {
            "uri": "s3://other/list.jsonl",
            "data_type": "AugmentedManifestFile",
            "attribute_names": ["ref"],
            "distribution": "ShardedByS3Key",
        },
    },
    "spot": {"enabled": True, "max_wait_seconds": 9000, "checkpoint_uri": "s3://b/c", "checkpoint_path": "/opt/ml/ck"},
    "network": {"subnets": ["subnet-1"], "security_groups": ["sg-1"], "isolation": True, "encrypt_traffic": True},
    "encryption": {"output_key": KEY, "volume_key": KEY},
    "output_compression": "NONE",
    "retry_attempts": 3,
    "environment": {"MODE": "fast"},
    "tags": {"team": "fraud"},
    "metrics": {"auc": r"auc=([0-9.]+)"},
}


def config(**changes: Any) -> SageMakerConfig:
    return SageMakerConfig.model_validate({"instance_type": "ml.m5.large"} | changes)


def request(spec: JobSpec = SPEC, **changes: Any) -> dict[str, Any]:
    return training_request(spec, config(**changes), TARGET)


def refused(**changes: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        check_request(request(**changes))
    return str(raised.value)


def test_what_nobody_asked_for_is_left_to_sagemaker() -> None:
    found = request()
    check_request(found)
    assert found == {
        "TrainingJobName": "job-1",
        "HyperParameters": {"a": "1"},
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://bucket/team/sparring/job-1/input/train/job-1",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/team/sparring/job-1/output/job-1"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def test_every_key_of_the_configuration_reaches_the_request() -> None:
    spec = JobSpec(**{**vars(SPEC), "channels": ("train", "validation")})
    found = request(spec, **EVERYTHING)
    check_request(found)
    assert not ParamValidator().validate(found, SHAPE).has_errors()
    reached = {key_of(member) for member in members(found)}
    # A warm pool is not kept of spot instances.
    assert reached >= {f"sagemaker.{key}" for key in KEYS.values()} - {"sagemaker.keep_alive_seconds"}
    by_name = {channel["ChannelName"]: channel for channel in found["InputDataConfig"]}
    assert list(by_name) == ["train", "validation", "words", "pictures"]
    assert (by_name["train"]["InputMode"], by_name["train"]["ShuffleConfig"]) == ("FastFile", {"Seed": 3})
    assert "ContentType" not in by_name["words"]
    source = by_name["pictures"]["DataSource"]["S3DataSource"]
    assert (source["S3Uri"], source["AttributeNames"]) == ("s3://other/list.jsonl", ["ref"])
    shards = {name: c["DataSource"]["S3DataSource"]["S3DataDistributionType"] for name, c in by_name.items()}
    assert [name for name, kind in shards.items() if kind == "ShardedByS3Key"] == ["train", "pictures"]
    assert found["CheckpointConfig"] == {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/ck"}
    assert found["AlgorithmSpecification"]["TrainingImage"] == EVERYTHING["image"]


@pytest.mark.parametrize("member", sorted(SHAPE.members))
def test_every_member_of_the_api_is_within_reach(member: str) -> None:
    assert training_request(SPEC, config(request={member: "given"}), TARGET)[member] == "given"


def test_a_member_in_awss_own_words_joins_its_structure() -> None:
    found = request(request={"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}, "InfraCheckConfig": {}})
    assert found["ResourceConfig"] == {**request()["ResourceConfig"], "KeepAlivePeriodInSeconds": 60}


def test_spot_without_more_words_waits_twice_as_long_and_keeps_checkpoints_below_the_job() -> None:
    found = request(spot={"enabled": True}, max_runtime_seconds=100)
    check_request(found)
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200}
    assert found["CheckpointConfig"] == {"S3Uri": "s3://bucket/team/sparring/job-1/checkpoints/"}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"instance_type": "ml.made.up", "tags": {"k" * 129: "v"}}, "sagemaker.tags"),
        ({"tags": {"aws:x": "v"}}, "sagemaker.tags"),
        ({"environment": {"1x": "v"}}, "sagemaker.environment"),
        ({"environment": {"X": "v" * 513}}, "sagemaker.environment"),
        ({"retry_attempts": 31}, "sagemaker.retry_attempts"),
        ({"keep_alive_seconds": 21601}, "sagemaker.keep_alive_seconds"),
        ({"keep_alive_seconds": 60, "spot": {"enabled": True}}, "sagemaker.keep_alive_seconds"),
        ({"max_pending_seconds": 60}, "sagemaker.max_pending_seconds"),
        ({"spot": {"enabled": True, "max_wait_seconds": 60}}, "sagemaker.spot.max_wait_seconds"),
        ({"spot": {"enabled": True, "checkpoint_uri": "here"}}, "sagemaker.spot.checkpoint_uri"),
        ({"network": {"subnets": ["a b"], "security_groups": ["sg"]}}, "sagemaker.network.subnets"),
        ({"network": {"subnets": ["s"] * 17, "security_groups": ["sg"]}}, "sagemaker.network.subnets"),
        ({"encryption": {"output_key": "no key"}}, "sagemaker.encryption.output_key"),
        ({"metrics": {"auc": "("}}, "sagemaker.metrics"),
        ({"metrics": {"auc": "no group"}}, "sagemaker.metrics"),
        ({"metrics": {f"m{n}": "(x)" for n in range(41)}}, "sagemaker.metrics"),
        ({"channels": {"a b": {"uri": "s3://b/k"}}}, "sagemaker.channels"),
        ({"channels": {"x": {"uri": "here"}}}, "sagemaker.channels"),
        ({"channels": {"x": {"uri": "s3://b/k", "compression": "Gzip"}}}, "sagemaker.channels"),
        ({"channels": {"x": {"uri": "s3://b/k", "attribute_names": ["a"]}}}, "sagemaker.channels"),
        ({"channels": {"x": {"uri": "s3://b/k", "data_type": "AugmentedManifestFile"}}}, "sagemaker.channels"),
        ({"request": {"StoppingCondition": {"MaxWaitTimeInSeconds": 9999}}}, "sagemaker.spot.max_wait_seconds"),
        ({"request": {"Oops": 1}}, "sagemaker.request.Oops"),
        ({"request": {"AlgorithmSpecification": {"AlgorithmName": "x"}}}, "sagemaker.image"),
    ],
)
def test_a_fault_names_its_key_before_anything_is_uploaded(changes: dict[str, Any], key: str) -> None:
    said = refused(**changes)
    assert f"{key} (" in said
    assert "Nothing was uploaded" in said


def test_all_that_is_missing_is_listed_together() -> None:
    said = refused(network={"subnets": ["subnet-1"]}, request={"RetryStrategy": {}, "RoleArn": None})
    (line,) = [line for line in said.splitlines() if "missing" in line]
    assert "sagemaker.network.security_groups (VpcConfig.SecurityGroupIds)" in line
    assert "sagemaker.retry_attempts (RetryStrategy.MaximumRetryAttempts)" in line
    assert "sagemaker.role (RoleArn)" in line


def test_a_channel_without_rows_or_uri_and_one_with_both_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"channels.extra has no uri"):
        request(channels={"extra": {}})
    with pytest.raises(ConfigError, match=r"channels.train.uri is 's3://b/k', but its rows are written"):
        request(channels={"train": {"uri": "s3://b/k"}})


def test_an_unknown_key_of_a_channel_is_named_with_what_is_allowed() -> None:
    features = {"numeric": ["x"]}
    contender = {"name": "a", "engine": "sagemaker", "family": "gradient_boosted_trees"}
    tree = {
        "name": "x",
        "table": {"path": "t", "label": "y", "features": features},
        "contenders": [contender],
        "sagemaker": {"channels": {"validation": {"urii": "s3://b/k"}}},
    }
    with pytest.raises(ConfigError, match=r"unknown key sagemaker.channels.validation.urii; allowed: .*Did you mean"):
        parse_config(tree)


LIBRARY_CAN_SAY = {
    "instance_count": 3,
    "volume_gb": 99,
    "max_runtime_seconds": 60,
    "image": "other:1",
    "input_mode": "Pipe",
    "encryption": {"output_key": KEY},
    "channels": {"train": {"content_type": "text/csv", "distribution": "ShardedByS3Key"}},
}


def test_what_the_library_has_an_argument_for_passes() -> None:
    check_expressible(request(**LIBRARY_CAN_SAY), channels=1)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"spot": {"enabled": True}}, "spot.enabled"),
        ({"network": {"subnets": ["s"], "security_groups": ["g"]}}, "network.subnets"),
        ({"network": {"isolation": True}}, "network.isolation"),
        ({"network": {"encrypt_traffic": True}}, "network.encrypt_traffic"),
        ({"encryption": {"volume_key": KEY}}, "encryption.volume_key"),
        ({"tags": {"a": "b"}}, "tags"),
        ({"environment": {"A": "b"}}, "environment"),
        ({"metrics": {"auc": "(x)"}}, "metrics"),
        ({"output_compression": "NONE"}, "output_compression"),
        ({"keep_alive_seconds": 60}, "keep_alive_seconds"),
        ({"retry_attempts": 2}, "retry_attempts"),
        ({"max_pending_seconds": 7200}, "max_pending_seconds"),
        ({"channels": {"train": {"input_mode": "Pipe"}}}, "channels"),
        ({"channels": {"x": {"uri": "s3://b/k"}}}, "channels"),
        ({"request": {"ExperimentConfig": {"RunName": "r"}}}, "request.ExperimentConfig.RunName"),
    ],
)
def test_what_the_library_has_no_word_for_is_named_with_the_way_out(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"cannot express .*sagemaker\.{key} .*Set sagemaker.client: boto3"):
        check_expressible(request(**changes), channels=1)


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 100),
    volume=st.integers(1, 16_384),
    runtime=st.integers(1, 2_419_200),
    attempts=st.none() | st.integers(1, 30),
    tags=st.dictionaries(st.from_regex(r"\A[a-z]{1,20}\Z"), st.from_regex(r"\A[a-z ]{0,20}\Z"), max_size=5),
    isolated=st.booleans(),
    spot=st.booleans(),
)
def test_whatever_is_within_the_limits_passes_botocore_too(
    count: int, volume: int, runtime: int, attempts: int | None, tags: dict[str, str], isolated: bool, spot: bool
) -> None:
    found = request(
        instance_count=count,
        volume_gb=volume,
        max_runtime_seconds=runtime,
        retry_attempts=attempts,
        tags=tags,
        network={"isolation": isolated},
        spot={"enabled": spot},
    )
    check_request(found)
    assert not ParamValidator().validate(found, SHAPE).has_errors()
