"""The stages of built-in algorithms and of one's own code: what they ask for, what they refuse, how they score."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession

from sparring.config.sagemaker import SageMakerConfig
from sparring.errors import ConfigError, EndpointError, ParamError, SageMakerError, SchemaError
from sparring.sagemaker import builtin
from sparring.sagemaker.answers import ask, json_lines
from sparring.sagemaker.own import SageMakerAlgorithmResource, SageMakerContainer, SageMakerScript
from sparring.sagemaker.stage import SageMakerModel
from sparring.sagemaker.target import AwsTarget, Endpoint

ROLE = "arn:aws:iam::123456789012:role/trainer"
NOWHERE = AwsTarget(ROLE, "bucket", "", "eu-west-1", Endpoint("http://127.0.0.1:9", "key", "secret"))
ANSWERS: dict[str, dict[str, Any]] = {
    "SageMakerLinearLearnerBinaryClassifierModel": {"score": 0.25, "predicted_label": 1},
    "SageMakerLinearLearnerMulticlassClassifierModel": {"score": [0.1, 0.2, 0.7], "predicted_label": 2},
    "SageMakerLinearLearnerRegressorModel": {"score": 3.5},
    "SageMakerFactorizationMachinesBinaryClassifierModel": {"score": 0.25, "predicted_label": 0},
    "SageMakerFactorizationMachinesRegressorModel": {"score": -1.0},
    "SageMakerKMeansModel": {"distance_to_cluster": 1.5, "closest_cluster": 3},
    "SageMakerPCAModel": {"projection": [1.0, 2.0]},
    "SageMakerLDAModel": {"topic_mixture": [0.5, 0.5]},
}


class Server:
    """An endpoint that answers every row with ``answer`` and its own number; keeps the requests."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.short = 0
        self.received: list[dict[str, Any]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.received.append(request)
                rows = request["instances"][owner.short :]
                body = json.dumps({"predictions": [{**owner.answer} for _ in rows]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        stand_in = Endpoint(f"http://127.0.0.1:{self.http.server_port}", "key", "secret")
        self.target = AwsTarget(ROLE, "bucket", "", "us-east-1", stand_in)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    table = pd.DataFrame({"a": [1.0, 0.0, 0.1], "b": [0.0, -2.5, 1e-7], "label": [0.0, 1.0, 0.0]})
    return VectorAssembler(inputCols=["a", "b"], outputCol="features").transform(spark.createDataFrame(table))


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_algorithms_answers_become_its_columns(rows: DataFrame, server: Server, name: str) -> None:
    server.answer = ANSWERS[name]
    model = getattr(builtin, name)(jobName="job-1", image="i", modelData="s3://b/k")
    model._set(targetJson=server.target.to_json(), endpointName="e")
    scored = model.transform(rows)
    columns = {member: model.getOrDefault(param) for member, param in model.algorithm.outputs.items()}
    assert columns.keys() == ANSWERS[name].keys()
    found = scored.collect()
    assert scored.schema == model.transformSchema(rows.schema)
    assert len(found) == 3
    for row in found:
        assert {member: row[column] for member, column in columns.items()} == ANSWERS[name]
    sent = [instance["features"] for request in server.received for instance in request["instances"]]
    assert sorted(sent) == [[0, -2.5], [pytest.approx(0.1), pytest.approx(1e-7)], [1, 0]]


def test_a_short_answer_and_one_without_the_member_are_errors(server: Server) -> None:
    client = server.target.client("sagemaker-runtime")
    body = "\n".join(json_lines(pa.array([[1.0], [2.0]], pa.list_(pa.float32()))).to_pylist()).encode()
    server.answer, server.short = {"score": 1}, 1
    with pytest.raises(EndpointError, match="e answered 1 rows to 2"):
        ask(client, "e", body, ["score"])
    server.short = 0
    assert ask(client, "e", body, ["score"]) == [{"score": 1}] * 2
    with pytest.raises(EndpointError, match="answered without predicted_label"):
        ask(client, "e", body, ["score", "predicted_label"])


def test_a_request_holds_every_value_exactly_and_refuses_what_json_cannot() -> None:
    values = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    lines = json_lines(pa.array(list(values), pa.list_(pa.float32()))).to_pylist()
    again = np.array([json.loads(line.rstrip(","))["features"] for line in lines], dtype=np.float32)
    assert np.array_equal(again, values)
    for bad in (None, float("nan"), float("inf")):
        with pytest.raises(EndpointError, match="cannot hold missing or infinite"):
            json_lines(pa.array([[bad]], pa.list_(pa.float32())))


def test_missing_params_are_listed_together_before_anything_is_done(rows: DataFrame) -> None:
    with pytest.raises(ParamError, match=r"num_components, mini_batch_size are required.*numComponents, miniBatchSize"):
        builtin.SageMakerPCA(target=NOWHERE).fit(rows)
    with pytest.raises(ParamError, match=r"SageMakerKMeans: k must be >= 2, got 1"):
        builtin.SageMakerKMeans(target=NOWHERE, k=1).fit(rows)
    with pytest.raises(ParamError, match=r"SageMakerKMeans\.target is not set"):
        builtin.SageMakerKMeans(k=2).fit(rows)
    with pytest.raises(SchemaError, match="'y' is not in the table"):
        builtin.SageMakerLinearLearnerRegressor(target=NOWHERE, labelCol="y").fit(rows)
    with pytest.raises(TypeError, match="unexpected keyword argument 'kk'"):
        builtin.SageMakerKMeans(kk=2)


def test_a_request_that_the_client_cannot_send_is_refused_before_anything_is_uploaded(rows: DataFrame) -> None:
    config = SageMakerConfig(instance_type="ml.m5.large", tags={"a": "b"})
    with pytest.raises(ConfigError, match=r"cannot express sagemaker\.tags"):
        builtin.SageMakerKMeans(target=NOWHERE, config=config, k=2).fit(rows)
    with pytest.raises(ConfigError, match="lda has no use for one"):
        builtin.SageMakerLDA(target=NOWHERE, instanceType="ml.p3.2xlarge", numTopics=2).fit(rows)


def test_params_win_over_the_configuration_and_an_account_in_it_is_the_target() -> None:
    config = SageMakerConfig(role=ROLE, bucket="b/pre", region="eu-west-1", volume_gb=7, instance_count=3)
    stage = builtin.SageMakerKMeans(config=config, k=2, instanceCount=5, client="boto3")
    assert (stage._config().volume_gb, stage._config().instance_count, stage._config().client) == (7, 5, "boto3")
    assert stage.target == AwsTarget(ROLE, "b", "pre", "eu-west-1")


def test_ones_own_code_says_what_it_lacks(rows: DataFrame) -> None:
    for stage, names in (
        (SageMakerContainer(target=NOWHERE), "trainingImage"),
        (SageMakerScript(target=NOWHERE), "trainingImage, entryPoint"),
        (SageMakerAlgorithmResource(target=NOWHERE), "algorithmName"),
    ):
        with pytest.raises(ParamError, match=f"{type(stage).__name__}: {names} must be set"):
            stage.fit(rows)
    with pytest.raises(ConfigError, match=r"entryPoint: there is no file 'absent\.py'"):
        SageMakerScript(target=NOWHERE, trainingImage="i", entryPoint="absent.py").fit(rows)
    with pytest.raises(ParamError, match="contentType must be one of"):
        SageMakerContainer(target=NOWHERE, trainingImage="i", contentType="text/plain").fit(rows)


def test_an_algorithm_resource_is_for_boto3(rows: DataFrame) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:algorithm/mine"
    stage = SageMakerAlgorithmResource(algorithmName=arn, target=NOWHERE, instanceType="ml.m5.large")
    assert stage._config().client == "boto3"
    job = stage._job("own", stage._source(), "own code", rows, lambda: 2)
    assert job.request({"a": 1})["AlgorithmSpecification"] == {"AlgorithmName": arn, "TrainingInputMode": "File"}
    with pytest.raises(ConfigError, match=r"AlgorithmSpecification\.AlgorithmName.*client: boto3"):
        stage.copy({stage.client: "sagemaker-pyspark"}).fit(rows)


def test_a_script_is_named_in_the_hyperparameters(rows: DataFrame, tmp_path: Any) -> None:
    (tmp_path / "train.py").write_text("pass")
    stage = SageMakerScript(
        target=NOWHERE,
        trainingImage="image:1",
        entryPoint="train.py",
        sourceDir=str(tmp_path),
        hyperparameters={"epochs": 3, "name": "x"},
        instanceType="ml.m5.large",
    )
    job = stage._job("own", stage._source(), "own code", rows, lambda: 2)
    sent = job.request(stage._hyperparameters(job))["HyperParameters"]
    assert sent == {
        "epochs": "3",
        "name": '"x"',
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://bucket/{job.prefix}source/sourcedir.tar.gz"',
        "sagemaker_job_name": f'"{job.name}"',
        "sagemaker_container_log_level": "20",
    }


def test_the_model_of_an_unknown_program_says_that_scoring_is_its_authors(rows: DataFrame) -> None:
    with pytest.raises(SageMakerError, match="is its author's to say"):
        SageMakerModel(jobName="job-1").transform(rows)
