"""Spark MLlib: logistic regression and gradient-boosted trees on the prepared matrix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparring.data import storage
from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import PARTS, PreparedMatrix
from sparring.errors import ConfigError, TableError, did_you_mean
from sparring.feature.vectors import with_vectors
from sparring.session import SessionSpec, get_session, s3a_settings
from sparring.training.logistic import LogisticParameters
from sparring.training.phases import Phases
from sparring.training.task import Outcome, Task

if TYPE_CHECKING:
    from pyspark.ml import Estimator, Model
    from pyspark.sql import DataFrame, SparkSession

# GBTClassifier's own Params that a configuration may set; the columns, seed and caching are Sparring's.
GBT_PARAMS = (
    *("maxIter", "maxDepth", "maxBins", "stepSize", "subsamplingRate", "minInstancesPerNode"),
    *("minInfoGain", "minWeightFractionPerNode", "featureSubsetStrategy", "maxMemoryInMB"),
)


def check_hyperparameters(family: str, given: dict[str, Any], owner: str) -> None:
    """Raise unless MLlib knows the hyperparameters; no Spark is started.

    Raises
    ------
    ConfigError
        If one is unknown or of the wrong type.
    """
    if family == "logistic_regression":
        LogisticParameters.of(given, owner)
        return
    from pyspark.ml.classification import GBTClassifier

    for name, value in given.items():
        if name not in GBT_PARAMS:
            raise ConfigError(
                f"{owner}: unknown hyperparameter {name!r}; allowed: {', '.join(GBT_PARAMS)}",
                f"Rename or drop it.{did_you_mean(name, list(GBT_PARAMS))}",
            )
        try:
            getattr(GBTClassifier, name).typeConverter(value)
        except TypeError as error:
            raise ConfigError(f"{owner}: {name}: {error}", "Write a value of that type.") from error


def estimator(task: Task) -> tuple[Estimator[Any], dict[str, Any]]:
    """Return the MLlib estimator of ``task`` and all hyperparameters in force; Spark must be running."""
    from pyspark.ml.classification import GBTClassifier, LogisticRegression

    columns: dict[str, Any] = {"featuresCol": "features", "labelCol": "label", "weightCol": "weight"}
    if task.family == "logistic_regression":
        parameters = LogisticParameters.of(task.hyperparameters, task.name)
        in_force = {**vars(parameters), "maxIter": int(parameters.maxIter)}
        # Features are scaled once for every contender; scaling inside would change the objective.
        arguments: dict[str, Any] = {**columns, **in_force, "standardization": False}
        return LogisticRegression(**arguments), in_force
    trees = GBTClassifier(**columns, **task.hyperparameters, seed=task.seed)
    return trees, {name: trees.getOrDefault(name) for name in GBT_PARAMS}


def run(task: Task, phases: Phases) -> Outcome:
    """Read, fit, score and write with Spark.

    Parameters
    ----------
    task : Task
    phases : Phases
        Receives session, read, hand_off (arrays to vectors), fit, score (with the writing of predictions).

    Notes
    -----
    Cost: one pass for the fingerprints, one to make vectors, which are cached once in memory, spilling to disk;
    the fit's own passes; one to score.
    """
    check_hyperparameters(task.family, task.hyperparameters, f"contenders.{task.name}.hyperparameters")
    with phases("session"):
        spark = get_session(
            SessionSpec(f"sparring {task.name}", task.cores, task.memory, **s3a_settings([task.matrix]))
        )
        spark.sparkContext.setLogLevel("ERROR")
    chosen, in_force = estimator(task)
    outcome = Outcome(hyperparameters=in_force, versions={"spark": spark.version})
    matrix = PreparedMatrix(task.matrix)
    with phases("read"):
        outcome.fingerprints = check_fingerprints(spark, matrix)
    scratch = storage.join(task.folder, "vectors")
    try:
        with phases("hand_off"):
            rows = _vectors(spark, matrix, scratch)
            train = rows.where("split = 'train'").coalesce(task.cores).cache()
            train.count()
        with phases("fit"):
            model = chosen.fit(train)
        train.unpersist()
        with phases("score"):
            _score(model, rows.where("split <> 'train'")).write.mode("overwrite").parquet(task.predictions)
        with phases("write"):
            _save(model, task)
    finally:
        storage.delete(scratch)
    return outcome


def check_fingerprints(spark: SparkSession, matrix: PreparedMatrix) -> dict[str, str]:
    """Return the fingerprints of the parts as Spark reads them.

    Raises
    ------
    TableError
        If one differs from what preparation wrote.
    """
    expected = matrix.encoding().fingerprints
    found = fingerprints_of_frame(spark.read.parquet(matrix.rows))
    for part in PARTS:
        if found.get(part) != expected[part]:
            raise TableError(
                f"The {part} part in {matrix.folder} has fingerprint {found.get(part)}, preparation wrote "
                f"{expected[part]}",
                "The files were changed or are incomplete; run the preparation again.",
            )
    return found


def _vectors(spark: SparkSession, matrix: PreparedMatrix, scratch: str) -> DataFrame:
    rows = spark.read.parquet(matrix.rows)
    return with_vectors(rows, matrix.encoding().size, scratch)


def _score(model: Model, rows: DataFrame) -> DataFrame:
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    score = vector_to_array(F.col("probability"))[1].alias("score")
    return model.transform(rows).select("key", "split", "label", "weight", "group", score)


def _save(model: Any, task: Task) -> None:
    """Save the model in MLlib's form, and a logistic regression's coefficients as JSON besides."""
    model.write().overwrite().save(storage.join(task.model, "mllib"))
    if task.family == "logistic_regression":
        value = {
            "intercept": float(model.intercept),
            "coefficients": model.coefficients.toArray().tolist(),
            "regParam": model.getRegParam(),
            "elasticNetParam": model.getElasticNetParam(),
        }
        storage.write_text(storage.join(task.model, "coefficients.json"), json.dumps(value))
