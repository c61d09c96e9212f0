"""Two clients, one contract, against the local SageMaker; crashes, clean-up and going on with a running job."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame, SparkSession
from typer.testing import CliRunner

from sparring.cli import app
from sparring.config.sagemaker import SageMakerConfig
from sparring.errors import SageMakerError
from sparring.estimators.custom import SageMakerContainer
from sparring.estimators.sagemaker_stage import deploying
from sparring.estimators.sagemaker_xgboost import SageMakerXGBoost
from sparring.sagemaker.policy import caller_policy
from sparring.sagemaker.resource_registry import ResourceRegistry, registries_of, registry_path
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainingJob
from sparring_local_sagemaker import LocalAws

SMALL: dict[str, Any] = {"instance_type": "ml.m5.large", "max_runtime_seconds": 300}
SETTINGS: dict[str, Any] = {"numRound": 5, "maxDepth": 3, "instanceType": "ml.m5.large", "seed": 3}
# S3's actions bear other names than the operations that they permit.
S3_ACTIONS = {"ListObjectsV2": "ListBucket", "DeleteObjects": "DeleteObject"}
# A whole job but for its upload, which would take a Spark session: one object stands for it.
RUN = """
import sys
from unittest.mock import MagicMock
from sparring.config.sagemaker import SageMakerConfig
from sparring.sagemaker import clients
from sparring.sagemaker.resource_registry import ResourceRegistry, registry_path
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainingJob

target, run, rounds = AwsTarget.from_json(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def upload(rows, uri, kind, **_):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    target.client("s3").put_object(Bucket=bucket, Key=key + "/part-0", Body=b"1 1:1\\n0 1:0\\n")
clients.write_channel = upload
config = SageMakerConfig(client="boto3", instance_type="ml.m5.large")
registry = ResourceRegistry(target, registry_path(run + "/train/boosted"))
job = TrainingJob(target, config, "boosted", registry=registry)
spark = MagicMock()
spark.conf.get.return_value = "local[1]"
job.run(spark, MagicMock(), {"num_round": rounds, "objective": "binary:logistic"}, digest="same")
"""


@pytest.fixture(scope="module")
def target() -> Iterator[AwsTarget]:
    with LocalAws() as server:
        yield AwsTarget.on(server)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(300, 3)).astype(np.float32), columns=["a", "b", "c"])
    table["label"] = (table.a + table.b + rng.normal(size=300) > 0).astype(float)
    table["key"] = [f"k{number:04d}" for number in rng.permutation(300)]
    frame = spark.createDataFrame(table).repartition(2)
    return VectorAssembler(inputCols=["a", "b", "c"], outputCol="features").transform(frame).cache()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every action that boto3 asks for in this process."""
    found: set[str] = set()
    plain = AwsTarget.client

    def recorded(self: AwsTarget, service: str, **config: Any) -> Any:
        client = plain(self, service, **config)

        def record(model: Any, **_: Any) -> None:
            name = S3_ACTIONS.get(model.name, model.name) if service == "s3" else model.name
            found.add(f"{service.removesuffix('-runtime')}:{name}")

        client.meta.events.register("before-call.*.*", record)
        return client

    monkeypatch.setattr(AwsTarget, "client", recorded)
    return found


def objects(target: AwsTarget) -> list[str]:
    return [entry["Key"] for entry in target.client("s3").list_objects_v2(Bucket=target.bucket).get("Contents", [])]


def jobs(target: AwsTarget) -> set[str]:
    """Return the names of all training jobs, whatever fits on a page."""
    pages = target.client("sagemaker").get_paginator("list_training_jobs").paginate()
    return {job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]}


def described(target: AwsTarget, job: str) -> dict[str, Any]:
    """Return what a job was asked for, without its name and times."""
    found = target.client("sagemaker").describe_training_job(TrainingJobName=job)
    asked = ("AlgorithmSpecification", "HyperParameters", "InputDataConfig", "OutputDataConfig", "ResourceConfig")
    kept = {name: found[name] for name in (*asked, "RoleArn", "StoppingCondition")}
    return json.loads(json.dumps(kept).replace(job, "JOB"))


def test_both_clients_send_the_same_job_and_get_the_same_model(
    rows: DataFrame, target: AwsTarget, called: set[str]
) -> None:
    jobs, scores = {}, {}
    for client in ("sagemaker-pyspark", "boto3"):
        model = SageMakerXGBoost(target=target, client=client, **SETTINGS).fit(rows)
        jobs[client] = described(target, model.getOrDefault("jobName"))
        with model.deployed():
            table = model.transform(rows).select("key", "probability").toPandas()
        scores[client] = np.vstack(table.sort_values("key").probability.map(lambda vector: vector.toArray()))
        model.delete()
    assert jobs["sagemaker-pyspark"] == jobs["boto3"]
    assert np.array_equal(scores["sagemaker-pyspark"], scores["boto3"])
    assert len(np.unique(scores["boto3"][:, 1])) > 20
    assert objects(target) == []
    allowed = caller_policy(SageMakerConfig(), target)["Statement"]
    assert called <= {action for statement in allowed for action in statement["Action"]}
    assert {"sagemaker:CreateTrainingJob", "sagemaker:CreateEndpoint", "s3:ListBucket"} <= called


@pytest.mark.parametrize("client", ["sagemaker-pyspark", "boto3"])
def test_a_container_of_ones_own_trains_on_csv_through_either_client(
    rows: DataFrame, target: AwsTarget, client: str
) -> None:
    stage = SageMakerContainer(
        trainingImage="example.com/team/xgboost:1",
        inputCols=["label", "a", "b", "c"],
        hyperparameters={"num_round": 3, "objective": "binary:logistic"},
        target=target,
        client=client,
        instanceType="ml.m5.large",
    )
    model = stage.fit(rows)
    job = described(target, model.getOrDefault("jobName"))
    assert job["AlgorithmSpecification"]["TrainingImage"] == "example.com/team/xgboost:1"
    assert job["HyperParameters"] == {"num_round": "3", "objective": "binary:logistic"}
    assert job["InputDataConfig"][0]["ContentType"] == "text/csv"
    with model.deployed() as name:
        answer = target.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType="text/csv", Body=b"1,0,0\n-1,0,0"
        )
        high, low = map(float, answer["Body"].read().split(b","))
    assert high > low
    model.delete()
    assert objects(target) == []


def test_boto3_says_what_the_library_cannot(rows: DataFrame, target: AwsTarget, spark: SparkSession) -> None:
    config = SageMakerConfig(
        **SMALL,
        client="boto3",
        channels={"validation": {"distribution": "FullyReplicated"}},
        environment={"MODE": "fast"},
        tags={"team": "fraud"},
        metrics={"rows": "([0-9]+) rows"},
    )
    told: list[str] = []
    job = TrainingJob(target, config, "both", on_progress=told.append)
    parts = {name: rows.select("label", "features") for name in ("train", "validation")}
    model = job.run(spark, parts, {"num_round": 2, "objective": "binary:logistic"})
    found = job.describe()
    assert [channel["ChannelName"] for channel in found["InputDataConfig"]] == ["train", "validation"]
    assert found["Environment"] == {"MODE": "fast"}
    assert model.phases["Training"] >= 0
    assert any(line.startswith(f"{job.name}: Training") for line in told)
    assert any("validation" in key for key in objects(target))
    job.close()
    assert objects(target) == []


def test_cross_validation_fits_scores_and_leaves_only_what_is_kept(rows: DataFrame, target: AwsTarget) -> None:
    stage = SageMakerXGBoost(target=target, client="boto3", **SETTINGS)
    grid = ParamGridBuilder().addGrid(stage.numRound, [6]).build()
    evaluator = BinaryClassificationEvaluator(rawPredictionCol="probability")
    search = CrossValidator(estimator=stage, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, seed=1)
    with deploying() as made:
        best = search.fit(rows).bestModel
    assert len(made.models) == 3
    assert not target.client("sagemaker").list_endpoints()["Endpoints"]
    made.delete_models(keep=best)
    assert [key.rsplit("/", 1)[-1] for key in objects(target)] == ["model.tar.gz"]
    best.delete()
    assert objects(target) == []


@pytest.fixture
def crashed(target: AwsTarget, tmp_path: Path, until: Callable) -> Iterator[Callable[[int], str]]:
    """Function that starts a run of so many rounds, kills it while its job runs, and returns the job's name."""
    started: list[subprocess.Popen[bytes]] = []

    def crash(rounds: int) -> str:
        client, before = target.client("sagemaker"), jobs(target)
        command = [sys.executable, "-c", RUN, target.to_json(), str(tmp_path), str(rounds)]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

        def training() -> list[str]:
            found = [client.describe_training_job(TrainingJobName=name) for name in jobs(target) - before]
            # A short job may have gone on by the time it is looked at.
            begun = ("Training", "Uploading", "Completed")
            return [job["TrainingJobName"] for job in found if job["SecondaryStatus"] in begun]

        (name,) = until(training)
        started[0].send_signal(signal.SIGKILL)
        started[0].wait()
        return name

    yield crash
    for process in started:
        process.kill()


def test_cleanup_finishes_after_a_run_was_killed(
    target: AwsTarget, tmp_path: Path, crashed: Callable[[int], str]
) -> None:
    job = crashed(100_000_000)
    (tmp_path / "manifest.json").write_text("{}")
    assert objects(target) != []
    (registry,) = registries_of(str(tmp_path))
    assert ("training-job", job) in registry.resources
    said = CliRunner().invoke(app, ["sagemaker", "cleanup", "--run", str(tmp_path)])
    assert said.exit_code == 0, said.output
    assert f"deleted training-job {job}" in said.output
    assert target.client("sagemaker").describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Stopped"
    assert objects(target) == []
    assert registries_of(str(tmp_path)) == []
    again = CliRunner().invoke(app, ["sagemaker", "cleanup", "--run", str(tmp_path)])
    assert "Nothing was left" in again.output


def test_a_later_run_goes_on_with_the_job_of_a_killed_one(
    target: AwsTarget, tmp_path: Path, crashed: Callable[[int], str]
) -> None:
    job = crashed(500)
    registry = ResourceRegistry.load(registry_path(str(tmp_path / "train" / "boosted")))
    assert registry is not None
    before = jobs(target)
    config = SageMakerConfig(**SMALL)
    resumed = TrainingJob.resumed(target, config, "boosted", registry=registry, digest="same")
    assert (resumed.name, resumed.attached) == (job, True)
    model = resumed.run(None, None, {})  # type: ignore[arg-type]
    assert (model.job, model.model_data.endswith("model.tar.gz")) == (job, True)
    assert jobs(target) == before
    other = TrainingJob.resumed(target, config, "boosted", registry=registry, digest="other rows")
    assert not other.attached
    assert objects(target) == []


def test_an_interrupt_stops_a_job_that_was_attached_to(
    target: AwsTarget, tmp_path: Path, crashed: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = crashed(100_000_000)
    registry = ResourceRegistry.load(registry_path(str(tmp_path / "train" / "boosted")))
    assert registry is not None
    attached = TrainingJob(target, SageMakerConfig(**SMALL), "boosted", registry=registry, attach=job)

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(attached._watcher, "until_ended", interrupt)
    with pytest.raises(KeyboardInterrupt):
        attached.run(None, None, {})  # type: ignore[arg-type]
    assert attached.describe()["TrainingJobStatus"] == "Stopped"
    attached.close()
    assert objects(target) == []


def test_a_job_past_its_deadline_is_stopped_and_says_so(
    target: AwsTarget, rows: DataFrame, spark: SparkSession
) -> None:
    config = SageMakerConfig(**SMALL, client="boto3", deadline_seconds=1)
    job = TrainingJob(target, config, "late")
    with pytest.raises(SageMakerError, match="had not ended 1 seconds after its creation; it was stopped"):
        job.run(spark, rows.select("label", "features"), {"num_round": 100_000_000, "objective": "binary:logistic"})
    assert job.describe()["TrainingJobStatus"] == "Stopped"
    job.close()
    assert objects(target) == []
