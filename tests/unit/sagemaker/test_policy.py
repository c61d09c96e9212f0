"""IAM policies: every action exists, every resource that can be named is named, and nothing needed is missing."""

import json
from typing import Any

import botocore.session
import pytest

from sparring.config.sagemaker import SageMakerConfig
from sparring.sagemaker.policy import UNNAMED, caller_policy, execution_policy
from sparring.sagemaker.target import AwsTarget

PLAIN: dict[str, Any] = {"role": "arn:aws:iam::123456789012:role/trainer", "bucket": "b/team", "region": "eu-west-1"}
FULL = PLAIN | {
    "image": "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/mine:2",
    "tags": {"a": "b"},
    "network": {"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
    "encryption": {"output_key": "alias/models", "volume_key": "1234"},
    "spot": {"enabled": True, "checkpoint_uri": "s3://kept/checkpoints/"},
    "channels": {"words": {"uri": "s3://other/words"}},
}
# Actions that are no operation of their own, and the operation that each permits.
PERMISSIONS = {
    "s3:ListBucket": ("s3", "ListObjectsV2"),
    "sagemaker:InvokeEndpoint": ("sagemaker-runtime", "InvokeEndpoint"),
    "iam:PassRole": ("sagemaker", "CreateTrainingJob"),
}


def documents(given: dict[str, Any]) -> list[dict[str, Any]]:
    section = SageMakerConfig.model_validate(given)
    target = AwsTarget.on_aws(section)
    return [caller_policy(section, target), execution_policy(section, target)]


def statements(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [statement for document in documents(given) for statement in document["Statement"]]


def actions(document: dict[str, Any]) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize("given", [PLAIN, FULL], ids=["plain", "full"])
def test_every_action_is_an_operation_of_its_service(given: dict[str, Any]) -> None:
    session = botocore.session.get_session()
    for statement in statements(given):
        for action in statement["Action"]:
            service, operation = PERMISSIONS.get(action, tuple(action.split(":")))
            assert operation in session.get_service_model(service).operation_names, action


@pytest.mark.parametrize("given", [PLAIN, FULL], ids=["plain", "full"])
def test_a_wildcard_stands_only_where_nothing_can_be_named(given: dict[str, Any]) -> None:
    for statement in statements(given):
        assert not any("*" in action for action in statement["Action"])
        if "*" in statement["Resource"]:
            assert statement["Resource"] == ["*"]
            assert set(statement["Action"]) <= UNNAMED
        else:
            assert not set(statement["Action"]) & UNNAMED
        for resource in statement["Resource"]:
            # A star ends a name or a folder of Sparring's own; it never stands for an account, a region or a bucket.
            assert resource == "*" or "*" not in ":".join(resource.split(":")[:5]), resource
            assert resource == "*" or not resource.startswith("arn:aws:s3:::*")


def test_statement_ids_are_distinct_and_the_documents_fit_iam() -> None:
    for document in documents(FULL):
        ids = [statement["Sid"] for statement in document["Statement"]]
        assert len(set(ids)) == len(ids)
        assert all(name.isalnum() for name in ids)
        # IAM's limit of a managed policy, white space not counted.
        assert len(json.dumps(document, separators=(",", ":"))) <= 6_144


def test_only_what_is_configured_is_allowed() -> None:
    caller, execution = documents(PLAIN)
    assert not {action for action in actions(caller) | actions(execution) if action.startswith(("kms:", "ec2:"))}
    assert "sagemaker:AddTags" not in actions(caller)
    caller, execution = documents(FULL)
    assert {"sagemaker:AddTags", "kms:CreateGrant"} <= actions(caller)
    named = {resource for statement in execution["Statement"] for resource in statement["Resource"]}
    assert {
        "arn:aws:ecr:us-east-1:210987654321:repository/team/mine",
        "arn:aws:s3:::other/words/*",
        "arn:aws:s3:::kept/checkpoints/*",
        "arn:aws:kms:eu-west-1:123456789012:alias/models",
        "arn:aws:kms:eu-west-1:123456789012:key/1234",
        "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1",
        "arn:aws:s3:::b/team/sparring/*",
    } <= named


def test_the_caller_may_pass_its_role_to_sagemaker_only() -> None:
    (passing,) = [statement for statement in statements(PLAIN) if statement["Action"] == ["iam:PassRole"]]
    assert passing["Resource"] == [PLAIN["role"]]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
