"""The single-machine stages equal their libraries run directly, wherever the rows lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import (
    BinaryClassificationEvaluator,
    MulticlassClassificationEvaluator,
    RegressionEvaluator,
)
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.ml.regression import LinearRegression
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder, TrainValidationSplit
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.errors import ParamError, SchemaError
from sparring.estimators.single_node import (
    SingleNodeLinearRegression,
    SingleNodeLogisticRegression,
    SingleNodeXGBoost,
    SingleNodeXGBoostRegressor,
)
from sparring.feature import FeaturePreparation

FEATURES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(500, 3)).astype(np.float32), columns=FEATURES)
    table["label"] = (table.a - table.b + rng.logistic(size=500) > 0).astype(float)
    table["weight"] = rng.uniform(0.5, 2, 500)
    table["key"] = [f"k{at:04d}" for at in range(500)]
    return table


@pytest.fixture(scope="module")
def rows(spark: SparkSession, table: pd.DataFrame) -> DataFrame:
    shuffled = spark.createDataFrame(table.sample(frac=1, random_state=1))
    return VectorAssembler(inputCols=FEATURES, outputCol="features").transform(shuffled).repartition(3).cache()


def probabilities(scored: DataFrame) -> np.ndarray:
    share = vector_to_array("probability")[1].alias("share")
    return scored.select("key", share).toPandas().sort_values("key").share.to_numpy()


def test_xgboost_equals_the_library_on_rows_in_order_of_key(rows: DataFrame, table: pd.DataFrame) -> None:
    model = SingleNodeXGBoost(numRound=8, subsample=0.6, weightCol="weight", seed=9).fit(rows)
    matrix = xgboost.DMatrix(table[FEATURES].to_numpy(), label=table.label, weight=table.weight, nthread=1)
    parameters = {"objective": "binary:logistic", "tree_method": "hist", "subsample": 0.6, "seed": 9, "nthread": 1}
    expected = xgboost.train(parameters, matrix, 8).predict(matrix)
    np.testing.assert_allclose(probabilities(model.transform(rows)), expected, atol=1e-7)
    other = SingleNodeXGBoost(numRound=8, subsample=0.6, weightCol="weight", seed=9).fit(rows.repartition(7))
    np.testing.assert_array_equal(probabilities(other.transform(rows)), probabilities(model.transform(rows)))


def test_logistic_regression_equals_mllibs(rows: DataFrame) -> None:
    ours = SingleNodeLogisticRegression(regParam=0.01, weightCol="weight").fit(rows)
    theirs = LogisticRegression(regParam=0.01, weightCol="weight", standardization=False, maxIter=1_000, tol=1e-12).fit(
        rows
    )
    np.testing.assert_allclose(ours.coefficients.toArray(), theirs.coefficients.toArray(), atol=1e-6)
    scored = ours.transform(rows)
    share = vector_to_array("probability")[1]
    assert scored.where((share >= 0.5) != (F.col("prediction") == 1)).count() == 0
    reference = theirs.transform(rows)
    for column in ("rawPrediction", "probability"):
        found, wanted = (
            np.vstack(frame.orderBy("key").select(vector_to_array(column).alias("v")).toPandas().v)
            for frame in (scored, reference)
        )
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_arrays_vectors_and_cells_are_the_same_features(rows: DataFrame) -> None:
    arrays = rows.withColumn("features", F.array(*FEATURES))
    cells = rows.withColumn("indices", F.array(*map(F.lit, range(3)))).withColumn("values", F.array(*FEATURES))
    found = [
        probabilities(stage.fit(frame).transform(frame))
        for stage, frame in (
            (SingleNodeXGBoost(numRound=3), rows),
            (SingleNodeXGBoost(numRound=3), arrays),
            (SingleNodeXGBoost(numRound=3, featuresCol="", size=3), cells),
        )
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_it_works_in_a_pipeline_and_a_cross_validator_and_survives_saving(rows: DataFrame, tmp_path: Path) -> None:
    stage = SingleNodeXGBoost(numRound=3, featuresCol="all")
    pipeline = Pipeline(stages=[VectorAssembler(inputCols=FEATURES, outputCol="all"), stage])
    evaluator = BinaryClassificationEvaluator()
    grid = ParamGridBuilder().addGrid(stage.maxDepth, [1, 4]).build()
    folded = rows.withColumn("fold", F.pmod(F.xxhash64("key"), F.lit(2)).cast("int"))
    search = CrossValidator(
        estimator=pipeline, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, foldCol="fold"
    ).fit(folded)
    assert len(search.avgMetrics) == 2
    assert min(search.avgMetrics) > 0.6
    best = search.bestModel
    best.write().overwrite().save(str(tmp_path / "model"))  # type: ignore[attr-defined]
    again = PipelineModel.load(str(tmp_path / "model"))
    np.testing.assert_array_equal(probabilities(again.transform(rows)), probabilities(best.transform(rows)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"eta": 1.5}, ParamError, r"SingleNodeXGBoost.eta must be in \[0, 1\], got 1.5"),
        ({"numRound": 0}, ParamError, "numRound must be >= 1, got 0"),
        ({"featuresCol": "nothing"}, SchemaError, "nothing"),
        ({"labelCol": "key"}, SchemaError, "key"),
        ({"probabilityCol": "label"}, SchemaError, "label"),
    ],
)
def test_mistakes_are_named_before_any_job(
    rows: DataFrame, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SingleNodeXGBoost(**arguments).fit(rows)


@pytest.fixture(scope="module")
def mixed(spark: SparkSession) -> DataFrame:
    """A table as a user has it: numbers, a category, labels of every kind."""
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"x": rng.normal(size=400), "city": rng.choice(["Oslo", "Rome", "Lima"], 400)})
    score = table.x + (table.city == "Rome") + rng.normal(size=400) / 2
    table["two"] = (score > 0.3).astype(float)
    table["three"] = np.digitize(score, [-0.3, 0.8]).astype(float)
    table["number"] = 3 * score
    table["key"] = [f"k{at:04d}" for at in range(400)]
    return spark.createDataFrame(table).cache()


PREPARED = {"numericCols": ["x"], "categoricalCols": ["city"]}
CLASSIFIERS = [
    (SingleNodeLogisticRegression, {"regParam": 0.01}),
    (SingleNodeXGBoost, {"numRound": 10, "maxDepth": 2}),
    (LogisticRegression, {"regParam": 0.01}),
]
REGRESSIONS = [
    (SingleNodeLinearRegression, {"regParam": 0.01}),
    (SingleNodeXGBoostRegressor, {"numRound": 20, "maxDepth": 2}),
    (LinearRegression, {"regParam": 0.01}),
]


@pytest.mark.parametrize(("kind", "given"), CLASSIFIERS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("search", [CrossValidator, TrainValidationSplit])
def test_preparation_classifier_and_sparks_evaluator_work_with_their_defaults(
    mixed: DataFrame, kind: Any, given: dict[str, Any], search: Any
) -> None:
    pipeline = Pipeline(stages=[FeaturePreparation(**PREPARED), kind(labelCol="two", **given)])
    evaluator = BinaryClassificationEvaluator(labelCol="two")
    grid = ParamGridBuilder().build()
    found = search(estimator=pipeline, estimatorParamMaps=grid, evaluator=evaluator, seed=1).fit(mixed)
    metrics = found.avgMetrics if search is CrossValidator else found.validationMetrics
    assert metrics[0] > 0.8
    assert evaluator.evaluate(found.transform(mixed)) > 0.8


@pytest.mark.parametrize(("kind", "given"), CLASSIFIERS, ids=lambda value: getattr(value, "__name__", ""))
def test_several_classes_have_a_probability_each(mixed: DataFrame, kind: Any, given: dict[str, Any]) -> None:
    pipeline = Pipeline(stages=[FeaturePreparation(**PREPARED), kind(labelCol="three", **given)])
    scored = pipeline.fit(mixed).transform(mixed)
    shares = np.vstack(scored.select(vector_to_array("probability").alias("v")).toPandas().v)
    assert shares.shape == (400, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    predicted = scored.select("prediction").toPandas().prediction.to_numpy()
    np.testing.assert_array_equal(predicted, shares.argmax(axis=1))
    accuracy = MulticlassClassificationEvaluator(labelCol="three", metricName="accuracy").evaluate(scored)
    assert accuracy > 0.6


@pytest.mark.parametrize(("kind", "given"), REGRESSIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_numbers_are_predicted_and_evaluated(
    mixed: DataFrame, kind: Any, given: dict[str, Any], tmp_path: Path
) -> None:
    pipeline = Pipeline(stages=[FeaturePreparation(**PREPARED), kind(labelCol="number", **given)])
    model = pipeline.fit(mixed)
    evaluator = RegressionEvaluator(labelCol="number", metricName="r2")
    assert evaluator.evaluate(model.transform(mixed)) > 0.7
    model.write().overwrite().save(str(tmp_path / "model"))
    assert evaluator.evaluate(PipelineModel.load(str(tmp_path / "model")).transform(mixed)) > 0.7


def test_importances_and_the_native_model_are_reachable(mixed: DataFrame) -> None:
    rows = FeaturePreparation(**PREPARED).fit(mixed).transform(mixed)
    trees = SingleNodeXGBoost(labelCol="two", numRound=10).fit(rows)
    gains = trees.nativeModel.get_score(importance_type="total_gain")
    shares = trees.featureImportances.toArray()
    assert shares.sum() == pytest.approx(1)
    assert {f"f{at}" for at in np.flatnonzero(shares)} == set(gains)
    linear = SingleNodeLogisticRegression(labelCol="two").fit(rows)
    assert len(linear.coefficients) == linear.featureImportances.size == shares.size
    with pytest.raises(AttributeError, match="has no coefficients"):
        _ = trees.coefficients


def test_a_label_that_is_no_class_is_refused(mixed: DataFrame) -> None:
    rows = FeaturePreparation(**PREPARED).fit(mixed).transform(mixed)
    with pytest.raises(Exception, match=r"labelCol holds .*; a classifier needs classes 0, 1"):
        SingleNodeXGBoost(labelCol="number", numRound=1).fit(rows)
