"""Built-in algorithms end to end: trained, deployed, scored and deleted, through both clients."""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from py4j.java_gateway import JavaClass
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession

from sparring.estimators import builtin
from sparring.sagemaker.target import AwsTarget
from sparring.wire import Rows
from sparring_local_sagemaker import LocalAws
from sparring_local_sagemaker.algorithms.stand_in import answers_directly
from sparring_local_sagemaker.images import ALGORITHMS

# One epoch of the default steps would leave a model that says the same of every row.
FAST = {"epochs": 30, "miniBatchSize": 30, "linearLr": 0.1, "factorsLr": 0.1}
STAGES: list[tuple[Any, dict[str, Any]]] = [
    (builtin.SageMakerLinearLearnerBinaryClassifier, {"labelCol": "two"}),
    (builtin.SageMakerLinearLearnerMulticlassClassifier, {"labelCol": "three", "numClasses": 3}),
    (builtin.SageMakerLinearLearnerRegressor, {"labelCol": "a"}),
    (builtin.SageMakerFactorizationMachinesBinaryClassifier, {"labelCol": "two", "numFactors": 2, **FAST}),
    (builtin.SageMakerFactorizationMachinesRegressor, {"labelCol": "a", "numFactors": 2, **FAST}),
    (builtin.SageMakerKMeans, {"k": 3}),
    (builtin.SageMakerPCA, {"numComponents": 2, "miniBatchSize": 50}),
    (builtin.SageMakerLDA, {"numTopics": 2}),
]


def test_the_local_sagemaker_runs_every_built_in_algorithm() -> None:
    assert {stage.algorithm.repository for stage, _ in STAGES} <= set(ALGORITHMS)


@pytest.fixture(scope="module")
def target() -> Iterator[AwsTarget]:
    with LocalAws() as server:
        yield AwsTarget.on(server)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.integers(0, 6, size=(120, 4)).astype(float), columns=["a", "b", "c", "d"])
    table["two"], table["three"] = (table.a > 2) * 1.0, table.b // 2
    return VectorAssembler(inputCols=["a", "b", "c", "d"], outputCol="features").transform(spark.createDataFrame(table))


def directly(stage: Any, given: dict[str, Any], table: pd.DataFrame, target: AwsTarget, job: str) -> dict[str, Any]:
    """Return what the algorithm says of the rows when it is called in this process with the job's hyperparameters."""
    algorithm = importlib.import_module(ALGORITHMS[stage.algorithm.repository]).ALGORITHM
    described = target.client("sagemaker").describe_training_job(TrainingJobName=job)
    features = table[["a", "b", "c", "d"]].to_numpy(np.float32)
    labels = table[given["labelCol"]].to_numpy(float) if "labelCol" in given else None
    return answers_directly(algorithm, described["HyperParameters"], Rows(features, labels), features)


@pytest.mark.parametrize(
    ("stage", "given", "client"),
    # The library has all eight; both clients share everything but the request, which other tests compare.
    [(*stage, "sagemaker-pyspark") for stage in STAGES] + [(*STAGES[6], "boto3")],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_an_algorithm_is_trained_deployed_scored_and_deleted(
    spark: SparkSession, rows: DataFrame, target: AwsTarget, stage: Any, given: dict[str, Any], client: str
) -> None:
    jvm: Any = spark._jvm
    if client == "sagemaker-pyspark" and not isinstance(jvm.com.google.protobuf.GeneratedMessage, JavaClass):
        pytest.skip("sagemaker-pyspark writes RecordIO with protobuf-java, which this session does not have")
    model = stage(target=target, client=client, instanceType="ml.m5.large", **given).fit(rows)
    with model.deployed():
        scored = model.transform(rows).toPandas()
    expected = directly(stage, given, rows.toPandas(), target, model.getOrDefault("jobName"))
    for member, param in stage.algorithm.outputs.items():
        found = np.array(scored[model.getOrDefault(param)].tolist())
        assert found.shape == expected[member].shape
        # Answers travel as float32.
        np.testing.assert_allclose(found, expected[member], rtol=1e-6, atol=1e-6)
        assert len(np.unique(found.round(6), axis=0)) >= 2
    model.delete()
    assert not target.client("s3").list_objects_v2(Bucket=target.bucket).get("Contents")
