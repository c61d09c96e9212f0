"""Own code end to end: a script in a framework's image, and an algorithm resource; trained, served and deleted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from pyspark.sql import DataFrame, SparkSession

from sparring.errors import SageMakerError
from sparring.estimators.custom import SageMakerAlgorithmResource, SageMakerScript
from sparring.sagemaker.target import AwsTarget
from sparring_local_sagemaker import LocalAws

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TRAIN = """
import argparse, os, pathlib, shutil
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--ridge", type=float)
parser.add_argument("--fail", default="no")
given = parser.parse_args()
if given.fail == "yes":
    raise SystemExit("the loss is NaN")
files = sorted(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir())
rows = np.concatenate([np.loadtxt(file, delimiter=",", ndmin=2) for file in files if file.stat().st_size])
labels, features = rows[:, 0], rows[:, 1:]
weights = np.linalg.solve(features.T @ features + given.ridge * np.eye(features.shape[1]), features.T @ labels)
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
np.save(model / "weights.npy", weights)
shutil.copytree("serving", model / "code")
print(f"rmse={np.sqrt(np.mean((features @ weights - labels) ** 2)):.6f};")
"""
# All handlers are its own: the image's defaults are of tensors.
SERVE = """
import io
import numpy as np

def model_fn(folder):
    return np.load(folder + "/weights.npy")

def input_fn(text, content_type):
    return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)

def predict_fn(features, weights):
    return features @ weights

def output_fn(scores, accept):
    return "\\n".join(map(repr, scores.tolist()))
"""


@pytest.fixture(scope="module")
def target() -> Iterator[AwsTarget]:
    with LocalAws() as server:
        yield AwsTarget.on(server)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"]).round(4)
    table.insert(0, "label", (table.a - 2 * table.b > 0).astype(float))
    return table


@pytest.fixture(scope="module")
def rows(spark: SparkSession, table: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(table).coalesce(1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source directory: the training program, and what serves its model."""
    (tmp_path / "source" / "serving").mkdir(parents=True)
    (tmp_path / "source" / "train.py").write_text(TRAIN)
    (tmp_path / "source" / "serving" / "inference.py").write_text(SERVE)
    return tmp_path / "source"


def asked(target: AwsTarget, endpoint: str, features: pd.DataFrame) -> np.ndarray:
    """Return an endpoint's answers to rows sent as CSV."""
    body = features.to_csv(index=False, header=False).encode()
    client = target.client("sagemaker-runtime")
    answer = client.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=body)
    return np.array(answer["Body"].read().decode().replace("\n", ",").strip(",").split(","), dtype=float)


def left(target: AwsTarget) -> list[str]:
    client = target.client("sagemaker")
    objects = target.client("s3").list_objects_v2(Bucket=target.bucket).get("Contents", [])
    return [
        *(entry["Key"] for entry in objects),
        *(entry["ModelName"] for entry in client.list_models()["Models"]),
        *(entry["EndpointName"] for entry in client.list_endpoints()["Endpoints"]),
    ]


def script(source: Path, target: AwsTarget, client: str, **hyperparameters: object) -> SageMakerScript:
    return SageMakerScript(
        trainingImage=f"{REGISTRY}/pytorch-training:2.1-cpu-py310",
        servingImage=f"{REGISTRY}/pytorch-inference:2.1-cpu-py310",
        entryPoint="train.py",
        sourceDir=str(source),
        inputCols=["label", "a", "b", "c"],
        hyperparameters=hyperparameters,
        target=target,
        client=client,
        instanceType="ml.m5.large",
    )


@pytest.mark.parametrize("client", ["sagemaker-pyspark", "boto3"])
def test_a_script_gets_arguments_and_rows_and_its_model_is_served_by_its_own_code(
    rows: DataFrame, table: pd.DataFrame, source: Path, target: AwsTarget, client: str
) -> None:
    model = script(source, target, client, ridge=0.5).fit(rows)
    features, labels = table[["a", "b", "c"]], table.label.to_numpy()
    gram = features.T.to_numpy() @ features.to_numpy() + 0.5 * np.eye(3)
    expected = features.to_numpy() @ np.linalg.solve(gram, features.T.to_numpy() @ labels)
    with model.deployed() as endpoint:
        np.testing.assert_allclose(asked(target, endpoint, features), expected, atol=1e-9)
    model.delete()
    assert left(target) == []


def test_a_script_that_fails_says_why_and_leaves_nothing(rows: DataFrame, source: Path, target: AwsTarget) -> None:
    with pytest.raises(SageMakerError, match="the loss is NaN"):
        script(source, target, "boto3", ridge=0.5, fail="yes").fit(rows)
    assert left(target) == []


def test_an_algorithm_resource_trains_by_its_name_and_is_served_by_a_named_image(
    rows: DataFrame, table: pd.DataFrame, target: AwsTarget
) -> None:
    specification = {
        "TrainingImage": XGBOOST,
        "SupportedTrainingInstanceTypes": ["ml.m5.large"],
        "TrainingChannels": [{"Name": "train", "SupportedContentTypes": ["text/csv"], "SupportedInputModes": ["File"]}],
    }
    client = target.client("sagemaker")
    arn = client.create_algorithm(AlgorithmName="boosted", TrainingSpecification=specification)["AlgorithmArn"]
    settings = {"objective": "binary:logistic", "max_depth": 3, "seed": 1}
    stage = SageMakerAlgorithmResource(
        algorithmName=arn,
        inputCols=["label", "a", "b", "c"],
        hyperparameters={**settings, "num_round": 5},
        servingImage=XGBOOST,
        target=target,
        instanceType="ml.m5.large",
    )
    model = stage.fit(rows)
    job = client.describe_training_job(TrainingJobName=model.getOrDefault("jobName"))
    assert job["AlgorithmSpecification"]["AlgorithmName"] == arn
    matrix = xgboost.DMatrix(table[["a", "b", "c"]].to_numpy(np.float32), label=table.label)
    expected = xgboost.train(settings, matrix, 5).predict(matrix)
    with model.deployed() as endpoint:
        np.testing.assert_allclose(asked(target, endpoint, table[["a", "b", "c"]]), expected, atol=1e-6)
    model.delete()
    assert left(target) == []
    client.delete_algorithm(AlgorithmName="boosted")
