"""The built-in algorithms, each through its ``sagemaker-pyspark`` estimator, beside the same algorithm run directly.

::

    uv run python benchmarks/builtin_algorithms.py

Every algorithm is trained, deployed, scored and deleted on the local SageMaker: XGBoost is the real library there, the
others are stand-ins.  Rows come from data sets that scikit-learn ships.
"""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from pages import save, table
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from sklearn import datasets, metrics

from sparring.spark.jars import sagemaker_jars
from sparring.estimators import builtin
from sparring.estimators.sagemaker_xgboost import SageMakerXGBoost
from sparring.sagemaker.target import AwsTarget
from sparring.spark.session import SessionSpec, get_session
from sparring.wire import Rows
from sparring_local_sagemaker import LocalAws
from sparring_local_sagemaker.algorithms.stand_in import answers_directly
from sparring_local_sagemaker.images import ALGORITHMS

PROTOBUF_JAR = Path(os.environ.get("SPARRING_PROTOBUF_JAR", "/usr/share/java/protobuf.jar"))
ROUNDS, SEED = 50, 3
FAST = {"epochs": 100, "miniBatchSize": 50, "linearLr": 0.05, "factorsLr": 0.01}
# Labels around 150 are many steps of the default size away.
LARGE_LABELS = {"biasLr": 1.0, "linearLr": 0.5}


@dataclass(frozen=True)
class Case:
    """One algorithm on the data set that suits it; ``quality`` says how good its answers are."""

    stage: Any
    data: str
    given: dict[str, Any] = field(default_factory=dict)
    quality: str = ""


CASES = [
    Case(SageMakerXGBoost, "breast_cancer", {"numRound": ROUNDS, "seed": SEED}, "ROC AUC"),
    Case(builtin.SageMakerLinearLearnerBinaryClassifier, "breast_cancer", {}, "ROC AUC"),
    Case(builtin.SageMakerLinearLearnerMulticlassClassifier, "wine", {"numClasses": 3}, "accuracy"),
    Case(builtin.SageMakerLinearLearnerRegressor, "diabetes", {}, "R2"),
    Case(builtin.SageMakerFactorizationMachinesBinaryClassifier, "breast_cancer", {"numFactors": 4, **FAST}, "ROC AUC"),
    Case(builtin.SageMakerFactorizationMachinesRegressor, "diabetes", {"numFactors": 4, **FAST, **LARGE_LABELS}, "R2"),
    Case(builtin.SageMakerKMeans, "digits", {"k": 10}, "adjusted Rand"),
    Case(builtin.SageMakerPCA, "digits", {"numComponents": 10, "miniBatchSize": 500}, "variance kept"),
    Case(builtin.SageMakerLDA, "digits", {"numTopics": 10}, ""),
]


def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return features, standardised but for counts, and labels of a data set of scikit-learn."""
    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name != "digits":
        features = (features - features.mean(axis=0)) / features.std(axis=0)
    return features.astype(np.float32), labels.astype(float)


def frame(spark: SparkSession, features: np.ndarray, labels: np.ndarray) -> DataFrame:
    """Return the rows as a table, in order."""
    kinds = {"key": T.StringType(), "label": T.DoubleType(), "features": VectorUDT()}
    schema = T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])
    pairs = enumerate(zip(features, labels, strict=True))
    rows = [(f"{at:06d}", float(label), Vectors.dense(row)) for at, (row, label) in pairs]
    return spark.createDataFrame(rows, schema).coalesce(2)


def run(case: Case, spark: SparkSession, target: AwsTarget) -> dict[str, Any]:
    """Train, deploy, score and delete; return seconds and how far the answers are from the direct ones."""
    features, labels = arrays(case.data)
    rows = frame(spark, features, labels)
    start = time.perf_counter()
    model = case.stage(target=target, instanceType="ml.m5.large", **case.given).fit(rows)
    trained = time.perf_counter()
    job = target.client("sagemaker").describe_training_job(TrainingJobName=model.getOrDefault("jobName"))
    with model.deployed():
        deployed = time.perf_counter()
        scored = model.transform(rows).toPandas().sort_values("key")
        ended = time.perf_counter()
    model.delete()
    found, expected = answers(case, model, scored), direct(case, features, labels, job["HyperParameters"])
    left = target.client("s3").list_objects_v2(Bucket=target.bucket).get("KeyCount", 0)
    return {
        "estimator": case.stage.__name__,
        "data": case.data,
        "rows": len(labels),
        "features": features.shape[1],
        "train_seconds": round(trained - start, 1),
        "deploy_seconds": round(deployed - trained, 1),
        "score_seconds": round(ended - deployed, 1),
        "largest_difference": max(float(np.abs(found[name] - expected[name]).max()) for name in found),
        "quality": {case.quality: quality(case, found, features, labels)} if case.quality else {},
        "objects_left": left,
    }


def answers(case: Case, model: Any, scored: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the endpoint's answers by member."""
    outputs = {"score": "probabilityCol"} if case.stage is SageMakerXGBoost else case.stage.algorithm.outputs
    found = {member: np.array(scored[model.getOrDefault(param)].tolist()) for member, param in outputs.items()}
    # A vector of both classes' probabilities.
    return {"score": found["score"][:, 1]} if case.stage is SageMakerXGBoost else found


def direct(
    case: Case, features: np.ndarray, labels: np.ndarray, hyperparameters: dict[str, str]
) -> dict[str, np.ndarray]:
    """Return the answers of the same algorithm, called in this process with the job's hyperparameters."""
    if case.stage is SageMakerXGBoost:
        matrix = xgboost.DMatrix(features, label=labels)
        rounds = int(hyperparameters.pop("num_round"))
        return {"score": xgboost.train(hyperparameters, matrix, rounds).predict(matrix).astype(float)}
    algorithm = importlib.import_module(ALGORITHMS[case.stage.algorithm.repository]).ALGORITHM
    learnt = labels if case.stage.algorithm.labelled else None
    return answers_directly(algorithm, hyperparameters, Rows(features, learnt), features)


def quality(case: Case, found: dict[str, np.ndarray], features: np.ndarray, labels: np.ndarray) -> float:
    """Return how good the answers are, on the rows of training: whether it learns, not how well it generalises."""
    if case.quality == "ROC AUC":
        value = metrics.roc_auc_score(labels, found["score"])
    elif case.quality == "accuracy":
        value = metrics.accuracy_score(labels, found["predicted_label"])
    elif case.quality == "R2":
        value = metrics.r2_score(labels, found["score"])
    elif case.quality == "adjusted Rand":
        value = metrics.adjusted_rand_score(labels, found["closest_cluster"])
    else:
        value = found["projection"].var(axis=0).sum() / features.var(axis=0).sum()
    return round(float(value), 4)


def page(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    head = ["estimator", "rows", "train s", "deploy s", "score s", "largest difference", "on its own rows"]
    lines = [
        [
            f"`{each['estimator']}`" + ("" if each["estimator"] == "SageMakerXGBoost" else " \\*"),
            f"{each['data']}, {each['rows']:,} x {each['features']}",
            *(f"{each[name]:.1f}" for name in ("train_seconds", "deploy_seconds", "score_seconds")),
            f"{each['largest_difference']:.1e}",
            "; ".join(f"{name} {value:.4f}" for name, value in each["quality"].items()) or "-",
        ]
        for each in results
    ]
    return f"""# The built-in algorithms, through `sagemaker-pyspark`

Each algorithm is trained by the library's own estimator, deployed, scored from Spark and deleted, on the local
SageMaker. *Largest difference*: the largest absolute difference, over all rows and all members of the answer, from the
same algorithm run directly in one process, with the hyperparameters of the job. Answers travel as float32.

\\* a **stand-in** of Amazon's algorithm on SciPy, scikit-learn or NumPy; see [algorithms](../guide/algorithms.md). Its
figures say that the hand-off is right, not how good Amazon's algorithm is. XGBoost is the real library.

{table(head, lines)}

Objects left in S3 after all: {sum(each["objects_left"] for each in results)}. Seconds are those of a local process, not
SageMaker's. Made by `benchmarks/builtin_algorithms.py` on two cores.
"""


def main() -> None:
    """Run all cases and write the page."""
    if not PROTOBUF_JAR.exists():
        raise SystemExit(f"sagemaker-pyspark needs protobuf-java: apt-get install libprotobuf-java ({PROTOBUF_JAR})")
    spark = get_session(SessionSpec("builtin", 2, "2g", [*sagemaker_jars(), str(PROTOBUF_JAR)]))
    spark.sparkContext.setLogLevel("ERROR")
    with LocalAws() as server:
        results = [run(case, spark, AwsTarget.on(server)) for case in CASES]
    save("builtin_algorithms", results, page(results))


if __name__ == "__main__":
    main()
