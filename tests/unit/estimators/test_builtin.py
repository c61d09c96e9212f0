"""The stages of built-in algorithms and of one's own code: what they ask for, what they refuse, how they score."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.linalg import Vectors
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.config.sagemaker import SageMakerConfig
from sparring.errors import ConfigError, ParamError, SageMakerError, SchemaError
from sparring.estimators import builtin
from sparring.estimators.custom import SageMakerAlgorithmResource, SageMakerContainer, SageMakerScript
from sparring.estimators.sagemaker_stage import SageMakerModel
from sparring.sagemaker.target import AwsTarget, Endpoint
from sparring.wire.answers import encode_answers
from sparring.wire.codec import codec
from sparring.wire.media import RECORDIO

ROLE = "arn:aws:iam::123456789012:role/trainer"
NOWHERE = AwsTarget(ROLE, "bucket", "", "eu-west-1", Endpoint("http://127.0.0.1:9", "key", "secret"))
ANSWERS: dict[str, dict[str, Any]] = {
    "SageMakerLinearLearnerBinaryClassifierModel": {"score": 0.25, "predicted_label": 1},
    "SageMakerLinearLearnerMulticlassClassifierModel": {"score": [0.125, 0.25, 0.625], "predicted_label": 2},
    "SageMakerLinearLearnerRegressorModel": {"score": 3.5},
    "SageMakerFactorizationMachinesBinaryClassifierModel": {"score": 0.25, "predicted_label": 0},
    "SageMakerFactorizationMachinesRegressorModel": {"score": -1.0},
    "SageMakerKMeansModel": {"distance_to_cluster": 1.5, "closest_cluster": 3},
    "SageMakerPCAModel": {"projection": [1.0, 2.0]},
    "SageMakerLDAModel": {"topic_mixture": [0.5, 0.5]},
}


class Server:
    """An endpoint that answers every row with ``answer``, ``short`` of them left out (with ``number``, by its sum)."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        self.short = 0
        self.number = False
        self.received: list[np.ndarray] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = codec(RECORDIO).decode(self.rfile.read(int(self.headers["Content-Length"])), 0, False)
                owner.received.append(sent.dense())
                count = sent.count - owner.short
                answers = {member: np.array([value] * count, np.float32) for member, value in owner.answer.items()}
                if owner.number:
                    answers["closest_cluster"] = np.nansum(sent.dense(), axis=1)
                body, kind = encode_answers(answers, self.headers["Accept"])
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        emulator = Endpoint(f"http://127.0.0.1:{self.http.server_port}", "key", "secret")
        self.target = AwsTarget(ROLE, "bucket", "", "us-east-1", emulator)


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
    sent = sorted(np.concatenate(server.received).tolist())
    assert np.array_equal(sent, np.array([[0, -2.5], [0.1, 1e-7], [1, 0]], np.float32))


def kmeans_model(server: Server) -> Any:
    model = builtin.SageMakerKMeansModel(jobName="job-1", image="i", modelData="s3://b/k")
    return model._set(targetJson=server.target.to_json(), endpointName="e")


@pytest.mark.parametrize(
    ("answer", "short", "said"),
    [
        ({"distance_to_cluster": 1, "closest_cluster": 1}, 1, "1 answers to 2 rows"),
        ({"closest_cluster": 1}, 0, "the answer has no 'distance_to_cluster'"),
    ],
)
def test_a_short_answer_and_one_without_the_member_are_errors(
    rows: DataFrame, server: Server, answer: dict[str, Any], short: int, said: str
) -> None:
    server.answer, server.short = answer, short
    with pytest.raises(Exception, match=f"EndpointError: .*{said}"):
        kmeans_model(server).transform(rows.limit(2).coalesce(1)).collect()


@pytest.mark.parametrize("bad", ["null", "float('nan')", "float('inf')"])
def test_a_feature_that_no_algorithm_takes_is_refused(spark: SparkSession, server: Server, bad: str) -> None:
    rows = spark.range(1).select(F.expr(f"array(1f, {bad})").alias("features"))
    with pytest.raises(Exception, match="A feature is missing or infinite"):
        kmeans_model(server).transform(rows).collect()
    assert server.received == []


def test_dense_and_sparse_vectors_are_answered_in_their_order(spark: SparkSession, server: Server) -> None:
    vectors = [Vectors.dense([1, 2]), Vectors.sparse(2, [1], [3.0]), Vectors.dense([4, 5]), Vectors.sparse(2, [], [])]
    rows = spark.createDataFrame([(n, vector) for n, vector in enumerate(vectors)], ["n", "features"]).coalesce(1)
    server.answer = {"distance_to_cluster": 1, "closest_cluster": 1}
    server.number = True
    found = kmeans_model(server).transform(rows).collect()
    assert {row.n: row.prediction for row in found} == {0: 3, 1: 3, 2: 9, 3: 0}


def test_missing_params_are_listed_together_before_anything_is_done(rows: DataFrame) -> None:
    with pytest.raises(ParamError, match=r"num_components, mini_batch_size are required.*numComponents, miniBatchSize"):
        builtin.SageMakerPCA(target=NOWHERE).fit(rows)
    with pytest.raises(ParamError, match=r"SageMakerKMeans: k must be >= 2, got 1"):
        builtin.SageMakerKMeans(target=NOWHERE, k=1).fit(rows)
    with pytest.raises(ParamError, match=r"SageMakerKMeans\.target is not set"):
        builtin.SageMakerKMeans(k=2).fit(rows)
    with pytest.raises(SchemaError, match="'y' is not in the table"):
        builtin.SageMakerLinearLearnerRegressor(target=NOWHERE, labelCol="y").fit(rows)
    with pytest.raises(TypeError, match="has no Param 'kk'"):
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
