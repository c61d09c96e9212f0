"""The SageMaker stage against the local SageMaker: fit, deploy, score, and nothing left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.errors import EndpointError, ParamError, SageMakerError, SchemaError
from sparring.estimators.sagemaker_xgboost import SageMakerXGBoost, SageMakerXGBoostModel
from sparring.estimators.single_node import SingleNodeXGBoost
from sparring.inference.realtime import EndpointModel
from sparring.sagemaker.target import AwsTarget
from sparring_local_sagemaker import LocalAws

SETTINGS: dict[str, Any] = {"numRound": 10, "maxDepth": 3, "subsample": 0.7, "regLambda": 2.0, "seed": 3}


@pytest.fixture(scope="module")
def target() -> Iterator[AwsTarget]:
    with LocalAws() as server:
        yield AwsTarget.on(server)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """600 rows in no order, with many zeros."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(600, 3)).astype(np.float32), columns=["a", "b", "c"])
    table.loc[rng.random(600) < 0.6, ["b", "c"]] = 0
    table["label"] = (table.a + table.b + rng.normal(size=600) > 0).astype(float)
    table["key"] = [f"k{number:04d}" for number in rng.permutation(600)]
    return spark.createDataFrame(table).repartition(3)


@pytest.fixture(scope="module")
def vectors(rows: DataFrame) -> DataFrame:
    """The rows with a vector column, some stored sparse and some dense."""
    return VectorAssembler(inputCols=["a", "b", "c"], outputCol="features").transform(rows)


@pytest.fixture(scope="module")
def cells(rows: DataFrame) -> DataFrame:
    """The rows with their non-zero cells only."""
    stored = F.expr("filter(sequence(0, 2), i -> element_at(array(a, b, c), i + 1) <> 0)")
    table = rows.withColumn("indices", stored.cast("array<int>"))
    values = F.expr("transform(indices, i -> element_at(array(a, b, c), i + 1))")
    return table.withColumn("values", values.cast("array<float>"))


@pytest.fixture(scope="module")
def model(vectors: DataFrame, target: AwsTarget) -> Iterator[SageMakerXGBoostModel]:
    fitted = SageMakerXGBoost(target=target, maxRuntimeSeconds=120, **SETTINGS).fit(vectors)
    yield fitted
    fitted.delete()


@pytest.fixture
def on_server(target: AwsTarget, model: SageMakerXGBoostModel) -> Iterator[Any]:
    """Function that lists all but the shared model's file; nothing more may stay than what was there."""
    client, s3 = target.client("sagemaker"), target.client("s3")
    shared = model.getOrDefault("jobName")

    def listed() -> list[str]:
        jobs = client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
        objects = s3.list_objects_v2(Bucket=target.bucket).get("Contents", [])
        return [
            *(entry["ModelName"] for entry in client.list_models()["Models"]),
            *(entry["EndpointConfigName"] for entry in client.list_endpoint_configs()["EndpointConfigs"]),
            *(entry["EndpointName"] for entry in client.list_endpoints()["Endpoints"]),
            *(entry["TrainingJobName"] for entry in jobs),
            *(entry["Key"] for entry in objects if shared not in entry["Key"]),
        ]

    yield listed
    assert listed() == []


def scores(frame: DataFrame) -> np.ndarray:
    share = vector_to_array("probability")[1].alias("share")
    return frame.select("key", share).toPandas().sort_values("key").share.to_numpy()


def native_scores(features: np.ndarray, labels: pd.Series) -> np.ndarray:
    """Return the scores of XGBoost itself, trained on the rows in the order given."""
    settings = {"objective": "binary:logistic", "max_depth": 3, "subsample": 0.7, "lambda": 2.0, "seed": 3}
    matrix = xgboost.DMatrix(features, label=labels)
    return xgboost.train({**settings, "tree_method": "hist"}, matrix, 10).predict(matrix)


def test_the_job_gets_exactly_the_parameters_of_one_machine(model: SageMakerXGBoostModel, target: AwsTarget) -> None:
    job = target.client("sagemaker").describe_training_job(TrainingJobName=model.getOrDefault("jobName"))
    assert job["HyperParameters"] == {
        "num_round": "10",
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": "3",
        "eta": "0.3",
        "subsample": "0.7",
        "min_child_weight": "1.0",
        "lambda": "2.0",
        "alpha": "0.0",
        "gamma": "0.0",
        "nthread": "1",
        "seed": "3",
    }
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 120}
    assert job["RoleArn"] == target.role


def test_it_scores_as_one_machine_trained_in_the_order_of_the_keys(
    model: SageMakerXGBoostModel, vectors: DataFrame, on_server: Any
) -> None:
    with model.deployed() as name:
        assert on_server() == [name] * 3
        share = vector_to_array("probability")[1]
        found = model.transform(vectors).withColumn("share", share).drop("features", "probability", "rawPrediction")
        scored = found.toPandas().sort_values("key")
    assert np.array_equal(scored.prediction, scored.share >= 0.5)
    features = scored[["a", "b", "c"]].to_numpy(np.float32)
    assert np.abs(scored.share - native_scores(features, scored.label)).max() <= 1e-6
    assert scored.share.nunique() > 50
    alone = SingleNodeXGBoost(**SETTINGS).fit(vectors).transform(vectors)
    assert np.abs(scored.share - scores(alone)).max() <= 1e-6


def test_an_absent_cell_is_missing_in_training_and_in_scoring(
    cells: DataFrame, target: AwsTarget, on_server: Any
) -> None:
    fitted = SageMakerXGBoost(target=target, featuresCol="", size=3, **SETTINGS).fit(cells)
    with fitted.deployed():
        ours = scores(fitted.transform(cells))
    assert [key.rsplit("/", 1)[-1] for key in on_server()] == ["model.tar.gz"]
    fitted.delete()
    table = cells.toPandas().sort_values("key")
    features = table[["a", "b", "c"]].to_numpy(np.float32)
    reference = native_scores(np.where(features == 0, np.nan, features), table.label)
    assert np.abs(ours - reference).max() <= 1e-6


def test_a_pipeline_with_it_is_copied_saved_and_loaded(
    rows: DataFrame, target: AwsTarget, tmp_path: Path, on_server: Any
) -> None:
    assembler = VectorAssembler(inputCols=["a", "b", "c"], outputCol="features")
    stage = SageMakerXGBoost(target=target, **SETTINGS)
    Pipeline(stages=[assembler, stage.copy({stage.numRound: 2})]).save(str(tmp_path / "pipeline"))
    Pipeline.load(str(tmp_path / "pipeline")).fit(rows).save(str(tmp_path / "model"))
    loaded = PipelineModel.load(str(tmp_path / "model"))
    booster = loaded.stages[-1]
    with booster.deployed():
        scored = scores(loaded.transform(rows))
    booster.delete()
    assert len(np.unique(scored)) > 5


def test_without_an_endpoint_it_says_how_to_get_one(model: SageMakerXGBoostModel, vectors: DataFrame) -> None:
    with pytest.raises(SageMakerError, match=r"is not deployed.*with model.deployed"):
        model.transform(vectors)


def test_a_failed_job_tells_its_reason_and_leaves_nothing(
    vectors: DataFrame, target: AwsTarget, on_server: Any
) -> None:
    with pytest.raises(SageMakerError, match=r"is Failed: \w+Error: "):
        SageMakerXGBoost(target=target, numRound=1).fit(vectors.withColumn("label", F.lit(7.0)))


def test_a_job_that_outlasts_its_limit_is_stopped_and_leaves_nothing(
    vectors: DataFrame, target: AwsTarget, on_server: Any
) -> None:
    with pytest.raises(SageMakerError, match="is Stopped: MaxRuntimeExceeded"):
        SageMakerXGBoost(target=target, numRound=10_000_000, maxRuntimeSeconds=1).fit(vectors)


def test_an_upload_that_fails_leaves_nothing_and_creates_no_job(
    vectors: DataFrame, target: AwsTarget, on_server: Any
) -> None:
    broken = vectors.withColumn(
        "label", F.when(F.col("key") > "k05", F.raise_error(F.lit("no such row"))).otherwise(1.0)
    )
    before = target.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    with pytest.raises(SageMakerError, match=r"hand-off to SageMaker failed: .*no such row"):
        SageMakerXGBoost(target=target, numRound=1).fit(broken)
    assert target.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == before


def test_a_model_that_cannot_be_served_leaves_no_endpoint(target: AwsTarget, on_server: Any) -> None:
    missing = SageMakerXGBoostModel(
        jobName="sparring-gone", image="example/xgboost:1", modelData=f"s3://{target.bucket}/gone/model.tar.gz"
    )
    missing._set(targetJson=target.to_json())
    with pytest.raises(SageMakerError, match="failed: "), missing.deployed():
        pass


def test_an_interrupt_while_the_endpoint_starts_leaves_none(
    model: SageMakerXGBoostModel, on_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        assert len(on_server()) == 3
        raise KeyboardInterrupt

    monkeypatch.setattr("sparring.sagemaker.endpoint.RealTimeEndpoint._wait", interrupt)
    with pytest.raises(KeyboardInterrupt), model.deployed():
        pass


def test_an_interrupt_while_the_job_runs_stops_it_and_leaves_nothing(
    vectors: DataFrame, target: AwsTarget, on_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = target.client("sagemaker")

    def interrupt_once_training(*_: Any) -> None:
        while not client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]:
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr("sparring.sagemaker.training_job.TrainingJob._wait", interrupt_once_training)
    with pytest.raises(KeyboardInterrupt):
        SageMakerXGBoost(target=target, numRound=10_000_000).fit(vectors)


def test_an_interrupt_during_the_upload_ends_it_before_a_job_is_made(
    spark: SparkSession, vectors: DataFrame, target: AwsTarget, on_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = vectors.crossJoin(spark.range(10**9)).withColumn("key", F.concat("key", "id"))
    client = target.client("sagemaker")
    before = len(client.list_training_jobs()["TrainingJobSummaries"])

    def interrupt_once_busy(*_: Any) -> None:
        while not spark.sparkContext.statusTracker().getActiveJobsIds():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr("sparring.sagemaker.training_job.TrainingJob._wait", interrupt_once_busy)
    with pytest.raises(KeyboardInterrupt):
        SageMakerXGBoost(target=target, numRound=1, instanceType="ml.m5.large").fit(endless)
    assert not spark.sparkContext.statusTracker().getActiveJobsIds()
    assert len(client.list_training_jobs()["TrainingJobSummaries"]) == before


def test_an_endpoint_that_is_gone_is_an_error_not_a_short_table(vectors: DataFrame, target: AwsTarget) -> None:
    scorer = EndpointModel(endpointName="gone", target=target)
    with pytest.raises(Exception, match=EndpointError.__name__):
        scorer.transform(vectors).collect()


def test_wrong_params_and_columns_are_refused_before_any_job(vectors: DataFrame, target: AwsTarget) -> None:
    with pytest.raises(ParamError, match="target is not set"):
        SageMakerXGBoost().fit(vectors)
    with pytest.raises(ParamError, match=r"weightCol must be unset, got 'a'.*libsvm"):
        SageMakerXGBoost(target=target, weightCol="a").fit(vectors)
    with pytest.raises(ParamError, match="instanceType must be"):
        SageMakerXGBoost(target=target, instanceType="m5.large").fit(vectors)
    with pytest.raises(SchemaError, match="'features' is not in the table"):
        SageMakerXGBoost(target=target).fit(vectors.drop("features"))
    with pytest.raises(SchemaError, match="'probability' is in the table already"):
        EndpointModel(endpointName="x", target=target).transform(vectors.withColumn("probability", F.lit(1.0)))
