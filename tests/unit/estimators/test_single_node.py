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
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.errors import ParamError, SchemaError
from sparring.estimators.single_node import SingleNodeLogisticRegression, SingleNodeXGBoost

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
    return scored.select("key", "probability").toPandas().sort_values("key").probability.to_numpy()


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
    np.testing.assert_allclose(ours.fitted.coefficients, theirs.coefficients.toArray(), atol=1e-6)  # type: ignore[attr-defined]
    scored = ours.transform(rows)
    assert scored.where((F.col("probability") >= 0.5) != (F.col("prediction") == 1)).count() == 0


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
    evaluator = BinaryClassificationEvaluator(rawPredictionCol="probability")
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
