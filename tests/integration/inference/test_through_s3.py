"""Asynchronous endpoints and batch transform jobs: rows through S3 and back, or the right error."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame

from sparring.errors import EndpointError, ParamError, SageMakerError
from sparring.inference.asynchronous import AsyncEndpointModel
from sparring.inference.batch_transform import BatchTransformModel
from sparring.inference.deployment import AsyncOutput, Deployment, ServedModel, Variant, registered
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.target import AwsTarget

from .conftest import ROWS, left

Served = Callable[..., ServedModel]
CSV, JSON_LINES = "text/csv", "application/jsonlines"


def asynchronous(target: AwsTarget, served: ServedModel) -> Deployment:
    folder = f"s3://{target.bucket}/kept/async"
    return Deployment(target, "later", [Variant(served)], AsyncOutput(f"{folder}/output", f"{folder}/failure"))


def async_model(target: AwsTarget, name: str, **params: object) -> AsyncEndpointModel:
    given = {"inputCols": ["city", "x"], "contentType": CSV, "maxRows": 70, **params}
    return AsyncEndpointModel(endpointName=name, target=target, **given)


def test_an_asynchronous_endpoint_scores_every_row(target: AwsTarget, served: Served, rows: DataFrame) -> None:
    with asynchronous(target, served()) as endpoint:
        stage = async_model(target, endpoint.name)
        scored = stage.transform(rows)
        found = scored.toPandas()
        assert sorted(found.id) == sorted(rows.toPandas().id)
        assert (found.probability == found.x).all()
        assert scored.columns == ["id", "x", "city", "probability"]
        assert stage.metrics.rows == ROWS
        assert stage.metrics.requests >= ROWS / 70
        assert stage.transform(rows.where("x < 0")).count() == 0
        stage.delete()
    assert left(target) == []


@pytest.mark.parametrize(("do", "said"), [("refuse", "row 1 is odd"), ("short", "scores to")])
def test_what_an_asynchronous_request_fails_of_is_said(
    target: AwsTarget, served: Served, rows: DataFrame, do: str, said: str
) -> None:
    with asynchronous(target, served(do)) as endpoint:
        stage = async_model(target, endpoint.name)
        # A failure ends the job; a short answer ends the task that reads it.
        with pytest.raises((EndpointError, PythonException), match=said):
            stage.transform(rows).toPandas()
        stage.delete()
    assert left(target) == []


def test_an_asynchronous_answer_is_waited_for_so_long_and_no_longer(
    target: AwsTarget, served: Served, rows: DataFrame
) -> None:
    with asynchronous(target, served("sleep")) as endpoint:
        stage = async_model(target, endpoint.name, waitSeconds=0.5)
        with pytest.raises(EndpointError, match=r"has not answered \d of \d requests after 0\.5 seconds"):
            stage.transform(rows)
        stage.delete()
    assert left(target) == []


@pytest.fixture
def batch(target: AwsTarget, served: Served) -> Iterator[Callable[..., BatchTransformModel]]:
    """Return a stage whose model behaves as asked; what it makes is deleted."""
    with_models = []
    stages: list[BatchTransformModel] = []

    def make(do: str = "", **params: object) -> BatchTransformModel:
        context = registered(target, "transform", served(do))
        name = context.__enter__()
        with_models.append(context)
        given = {"inputCols": ["city", "x"], "contentType": CSV, "maxRows": 70, **params}
        stages.append(BatchTransformModel(modelName=name, target=target, **given))
        return stages[-1]

    yield make
    for stage in stages:
        stage.delete()
    for context in with_models:
        context.__exit__(None, None, None)
    assert left(target) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"joinSource": "Input", "keyCol": "id", "maxConcurrentTransforms": 3},
        {"contentType": JSON_LINES, "accept": JSON_LINES, "joinSource": "Input", "keyCol": "id"},
        {"batchStrategy": "SingleRecord", "maxConcurrentTransforms": 8},
        {"inputFilter": "$[1]", "instanceCount": 2},
    ],
    ids=["lines", "joined", "joined JSON", "one by one", "filtered"],
)
def test_a_transform_job_scores_every_row(batch: Callable, rows: DataFrame, options: dict) -> None:
    few = rows.where("x < 30") if options.get("batchStrategy") else rows
    stage = batch(**options)
    found = stage.transform(few).toPandas()
    assert sorted(found.id) == sorted(few.toPandas().id)
    assert (found.probability == found.x).all()
    assert stage.metrics.rows == few.count()


def test_the_reason_that_a_transform_job_failed_for_is_said(batch: Callable, rows: DataFrame) -> None:
    with pytest.raises(SageMakerError, match=r"Transform job transform-\S+ is Failed: .*row 1 is odd"):
        batch("refuse").transform(rows)


def test_a_short_output_is_no_shorter_table(batch: Callable, rows: DataFrame) -> None:
    with pytest.raises(PythonException, match=r"EndpointError.*answered \d+ scores to \d+ rows"):
        batch("short").transform(rows).toPandas()


def test_a_transform_job_that_takes_too_long_is_stopped(target: AwsTarget, batch: Callable, rows: DataFrame) -> None:
    with pytest.raises(SageMakerError, match=r"has not ended after 0\.5 seconds"):
        batch("sleep", waitSeconds=0.5).transform(rows)
    jobs = target.client("sagemaker").list_transform_jobs(NameContains="transform")["TransformJobSummaries"]
    assert {job["TransformJobStatus"] for job in jobs} <= {"Stopped", "Completed", "Failed"}


def test_a_refused_transform_job_is_said_and_stays_nowhere(batch: Callable, rows: DataFrame, target: AwsTarget) -> None:
    stage = batch(instanceType="ml.nothing.large")
    stage.registry = ResourceRegistry(target)
    with pytest.raises(SageMakerError, match=r"refuses transform job transform-\S+: .*ml\.nothing\.large"):
        stage.transform(rows)
    assert stage.registry.resources == []


def test_the_ledger_stops_a_transform_job_that_a_crash_left(
    batch: Callable, rows: DataFrame, target: AwsTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = batch("sleep")
    stage.registry = ResourceRegistry(target, str(tmp_path / "predict.registry.json"))
    # As after a kill: the job runs, and nobody waits for it or strikes it out.
    monkeypatch.setattr(stage, "_wait", lambda client, name: None)
    monkeypatch.setattr(stage.registry, "forget", lambda kind, name: None)
    stage._transform(rows)
    found = ResourceRegistry.load(str(tmp_path / "predict.registry.json"))
    assert found is not None
    ((kind, name),) = found.clean_up()
    assert kind == "transform-job"
    job = target.client("sagemaker").describe_transform_job(TransformJobName=name)
    assert job["TransformJobStatus"] == "Stopped"


def test_a_line_break_in_a_text_is_refused_where_lines_are_cut(batch: Callable, rows: DataFrame) -> None:
    with pytest.raises(EndpointError, match="holds a line break"):
        batch().transform(rows.selectExpr("id", "x", r"'a\nb' as city"))


def test_a_join_needs_a_format_that_can_be_joined(batch: Callable, rows: DataFrame) -> None:
    with pytest.raises(ParamError, match="joinSource 'Input' joins raw rows"):
        batch(contentType="application/x-parquet", joinSource="Input", keyCol="id").transform(rows)
    with pytest.raises(ParamError, match="maxConcurrentTransforms must be in"):
        batch(maxPayloadMb=50, maxConcurrentTransforms=3).transform(rows)
