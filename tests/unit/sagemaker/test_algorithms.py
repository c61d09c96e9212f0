"""The table of built-in algorithms against the library's own classes, in the JVM, and both clients' requests alike."""

from typing import Any

import pytest
from pyspark.sql import SparkSession

from sparring.config.sagemaker import SageMakerConfig
from sparring.errors import ConfigError
from sparring.sagemaker import algorithms
from sparring.sagemaker.algorithms import Algorithm, Hyperparameter, as_text, param_name
from sparring.sagemaker.checks import check_request
from sparring.sagemaker.clients import SageMakerPySparkClient, set_hyperparameter
from sparring.sagemaker.images import ALGORITHMS, LDA, LIBRARY_REGIONS, XGBOOST, builtin_image
from sparring.sagemaker.request import JobSpec, training_request
from sparring.sagemaker.target import AwsTarget, Endpoint

TABLE = {name: value for name, value in vars(algorithms).items() if isinstance(value, Algorithm)}
each = pytest.mark.parametrize("algorithm", [a for a in TABLE.values() if a.hyperparameters], ids=lambda a: a.estimator)
SAMPLES: dict[str, list[Any]] = {
    "int": [7],
    "float": [0.5, 2, 1e-9],
    "bool": [True, False],
    "int or auto": ["auto", 3],
    "float or auto": ["auto", 0.25],
}


def target(region: str = "eu-west-1") -> AwsTarget:
    emulator = Endpoint("http://127.0.0.1:9", "key", "secret")
    return AwsTarget("arn:aws:iam::123456789012:role/trainer", "bucket", "", region, emulator)


def request_of(algorithm: Algorithm, values: dict[str, Any], region: str = "eu-west-1") -> dict[str, Any]:
    spec = JobSpec(
        "job-1",
        "sparring/job-1/",
        image=algorithm.image(region),
        content_type=algorithm.content_type,
        hyperparameters={name: as_text(value) for name, value in values.items()},
    )
    return training_request(spec, SageMakerConfig(instance_type="ml.m5.large"), target(region))


def estimator(spark: SparkSession, algorithm: Algorithm, values: dict[str, Any], region: str = "eu-west-1") -> Any:
    client = SageMakerPySparkClient(target(region), algorithm)
    client.target.configure(spark)
    request = request_of(algorithm, values, region)
    check_request(request)
    client.check(request, ("train",))
    return client.estimator(spark, request, values)


def samples(allowed: Hyperparameter) -> list[Any]:
    """Return values within the range; of a choice, every one."""
    wording, test = allowed.check
    if allowed.kind == "str":
        return eval(wording.removeprefix("one of ") + ",") if "one of" in wording else ["balanced", "2.0"]
    return [value for value in SAMPLES[allowed.kind] if value == "auto" or test(value)]


@each
def test_the_table_lists_exactly_the_librarys_hyperparameters(spark: SparkSession, algorithm: Algorithm) -> None:
    params = {param.name() for param in estimator(spark, algorithm, {})._java_obj.params()}
    assert params == set(algorithm.hyperparameters) | set(algorithm.fixed)


@each
def test_the_library_takes_every_value_of_the_table_and_sends_what_boto3_sends(
    spark: SparkSession, algorithm: Algorithm
) -> None:
    every = {name: samples(allowed) for name, allowed in algorithm.hyperparameters.items()}
    assert all(every.values())
    made = estimator(spark, algorithm, {})
    for number in range(max(map(len, every.values()))):
        given = {name: values[number % len(values)] for name, values in every.items()}
        values = algorithm.checked(given, "test")
        for name, value in values.items():
            set_hyperparameter(made, name, value)
        sent = {str(name): str(value) for name, value in made._java_obj.makeHyperParameters().items()}
        ours = request_of(algorithm, values)["HyperParameters"]
        assert {name: as_number(text) for name, text in sent.items()} == {n: as_number(t) for n, t in ours.items()}


def as_number(text: str) -> Any:
    """Return text as a number where it is one: the JVM writes 1.0E-9, Python 1e-09."""
    try:
        return float(text)
    except ValueError:
        return text


@each
def test_what_is_fixed_is_the_librarys_default(spark: SparkSession, algorithm: Algorithm) -> None:
    made = estimator(spark, algorithm, {})
    made._transfer_params_to_java()
    sent = {str(name): str(value) for name, value in made._java_obj.makeHyperParameters().items()}
    assert {name: sent[name] for name in algorithm.fixed} == algorithm.fixed


@pytest.mark.parametrize("name", ["KMEANS", "LDA", "XGBOOST"])
def test_images_are_the_librarys_where_it_knows_the_region(spark: SparkSession, name: str) -> None:
    for region in LIBRARY_REGIONS:
        assert estimator(spark, TABLE[name], {}, region).trainingImage == TABLE[name].image(region)


def test_a_region_that_the_library_does_not_know_is_boto3s() -> None:
    client = SageMakerPySparkClient(target("eu-central-1"), algorithms.KMEANS)
    with pytest.raises(ConfigError, match=r"sagemaker\.region: .*got eu-central-1.*client: boto3"):
        client.check(request_of(algorithms.KMEANS, {}, "eu-central-1"), ("train",))


def test_an_image_of_ones_own_is_not_for_the_librarys_algorithm() -> None:
    client = SageMakerPySparkClient(target(), algorithms.KMEANS)
    request = request_of(algorithms.KMEANS, {})
    request["AlgorithmSpecification"]["TrainingImage"] = "mine:1"
    with pytest.raises(ConfigError, match=r"sagemaker\.image: .*got mine:1.*client: boto3"):
        client.check(request, ("train",))


def test_a_region_without_the_algorithm_is_refused_and_china_has_its_own_domain() -> None:
    with pytest.raises(ConfigError, match="lda is not known to be in sa-east-1"):
        builtin_image("lda", "sa-east-1")
    assert builtin_image("pca", "cn-north-1") == "390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/pca:1"
    assert all(
        account.isdigit() and len(account) == 12 for table in (ALGORITHMS, LDA, XGBOOST) for account in table.values()
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "test: num_components, mini_batch_size are required by pca"),
        ({"num_component": 3}, "pca has no hyperparameter 'num_component'.*Did you mean 'num_components'"),
        ({"num_components": 0}, "num_components must be >= 1, got 0"),
        ({"num_components": 1.5}, "num_components must be int, got 1.5"),
        ({"num_components": True}, "num_components must be int, got True"),
        ({"subtract_mean": "yes"}, "subtract_mean must be bool, got 'yes'"),
        ({"algorithm_mode": "stable"}, "algorithm_mode must be one of 'regular', 'randomized', got 'stable'"),
        ({"extra_components": 0}, "extra_components must be -1 or > 0, got 0"),
    ],
)
def test_wrong_hyperparameters_are_refused_and_missing_ones_listed_together(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        algorithms.PCA.checked({"feature_dim": 3, **given}, "test")


@each
def test_no_two_hyperparameters_share_a_param_and_all_required_ones_are_there(algorithm: Algorithm) -> None:
    ours = [param_name(name) for name in algorithm.hyperparameters]
    assert len(set(ours)) == len(ours)
    assert set(algorithm.required) <= set(algorithm.hyperparameters)
