"""The trainers of one machine as pyspark.ml stages, for ``Pipeline``, ``CrossValidator`` and Spark's evaluators.

``fit`` trains inside one Spark task: the rows meet in one Python worker of one executor and never on the driver.
``transform`` scores everywhere, in whole Arrow batches.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pyspark.ml.base import Estimator, Model
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.ml.linalg import DenseVector, Vectors, VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import (
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
    HasSeed,
    HasWeightCol,
)
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.errors import LabelError
from sparring.io.cells import cells_of, stack
from sparring.models import MODELS, LinearModel, XGBoostModel
from sparring.models import Model as FittedModel
from sparring.params import (
    KeywordParams,
    at_least,
    check_params,
    checked_schema,
    forbid_columns,
    in_range,
    require_columns,
)
from sparring.spark.batches import map_batches
from sparring.spark.reserved import named
from sparring.task.scores import score_type, scores_array
from sparring.training.registry import trainer_class
from sparring.training.single_node import SingleNodeTrainer

ARRAYS = (T.ArrayType, VectorUDT)
FEATURES, SCORES = "sparring__features", "sparring__scores"
# A probability of 0 or 1 has no logarithm of its odds.
LEAST = float(np.finfo(np.float64).tiny)
SHARED: dict[str, Any] = {"featuresCol": "features", "labelCol": "label", "keyCol": "key", "cores": 1, "seed": 42}
LINEAR: dict[str, Any] = {"regParam": 0.0, "elasticNetParam": 0.0, "maxIter": 1_000, "tol": 1e-12}
TREES: dict[str, Any] = {
    "numRound": 100,
    "maxDepth": 6,
    "eta": 0.3,
    "subsample": 1.0,
    "minChildWeight": 1.0,
    "regLambda": 1.0,
    "regAlpha": 0.0,
    "gamma": 0.0,
}


class _SingleNodeParams(KeywordParams, HasFeaturesCol, HasLabelCol, HasWeightCol, HasPredictionCol, HasSeed):
    """Params shared by the single-machine estimators and their models."""

    size: Param[int] = Param(
        Params._dummy(), "size", "number of features, >= 1; needed for indices and values", TypeConverters.toInt
    )
    keyCol: Param[str] = Param(
        Params._dummy(), "keyCol", "rows are trained on in the order of this column", TypeConverters.toString
    )
    cores: Param[int] = Param(Params._dummy(), "cores", "threads of the fit, >= 1", TypeConverters.toInt)

    @property
    def _weight(self) -> str:
        """The column of row weights; empty for none."""
        return self.getOrDefault("weightCol") if self.isDefined("weightCol") else ""

    def _outputs(self) -> list[T.StructField]:
        """Return what ``transform`` adds."""
        return [T.StructField(self.getOrDefault("predictionCol"), T.DoubleType())]

    def _check_features(self, schema: T.StructType) -> T.StructType:
        """Raise unless the features exist and the outputs do not; return the schema with these."""
        check_params(self, {"size": at_least(1), "cores": at_least(1)})
        owner, column = type(self).__name__, self.getOrDefault("featuresCol")
        names = [column] if column else ["indices", "values"]
        require_columns(schema, names, f"{owner}.featuresCol", ARRAYS)
        forbid_columns(schema, [field.name for field in self._outputs()], owner)
        return T.StructType([*schema.fields, *self._outputs()])

    def _features(self, dataset: DataFrame) -> list[Any]:
        """Return the feature columns under the names that the matrix uses."""
        column = self.getOrDefault("featuresCol")
        if not column:
            return [F.col("indices"), F.col("values")]
        if isinstance(dataset.schema[column].dataType, VectorUDT):
            return [vector_to_array(named(column), "float32").alias("features")]
        return [named(column).cast("array<float>").alias("features")]


class _ClassifierParams(_SingleNodeParams, HasProbabilityCol, HasRawPredictionCol):
    """Params of what gives each class a probability."""

    def _outputs(self) -> list[T.StructField]:
        names = (self.getOrDefault("rawPredictionCol"), self.getOrDefault("probabilityCol"))
        return [*(T.StructField(name, VectorUDT()) for name in names), *super()._outputs()]


class _LinearParams(Params):
    """Hyperparameters of linear models, with pyspark.ml's names."""

    checks: ClassVar[dict[str, Any]] = {
        "regParam": at_least(0),
        "elasticNetParam": in_range(0, 1),
        "maxIter": at_least(1),
        "tol": in_range(0, 1, closed=False),
    }
    native: ClassVar[dict[str, str]] = {name: name for name in LINEAR}
    regParam: Param[float] = Param(Params._dummy(), "regParam", "penalty, >= 0", TypeConverters.toFloat)
    elasticNetParam: Param[float] = Param(
        Params._dummy(), "elasticNetParam", "0 = ridge, 1 = lasso", TypeConverters.toFloat
    )
    maxIter: Param[int] = Param(Params._dummy(), "maxIter", "most iterations, >= 1", TypeConverters.toInt)
    tol: Param[float] = Param(Params._dummy(), "tol", "tolerance, in (0, 1)", TypeConverters.toFloat)


class _TreesParams(Params):
    """Hyperparameters of XGBoost."""

    checks: ClassVar[dict[str, Any]] = {
        "numRound": at_least(1),
        "maxDepth": in_range(0, 64),
        "eta": in_range(0, 1),
        "subsample": ("in (0, 1]", lambda value: 0 < value <= 1),
        "minChildWeight": at_least(0),
        "regLambda": at_least(0),
        "regAlpha": at_least(0),
        "gamma": at_least(0),
    }
    # Param -> XGBoost's own name.
    native: ClassVar[dict[str, str]] = {
        "numRound": "num_round",
        "maxDepth": "max_depth",
        "eta": "eta",
        "subsample": "subsample",
        "minChildWeight": "min_child_weight",
        "regLambda": "lambda",
        "regAlpha": "alpha",
        "gamma": "gamma",
    }
    numRound: Param[int] = Param(Params._dummy(), "numRound", "trees, >= 1", TypeConverters.toInt)
    maxDepth: Param[int] = Param(Params._dummy(), "maxDepth", "depth of a tree, 0 to 64", TypeConverters.toInt)
    eta: Param[float] = Param(Params._dummy(), "eta", "step size, in [0, 1]", TypeConverters.toFloat)
    subsample: Param[float] = Param(
        Params._dummy(), "subsample", "share of rows a tree sees, in (0, 1]", TypeConverters.toFloat
    )
    minChildWeight: Param[float] = Param(
        Params._dummy(), "minChildWeight", "least sum of hessians in a leaf, >= 0", TypeConverters.toFloat
    )
    regLambda: Param[float] = Param(Params._dummy(), "regLambda", "L2 penalty, >= 0", TypeConverters.toFloat)
    regAlpha: Param[float] = Param(Params._dummy(), "regAlpha", "L1 penalty, >= 0", TypeConverters.toFloat)
    gamma: Param[float] = Param(Params._dummy(), "gamma", "least gain of a split, >= 0", TypeConverters.toFloat)


class _SingleNodeEstimator(Estimator[Any], _SingleNodeParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """What the single-machine estimators share: bring rows together, fit in one task, return a model."""

    family: ClassVar[str]
    checks: ClassVar[dict[str, Any]]
    native: ClassVar[dict[str, str]]
    regression: ClassVar[bool] = False

    def _trainer(self) -> SingleNodeTrainer:
        """Return the trainer with the hyperparameters that the Params mean."""
        given = {own: self.getOrDefault(name) for name, own in self.native.items()}
        trainer = trainer_class("single_node", None, self.family)(given, type(self).__name__)
        assert isinstance(trainer, SingleNodeTrainer)
        return trainer

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema of the model's output."""
        check_params(self, self.checks)
        whole = self._check_features(schema)
        owner = type(self).__name__
        numeric = [self.getOrDefault("labelCol"), *([self._weight] if self._weight else [])]
        require_columns(schema, numeric, f"{owner}.labelCol", (T.NumericType, T.BooleanType))
        require_columns(schema, [self.getOrDefault("keyCol")], f"{owner}.keyCol")
        return whole

    def _fit(self, dataset: DataFrame) -> Any:
        checked_schema(self, dataset)
        trainer, cores, seed = self._trainer(), self.getOrDefault("cores"), self.getOrDefault("seed")
        size = self.getOrDefault("size") if self.isDefined("size") else None
        regression, owner = self.regression, type(self).__name__
        rows = dataset.select(
            named(self.getOrDefault("keyCol")).alias("key"),
            named(self.getOrDefault("labelCol")).cast("double").alias("label"),
            (named(self._weight).cast("double") if self._weight else F.lit(1.0)).alias("weight"),
            *self._features(dataset),
        )

        def train(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
            held = [batch for batch in batches if batch.num_rows]
            features = stack([cells_of(batch) for batch in held], size or _width(held))
            labels, weights = (_stack(held, name) for name in ("label", "weight"))
            classes = 0 if regression else _class_count(labels, owner)
            task = "regression" if regression else "binary" if classes == 2 else "multiclass"
            model = trainer.fit_rows(features, labels, weights, task=task, classes=classes, cores=cores, seed=seed)
            found = {"kind": [model.name], "model": [model.to_bytes()], "size": [features.shape[1]]}
            yield pa.RecordBatch.from_pydict({**found, "classes": [classes]})

        together = rows.repartition(1).sortWithinPartitions("key")
        # Not first(): it would leave the Python worker in mid-answer, and Spark would have to start another.
        (fitted,) = together.mapInArrow(train, "kind string, model binary, size long, classes long").collect()
        state = base64.b64encode(fitted["model"]).decode()
        model: Any = SingleNodeRegressionModel if regression else SingleNodeModel
        return self._copyValues(
            model(kind=fitted["kind"], state=state, numClasses=fitted["classes"]), {self.size: fitted["size"]}
        )


class SingleNodeLogisticRegression(_LinearParams, _ClassifierParams, _SingleNodeEstimator):
    """scikit-learn's logistic regression with pyspark.ml's Params and objective; two classes or more.

    Parameters
    ----------
    featuresCol : str, default "features"
        Vector or array<float>; ``""`` reads ``indices`` and ``values``, and then ``size`` is needed.
    size : int, optional
        Number of features.
    regParam : float >= 0, default 0.0
    elasticNetParam : float in [0, 1], default 0.0
    maxIter : int >= 1, default 1000
    tol : float > 0, default 1e-12
        As in MLlib; scikit-learn's own solver stops at a gradient of 1e-9.
    labelCol : str, default "label"
        Classes 0, 1, ...
    weightCol : str, optional
    keyCol : str, default "key"
        Rows are ordered by it before the fit.
    probabilityCol, rawPredictionCol, predictionCol : str
        Output columns: vectors with a place for each class, and the class as double.
    cores : int, default 1
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    LabelError
        If a label is no class.

    Notes
    -----
    Cost of ``fit``: one shuffle of all rows into one task, which must hold them in memory.

    Examples
    --------
    >>> model = SingleNodeLogisticRegression(regParam=0.01).fit(train)          # doctest: +SKIP
    >>> model.transform(test).select("probability").show()                      # doctest: +SKIP
    """

    family = "logistic_regression"
    defaults: ClassVar[dict[str, Any]] = {**SHARED, **LINEAR}


class SingleNodeLinearRegression(_LinearParams, _SingleNodeEstimator):
    """scikit-learn's ridge regression or elastic net with pyspark.ml's Params.

    It minimises half the mean squared error and ``regParam * ((1 - a) / 2 |w|^2 + a |w|_1)``, ``a`` being
    ``elasticNetParam``, on features as they are.

    Parameters
    ----------
    featuresCol, size, regParam, elasticNetParam, maxIter, tol, labelCol, weightCol, keyCol, predictionCol, cores, seed
        As in :class:`SingleNodeLogisticRegression`; the label is a number.

    Raises
    ------
    ParamError, SchemaError
        Before any job.

    Notes
    -----
    Cost of ``fit``: one shuffle of all rows into one task, which must hold them in memory.

    Examples
    --------
    >>> model = SingleNodeLinearRegression(regParam=0.01).fit(train)            # doctest: +SKIP
    """

    family = "linear_regression"
    regression = True
    defaults: ClassVar[dict[str, Any]] = {**SHARED, **LINEAR}


class SingleNodeXGBoost(_TreesParams, _ClassifierParams, _SingleNodeEstimator):
    """Native XGBoost on one machine, a classifier of two classes or more; a cell absent from a row is missing to it.

    Parameters
    ----------
    featuresCol, size, labelCol, weightCol, keyCol, probabilityCol, rawPredictionCol, predictionCol, cores, seed
        As in :class:`SingleNodeLogisticRegression`.
    numRound : int >= 1, default 100
        Trees; of several classes as many for each.
    maxDepth : int in [0, 64], default 6
    eta : float in [0, 1], default 0.3
    subsample : float in (0, 1], default 1.0
    minChildWeight : float >= 0, default 1.0
    regLambda, regAlpha, gamma : float >= 0
        XGBoost's ``lambda``, ``alpha`` and ``gamma``; default 1.0, 0.0 and 0.0.

    Raises
    ------
    ParamError, SchemaError
        Before any job.
    LabelError
        If a label is no class.

    Notes
    -----
    Cost of ``fit``: one shuffle of all rows into one task, which must hold them in memory.

    Examples
    --------
    >>> model = SingleNodeXGBoost(featuresCol="", size=215, numRound=50).fit(train)   # doctest: +SKIP
    >>> model.featureImportances                                                      # doctest: +SKIP
    """

    family = "gradient_boosted_trees"
    defaults: ClassVar[dict[str, Any]] = {**SHARED, **TREES}


class SingleNodeXGBoostRegressor(_TreesParams, _SingleNodeEstimator):
    """Native XGBoost on one machine, of the squared error.

    Parameters
    ----------
    featuresCol, size, labelCol, weightCol, keyCol, predictionCol, cores, seed
        As in :class:`SingleNodeLogisticRegression`; the label is a number.
    numRound, maxDepth, eta, subsample, minChildWeight, regLambda, regAlpha, gamma
        As in :class:`SingleNodeXGBoost`.

    Raises
    ------
    ParamError, SchemaError
        Before any job.

    Notes
    -----
    Cost of ``fit``: one shuffle of all rows into one task, which must hold them in memory.

    Examples
    --------
    >>> model = SingleNodeXGBoostRegressor(numRound=50).fit(train)              # doctest: +SKIP
    """

    family = "gradient_boosted_trees"
    regression = True
    defaults: ClassVar[dict[str, Any]] = {**SHARED, **TREES}


class _Fitted(_SingleNodeParams):
    """What the models share: the fitted model without Spark, and how it scores."""

    kind: Param[str] = Param(Params._dummy(), "kind", "linear or xgboost", TypeConverters.toString)
    state: Param[str] = Param(Params._dummy(), "state", "the model's bytes in base 64", TypeConverters.toString)
    numClasses: Param[int] = Param(
        Params._dummy(), "numClasses", "number of classes; 0 for a number", TypeConverters.toInt
    )
    defaults: ClassVar[dict[str, Any]] = SHARED

    @property
    def fitted(self) -> FittedModel:
        """The model without Spark."""
        return MODELS[self.getOrDefault("kind")].from_bytes(base64.b64decode(self.getOrDefault("state")))

    @property
    def nativeModel(self) -> Any:
        """The library's own model: an ``xgboost.Booster``; of a linear model its coefficients."""
        fitted = self.fitted
        return fitted.booster if isinstance(fitted, XGBoostModel) else fitted

    @property
    def coefficients(self) -> DenseVector:
        """Coefficients of a linear model of one row, as pyspark.ml has them."""
        return Vectors.dense(self._linear.coefficients[0])

    @property
    def intercept(self) -> float:
        """Intercept of a linear model of one row."""
        return float(self._linear.intercept[0])

    @property
    def _linear(self) -> LinearModel:
        fitted = self.fitted
        if not isinstance(fitted, LinearModel):
            raise AttributeError(f"{type(self).__name__} of kind {fitted.name} has no coefficients")
        return fitted

    @property
    def featureImportances(self) -> DenseVector:
        """Share of each feature in the trees' total gain, of sum 1; of a linear model in the coefficients' size."""
        fitted = self.fitted
        if isinstance(fitted, XGBoostModel):
            found = np.zeros(self.getOrDefault("size"))
            for name, gain in fitted.booster.get_score(importance_type="total_gain").items():
                found[int(name[1:])] = gain
        else:
            found = np.abs(self._linear.coefficients).mean(axis=0)
        return Vectors.dense(found / found.sum() if found.sum() else found)

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the output columns."""
        return self._check_features(schema)

    def _scored(self, dataset: DataFrame) -> DataFrame:
        """Return the rows with their scores: a number, or an array for several classes."""
        kind, state, classes = (self.getOrDefault(name) for name in ("kind", "state", "numClasses"))
        wide = dataset.select("*", F.struct(*self._features(dataset)).alias(FEATURES))
        scores = T.StructField(SCORES, score_type(classes if classes > 2 else 1))
        schema = T.StructType([*dataset.schema.fields, scores])

        def score(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
            model = MODELS[kind].from_bytes(base64.b64decode(state))
            for batch in batches:
                inputs = pa.RecordBatch.from_struct_array(batch.column(batch.num_columns - 1))
                found = scores_array(model.scores(cells_of(inputs)))
                yield pa.RecordBatch.from_arrays([*batch.columns[:-1], found], names=schema.names)

        return map_batches(wide, score, schema)


class SingleNodeModel(_Fitted, _ClassifierParams, Model, DefaultParamsReadable[Any], DefaultParamsWritable):
    """A fitted single-machine classifier that scores on every executor.

    Notes
    -----
    Cost of ``transform``: one pass in whole Arrow batches; the model travels with the task.  ``rawPrediction`` is the
    logarithm of the odds, of several classes of the probabilities.
    """

    def _transform(self, dataset: DataFrame) -> DataFrame:
        checked_schema(self, dataset)
        names = (self.getOrDefault(f"{what}Col") for what in ("rawPrediction", "probability", "prediction"))
        return with_class_columns(self._scored(dataset), SCORES, *names)


class SingleNodeRegressionModel(_Fitted, Model, DefaultParamsReadable[Any], DefaultParamsWritable):
    """A fitted single-machine regression that scores on every executor.

    Notes
    -----
    Cost of ``transform``: one pass in whole Arrow batches; the model travels with the task.
    """

    def _transform(self, dataset: DataFrame) -> DataFrame:
        checked_schema(self, dataset)
        return self._scored(dataset).withColumnRenamed(SCORES, self.getOrDefault("predictionCol"))


def with_class_columns(rows: DataFrame, scores: str, raw: str, probability: str, prediction: str) -> DataFrame:
    """Return the rows with pyspark.ml's three columns of a classifier instead of ``scores``.

    Parameters
    ----------
    rows : DataFrame
    scores : str
        Probability of class 1 (double), or of all classes (array of double).
    raw, probability, prediction : str
        Names of the new columns.
    """
    single = isinstance(rows.schema[scores].dataType, T.DoubleType)
    found = named(scores)
    shares = F.array(1 - found, found) if single else found
    kept = [named(name) for name in rows.columns if name != scores]
    decided = (found >= 0.5).cast("double") if single else _likeliest(found)
    return rows.select(
        *kept,
        array_to_vector(_raw(found, single)).alias(raw),
        array_to_vector(shares).alias(probability),
        decided.alias(prediction),
    )


def _raw(found: Column, single: bool) -> Column:
    if not single:
        return F.transform(found, lambda share: F.log(F.greatest(share, F.lit(LEAST))))
    odds = F.log(F.greatest(found, F.lit(LEAST))) - F.log(F.greatest(1 - found, F.lit(LEAST)))
    return F.array(-odds, odds)


def _likeliest(found: Column) -> Column:
    ranked = F.transform(found, lambda share, at: F.struct(share.alias("share"), (-at).alias("before")))
    return (-F.array_max(ranked)["before"]).cast("double")


def _class_count(labels: np.ndarray, owner: str) -> int:
    """Return the number of classes; at least two."""
    whole = np.isfinite(labels) & (labels >= 0) & (labels == np.floor(labels))
    if not whole.all():
        raise LabelError(
            f"{owner}.labelCol holds {labels[~whole][0]:g}; a classifier needs classes 0, 1, ...",
            "Index the label, for example with StringIndexer, or use a regression.",
        )
    return max(2, int(labels.max()) + 1)


def _width(batches: list[pa.RecordBatch]) -> int:
    """Return the width of dense rows."""
    return len(batches[0].column("features").flatten()) // batches[0].num_rows


def _stack(batches: list[pa.RecordBatch], name: str) -> np.ndarray:
    return np.concatenate([batch.column(name).to_numpy(zero_copy_only=False) for batch in batches])
