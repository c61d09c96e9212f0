"""Where SageMaker is: AWS and the local emulator differ in an address and credentials, and in nothing else."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from sparring.config.schema import SageMakerConfig
from sparring.errors import ConfigError, PlatformError
from sparring.sagemaker import target as target_module
from sparring.sagemaker.clients import Boto3Client, SageMakerPySparkClient, set_hyperparameter
from sparring.sagemaker.endpoint import RealTimeEndpoint
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.target import ROLE_PATTERN, AwsTarget, Endpoint
from sparring.sagemaker.training_job import TrainedModel, TrainingJob, _Group
from sparring.training.parameters import parameters_of
from sparring.training.xgboost_parameters import XGBoostParameters
from sparring.wire.service_model import service_model
from sparring_local_sagemaker.algorithms.xgboost_hyperparameters import training_of

ROLE = "arn:aws:iam::123456789012:role/trainer"
ON_AWS = AwsTarget(ROLE, "bucket", "team/churn", "eu-west-1")
ON_EMULATOR = replace(ON_AWS, emulator=Endpoint("http://127.0.0.1:9", "key", "secret"))
CLIENTS = {"sagemakerClient", "s3Client", "stsClient"}


def config(**changes: Any) -> SageMakerConfig:
    return SageMakerConfig(**{"role": ROLE, "bucket": "bucket", "region": "eu-west-1"} | changes)


@pytest.mark.parametrize(
    ("written", "bucket", "prefix"),
    [
        ("bucket", "bucket", ""),
        ("s3://bucket", "bucket", ""),
        ("bucket/a/b", "bucket", "a/b"),
        ("s3://bucket/a/b/", "bucket", "a/b"),
    ],
)
def test_a_bucket_may_bring_a_prefix(written: str, bucket: str, prefix: str) -> None:
    target = AwsTarget.on_aws(config(bucket=written))
    assert (target.bucket, target.prefix, target.emulator) == (bucket, prefix, None)
    assert target.key("x", "y") == (f"{prefix}/x/y" if prefix else "x/y")


@pytest.mark.parametrize(
    "role",
    [
        "trainer",
        "arn:aws:iam::123456789012:user/trainer",
        "arn:aws:iam::12345678901:role/trainer",
        f"{ROLE} ",
        f"{ROLE}\n",
    ],
)
def test_what_is_no_role_is_refused_before_any_call(role: str) -> None:
    with pytest.raises(ConfigError, match=r"sagemaker.role must be an ARN such as .*got "):
        AwsTarget.on_aws(config(role=role))


@pytest.mark.parametrize("role", [ROLE, f"{ROLE}-2", "arn:aws-cn:iam::123456789012:role/service-role/My+Role=,.@x"])
def test_what_is_a_role_to_sagemaker_is_one_to_us(role: str) -> None:
    assert AwsTarget.on_aws(config(role=role)).role == role
    assert re.fullmatch(service_model().shape_for("RoleArn").metadata["pattern"], role)


def test_our_pattern_of_a_role_is_the_one_of_the_api() -> None:
    assert ROLE_PATTERN.pattern.strip("^$") == service_model().shape_for("RoleArn").metadata["pattern"].strip("^$")


def test_without_an_account_there_is_no_target() -> None:
    with pytest.raises(ConfigError, match="role, bucket and region are missing"):
        AwsTarget.on_aws(SageMakerConfig())


@pytest.mark.parametrize("target", [ON_AWS, ON_EMULATOR])
def test_a_target_survives_as_json_and_holds_no_secret_on_aws(target: AwsTarget) -> None:
    assert AwsTarget.from_json(target.to_json()) == target
    assert ("secret" in target.to_json()) == (target.emulator is not None)


def test_settings_of_the_emulator_add_only_address_and_credentials() -> None:
    prefix = "fs.s3a.bucket.bucket."
    aws, local = ON_AWS.s3a_settings(), ON_EMULATOR.s3a_settings()
    assert aws == {f"{prefix}endpoint.region": "eu-west-1"}
    assert {key: local[key] for key in aws} == aws
    assert {key.removeprefix(prefix) for key in local.keys() - aws.keys()} == {
        "endpoint",
        "path.style.access",
        "connection.ssl.enabled",
        "aws.credentials.provider",
        "access.key",
        "secret.key",
    }
    aws, local = ON_AWS.boto3_arguments(), ON_EMULATOR.boto3_arguments()
    assert aws == {"region_name": "eu-west-1"}
    assert {key: local[key] for key in aws} == aws
    assert local.keys() - aws.keys() == {"endpoint_url", "aws_access_key_id", "aws_secret_access_key"}


def test_clients_of_both_languages_go_where_the_target_says(spark: SparkSession) -> None:
    ON_EMULATOR.configure(spark)
    builders = {
        "sagemaker": "com.amazonaws.services.sagemaker.AmazonSageMakerClientBuilder",
        "s3": "com.amazonaws.services.s3.AmazonS3ClientBuilder",
        "sts": "com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder",
    }
    for service, builder in builders.items():
        assert ON_EMULATOR.client(service).meta.endpoint_url == "http://127.0.0.1:9"
        plain = boto3.client(service, region_name="eu-west-1").meta.endpoint_url
        assert ON_AWS.client(service).meta.endpoint_url == plain
        assert endpoint_of(ON_EMULATOR.jvm_client(spark, builder)) == "http://127.0.0.1:9"
    sagemaker = ON_AWS.jvm_client(spark, builders["sagemaker"])
    assert endpoint_of(sagemaker) == "https://api.sagemaker.eu-west-1.amazonaws.com"


def endpoint_of(client: Any) -> str:
    """Return the address of an AWS SDK client of the JVM."""
    kind = client.getClass()
    while kind.getSimpleName() != "AmazonWebServiceClient":
        kind = kind.getSuperclass()
    field = kind.getDeclaredField("endpoint")
    field.setAccessible(True)
    return str(field.get(client).toString())


def estimator_of(target: AwsTarget, spark: SparkSession, instances: int = 1) -> Any:
    target.configure(spark)
    job = TrainingJob(target, config(instance_count=instances, instance_type="ml.m5.xlarge"), "test")
    job.name, job.prefix = "sparring-test-1", "team/churn/sparring/sparring-test-1/"
    client = job.client
    assert isinstance(client, SageMakerPySparkClient)
    return client.estimator(spark, job.request({}), {})


def properties(estimator: Any) -> dict[str, str]:
    """Return everything that the library's estimator makes its requests of, as text without object ids."""
    names = [
        name
        for kind in type(estimator).__mro__
        for name, member in vars(kind).items()
        if isinstance(member, property) and kind.__module__.startswith("sagemaker_pyspark")
    ]
    inner = estimator._java_obj
    found = {name: str(getattr(inner, name)()) for name in set(names) - CLIENTS}
    return {name: re.sub(r"@[0-9a-f]+", "", value) for name, value in found.items()}


def test_the_librarys_estimator_is_told_the_same_but_for_its_clients(spark: SparkSession) -> None:
    aws, local = (properties(estimator_of(target, spark)) for target in (ON_AWS, ON_EMULATOR))
    assert aws == local
    assert len(aws) > 20
    assert ".eu-west-1." in aws["trainingImage"]
    assert aws["deleteStagingDataAfterTraining"] == "False"
    assert aws["trainingS3DataDistribution"] == "FullyReplicated"


def test_several_instances_each_get_a_shard(spark: SparkSession) -> None:
    found = properties(estimator_of(ON_AWS, spark, instances=3))
    assert (found["trainingInstanceCount"], found["trainingS3DataDistribution"]) == ("3", "ShardedByS3Key")


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime", "s3", "logs"])
def test_every_service_is_found_by_boto3_itself_on_aws(service: str) -> None:
    plain = boto3.client(service, region_name="eu-west-1").meta
    found = ON_AWS.client(service).meta
    assert (found.endpoint_url, found.region_name) == (plain.endpoint_url, "eu-west-1")
    assert ON_EMULATOR.client(service).meta.endpoint_url == "http://127.0.0.1:9"


EVERYTHING_BUT_CHANNELS: dict[str, Any] = {
    "client": "boto3",
    "spot": {"enabled": True},
    "tags": {"a": "b"},
    "environment": {"MODE": "fast"},
    "network": {"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING_BUT_CHANNELS], ids=["sagemaker-pyspark", "boto3"])
def test_the_request_is_the_same_and_knows_of_no_emulator(changes: dict[str, Any]) -> None:
    requests = []
    for target in (ON_AWS, ON_EMULATOR):
        job = TrainingJob(target, config(instance_type="ml.m5.xlarge", **changes), "test")
        job.name, job.prefix = "sparring-test-1", "team/churn/sparring/sparring-test-1/"
        requests.append(job.request({"num_round": 1}))
    assert requests[0] == requests[1]
    assert not re.search(r"127\.0\.0\.1|http:|secret|local", json.dumps(requests[0]))


def test_a_ledger_on_aws_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "run.registry.json"
    ResourceRegistry(ON_AWS, str(path)).record("model", "m")
    assert "secret" not in path.read_text()


def test_only_the_target_and_who_waits_ask_whether_it_is_an_emulator() -> None:
    folder = Path(target_module.__file__).parent
    asking = {path.name for path in folder.glob("*.py") if ".emulator is" in path.read_text()}
    # target: addresses; resources, watcher and clients: how long to wait; registry: an emulator that is gone.
    assert asking == {"target.py", "resources.py", "job_watcher.py", "clients.py", "resource_registry.py"}


class Session:
    """A Spark Connect session: whoever asks for its SparkContext or JVM fails."""

    __module__ = "pyspark.sql.connect.session"

    def __init__(self) -> None:
        self.conf = MagicMock()
        self.conf.get.return_value = "local[2]"
        self.tags: list[str] = []

    def addTag(self, tag: str) -> None:
        self.tags.append(tag)

    def interruptTag(self, tag: str) -> None:
        self.tags.remove(tag)


def test_the_boto3_client_needs_neither_sparkcontext_nor_jvm() -> None:
    spark: Any = Session()
    Boto3Client(ON_EMULATOR, None).configure(spark)
    group = _Group(spark, "job-1")
    group.join()
    assert spark.tags == ["job-1"]
    group.cancel()
    assert spark.tags == []


class Recorded(Exception):
    """Raised instead of sending the last request of interest."""


def test_endpoints_are_requested_alike_and_deleted_when_they_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    model = TrainedModel("job", "image:1", "s3://bucket/model.tar.gz", {})
    found = []
    for target in (ON_AWS, ON_EMULATOR):
        requests: list[Any] = []

        def record(model: Any, params: dict[str, Any], requests: list[Any] = requests, **_: Any) -> tuple[Any, Any]:
            requests.append((model.name, json.loads(params["body"])))
            if model.name == "CreateEndpoint":
                raise Recorded
            return AWSResponse("", 200, {}, None), {}

        client = target.client("sagemaker")
        client.meta.events.register("before-call.sagemaker.*", record)
        monkeypatch.setattr(AwsTarget, "client", lambda *_, client=client: client)
        endpoint = RealTimeEndpoint(target, model, config())
        endpoint.name = "job-1"
        with pytest.raises(Recorded), endpoint:
            pass
        monkeypatch.undo()
        found.append(requests)
    assert found[0] == found[1]
    assert [name for name, _ in found[0]] == [
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
        "DeleteEndpoint",
        "DeleteEndpointConfig",
        "DeleteModel",
    ]
    container = {"Image": "image:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    assert found[0][0][1] == {"ModelName": "job-1", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}


values = {
    "num_round": st.integers(1, 9_999),
    "eta": st.floats(0, 1),
    "max_depth": st.integers(0, 64),
    "min_child_weight": st.floats(0, 1e9),
    "subsample": st.floats(1e-6, 1),
    "colsample_bytree": st.floats(1e-6, 1),
    "colsample_bylevel": st.floats(1e-6, 1),
    "gamma": st.floats(0, 1e9),
    "lambda": st.floats(0, 1e9),
    "alpha": st.floats(0, 1e9),
    "max_delta_step": st.floats(0, 1e9),
    "max_bin": st.integers(2, 99_999),
    "max_leaves": st.integers(0, 99_999),
    "grow_policy": st.sampled_from(["depthwise", "lossguide"]),
    "tree_method": st.sampled_from(["hist", "approx", "exact"]),
    # SageMaker refuses 0.
    "scale_pos_weight": st.floats(1e-6, 1e9),
    "base_score": st.floats(1e-6, 1 - 1e-6),
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configured=st.fixed_dictionaries(values), seed=st.integers(0, 2**31 - 1))
def test_every_hyperparameter_reaches_the_job_unchanged(
    spark: SparkSession, configured: dict[str, Any], seed: int
) -> None:
    # sagemaker-pyspark cannot send what stops early; boto3 does.
    assert set(configured) == set(parameters_of("sagemaker", "gradient_boosted_trees")) - {"early_stopping_rounds"}
    parameters = XGBoostParameters.of(configured, "test")
    estimator = estimator_of(ON_EMULATOR, spark)
    for name, value in {"num_round": parameters.num_round, **parameters.native(2, seed)}.items():
        set_hyperparameter(estimator, name, value)
    estimator._transfer_params_to_java()
    requested = {str(key): str(value) for key, value in estimator._java_obj.makeHyperParameters().items()}
    training = training_of(requested)
    assert training.num_round == parameters.num_round
    assert training.native == parameters.native(2, seed)


def test_a_cluster_or_a_session_without_the_jars_is_refused() -> None:
    session = MagicMock()
    session.conf.get.return_value = "yarn"
    with pytest.raises(PlatformError, match=r"serves this machine only, Spark runs on yarn"):
        ON_EMULATOR.configure(session)
    # A package, not a class, is what py4j finds in place of a class that is not there.
    for target in (ON_AWS, ON_EMULATOR):
        session.conf.get.return_value = "local[2]"
        with pytest.raises(PlatformError, match=r"without the jars of sagemaker-pyspark"):
            target.configure(session)
