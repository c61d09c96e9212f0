"""Spark MLlib: logistic regression and gradient-boosted trees on the prepared matrix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import PreparedMatrix
from sparring.errors import ConfigError, did_you_mean
from sparring.feature.vectors import read_vectors
from sparring.io import storage
from sparring.spark.session import SessionSpec, get_session, s3a_settings
from sparring.training.logistic import LogisticParameters
from sparring.training.phases import Phases
from sparring.training.spec import Outcome, RowsRead, TrainingSpec

if TYPE_CHECKING:
    from pyspark.ml import Estimator, Model
    from pyspark.sql import DataFrame

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


def estimator(spec: TrainingSpec) -> tuple[Estimator[Any], dict[str, Any]]:
    """Return the MLlib estimator of ``spec`` and all hyperparameters in force; Spark must be running."""
    from pyspark.ml.classification import GBTClassifier, LogisticRegression

    columns: dict[str, Any] = {"featuresCol": "features", "labelCol": "label", "weightCol": "weight"}
    if spec.family == "logistic_regression":
        parameters = LogisticParameters.of(spec.hyperparameters, spec.name)
        in_force = {**vars(parameters), "maxIter": int(parameters.maxIter)}
        # Features are scaled once for every contender; scaling inside would change the objective.
        arguments: dict[str, Any] = {**columns, **in_force, "standardization": False}
        return LogisticRegression(**arguments), in_force
    trees = GBTClassifier(**columns, **spec.hyperparameters, seed=spec.seed)
    return trees, {name: trees.getOrDefault(name) for name in GBT_PARAMS}


def run(spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
    """Fit, score and write with Spark.  Return what came of it and the check of what was read.

    Parameters
    ----------
    spec : TrainingSpec
    phases : Phases
        Receives session, fit (with the reading of the vectors), score (with the writing of predictions), write.

    Notes
    -----
    Cost: the fit's own passes over the files, and one to score.  Train is not cached here: MLlib keeps it in a form of
    its own, and a second copy cost more than it saved.
    """
    check_hyperparameters(spec.family, spec.hyperparameters, f"contenders.{spec.name}.hyperparameters")
    with phases("session"):
        spark = get_session(
            SessionSpec(f"sparring {spec.name}", spec.cores, spec.memory, **s3a_settings([spec.matrix]))
        )
        spark.sparkContext.setLogLevel("ERROR")
    chosen, in_force = estimator(spec)
    outcome = Outcome(hyperparameters=in_force, versions={"spark": spark.version})
    rows = read_vectors(spark, PreparedMatrix(spec.matrix))
    train, scored = rows.where("split = 'train'").coalesce(spec.cores), rows.where("split <> 'train'")
    with phases("fit"):
        model = chosen.fit(train)
    with phases("score"):
        _score(model, scored).write.mode("overwrite").parquet(spec.predictions)
    with phases("write"):
        _save(model, spec)
    return outcome, lambda: fingerprints_of_frame(rows)


def _score(model: Model, rows: DataFrame) -> DataFrame:
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions as F

    score = vector_to_array(F.col("probability"))[1].alias("score")
    return model.transform(rows).select("key", "split", "label", "weight", "group", score)


def _save(model: Any, spec: TrainingSpec) -> None:
    """Save the model in MLlib's form, and a logistic regression's coefficients as JSON besides."""
    model.write().overwrite().save(storage.join(spec.model, "mllib"))
    if spec.family == "logistic_regression":
        value = {
            "intercept": float(model.intercept),
            "coefficients": model.coefficients.toArray().tolist(),
            "regParam": model.getRegParam(),
            "elasticNetParam": model.getElasticNetParam(),
        }
        storage.write_text(storage.join(spec.model, "coefficients.json"), json.dumps(value))
