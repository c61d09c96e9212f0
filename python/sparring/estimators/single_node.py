"""The single-machine learners as pyspark.ml stages, for ``Pipeline`` and ``CrossValidator``.

``fit`` trains inside one Spark task: the rows meet in one Python worker of one executor and never on the driver.
``transform`` scores everywhere, in whole Arrow batches.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pyspark import keyword_only
from pyspark.ml.base import Estimator, Model
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasLabelCol, HasSeed
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.io.cells import cells_of, stack
from sparring.models import MODELS
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
from sparring.training.registry import trainer_class
from sparring.training.single_node import SingleNodeTrainer

ARRAYS = (T.ArrayType, VectorUDT)


class _SingleNodeParams(KeywordParams, HasLabelCol, HasSeed):
    """Params shared by the single-machine estimators and their models."""

    featuresCol: Param[str] = Param(
        Params._dummy(),
        "featuresCol",
        "array<float> or vector; '' = indices and values",
        TypeConverters.toString,
    )
    size: Param[int] = Param(
        Params._dummy(),
        "size",
        "number of features, >= 1; needed for indices and values",
        TypeConverters.toInt,
    )
    weightCol: Param[str] = Param(Params._dummy(), "weightCol", "row weight; '' = 1", TypeConverters.toString)
    keyCol: Param[str] = Param(
        Params._dummy(), "keyCol", "rows are trained on in the order of this column", TypeConverters.toString
    )
    probabilityCol: Param[str] = Param(
        Params._dummy(), "probabilityCol", "output: probability of class 1, double", TypeConverters.toString
    )
    predictionCol: Param[str] = Param(
        Params._dummy(),
        "predictionCol",
        "output: 1.0 where the probability is >= 0.5",
        TypeConverters.toString,
    )
    cores: Param[int] = Param(Params._dummy(), "cores", "threads of the fit, >= 1", TypeConverters.toInt)

    def _set_shared_defaults(self) -> None:
        self._setDefault(
            featuresCol="features",
            weightCol="",
            keyCol="key",
            probabilityCol="probability",
            predictionCol="prediction",
            cores=1,
            seed=42,
            labelCol="label",
        )

    def _check_features(self, schema: T.StructType) -> None:
        check_params(self, {"size": at_least(1), "cores": at_least(1)})
        owner, column = type(self).__name__, self.getOrDefault("featuresCol")
        names = [column] if column else ["indices", "values"]
        require_columns(schema, names, f"{owner}.featuresCol", ARRAYS)
        outputs = (self.getOrDefault("probabilityCol"), self.getOrDefault("predictionCol"))
        forbid_columns(schema, outputs, owner)

    def _features(self, dataset: DataFrame) -> list[Any]:
        """Return the feature columns under the names that the matrix uses."""
        column = self.getOrDefault("featuresCol")
        if not column:
            return [F.col("indices"), F.col("values")]
        if isinstance(dataset.schema[column].dataType, VectorUDT):
            return [vector_to_array(named(column), "float32").alias("features")]
        return [named(column).cast("array<float>").alias("features")]

    def _with_outputs(self, schema: T.StructType) -> T.StructType:
        names = (self.getOrDefault("probabilityCol"), self.getOrDefault("predictionCol"))
        return T.StructType([*schema.fields, *(T.StructField(name, T.DoubleType()) for name in names)])


class _SingleNodeEstimator(Estimator[Any], _SingleNodeParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """What the single-machine estimators share: bring rows together, fit in one task, return a model."""

    family: ClassVar[str]
    checks: ClassVar[dict[str, Any]]

    def _init(self, **defaults: Any) -> None:
        self._set_shared_defaults()
        self._setDefault(**defaults)
        self._set_given()

    def _trainer(self) -> SingleNodeTrainer:
        """Return the trainer with the hyperparameters that the Params mean."""
        given = {native: self.getOrDefault(name) for name, native in self._native().items()}
        trainer = trainer_class("single_node", None, self.family)(given, type(self).__name__)
        assert isinstance(trainer, SingleNodeTrainer)
        return trainer

    def _native(self) -> dict[str, str]:
        """Return Param name -> the learner's name of it."""
        return {name: name for name in self.checks}

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema of the model's output."""
        check_params(self, self.checks)
        self._check_features(schema)
        owner = type(self).__name__
        weight = self.getOrDefault("weightCol")
        numeric = [self.getOrDefault("labelCol"), *([weight] if weight else [])]
        require_columns(schema, numeric, f"{owner}.labelCol", (T.NumericType, T.BooleanType))
        require_columns(schema, [self.getOrDefault("keyCol")], f"{owner}.keyCol")
        return self._with_outputs(schema)

    def _fit(self, dataset: DataFrame) -> SingleNodeModel:
        checked_schema(self, dataset)
        trainer, cores, seed = self._trainer(), self.getOrDefault("cores"), self.getOrDefault("seed")
        size = self.getOrDefault("size") if self.isDefined("size") else None
        weight = self.getOrDefault("weightCol")
        rows = dataset.select(
            named(self.getOrDefault("keyCol")).alias("key"),
            named(self.getOrDefault("labelCol")).cast("double").alias("label"),
            (named(weight).cast("double") if weight else F.lit(1.0)).alias("weight"),
            *self._features(dataset),
        )

        def train(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
            held = [batch for batch in batches if batch.num_rows]
            features = stack([cells_of(batch) for batch in held], size or _width(held))
            labels, weights = (_stack(held, name) for name in ("label", "weight"))
            model = trainer.fit_rows(features, labels, weights, cores=cores, seed=seed)
            yield pa.RecordBatch.from_pydict(
                {"kind": [model.name], "model": [model.to_bytes()], "size": [features.shape[1]]}
            )

        together = rows.repartition(1).sortWithinPartitions("key")
        # Not first(): it would leave the Python worker in mid-answer, and Spark would have to start another.
        (fitted,) = together.mapInArrow(train, "kind string, model binary, size long").collect()
        text = base64.b64encode(fitted["model"]).decode()
        return self._copyValues(SingleNodeModel(kind=fitted["kind"], state=text), {self.size: fitted["size"]})


class SingleNodeLogisticRegression(_SingleNodeEstimator):
    """scikit-learn's logistic regression with pyspark.ml's Params and objective.

    Parameters
    ----------
    featuresCol : str, default "features"
        array<float> or vector; ``""`` reads ``indices`` and ``values``, and then ``size`` is needed.
    regParam : float >= 0, default 0.0
    elasticNetParam : float in [0, 1], default 0.0
    maxIter : int >= 1, default 1000
    tol : float > 0, default 1e-12
        As in MLlib; scikit-learn's own solver stops at a gradient of 1e-9.
    labelCol, weightCol, keyCol : str
        Columns of the training rows; rows are ordered by ``keyCol`` before the fit.
    probabilityCol, predictionCol : str
        Output columns, double.
    cores : int, default 1
    seed : int, default 42

    Raises
    ------
    ParamError, SchemaError
        Before any job.

    Notes
    -----
    Cost of ``fit``: one shuffle of all rows into one task, which must hold them in memory.

    Examples
    --------
    >>> model = SingleNodeLogisticRegression(regParam=0.01).fit(train)          # doctest: +SKIP
    >>> model.transform(test).select("probability").show()                      # doctest: +SKIP
    """

    family = "logistic_regression"
    checks: ClassVar[dict[str, Any]] = {
        "regParam": at_least(0),
        "elasticNetParam": in_range(0, 1),
        "maxIter": at_least(1),
        "tol": in_range(0, 1, closed=False),
    }
    regParam: Param[float] = Param(Params._dummy(), "regParam", "penalty, >= 0", TypeConverters.toFloat)
    elasticNetParam: Param[float] = Param(
        Params._dummy(), "elasticNetParam", "0 = ridge, 1 = lasso", TypeConverters.toFloat
    )
    maxIter: Param[int] = Param(Params._dummy(), "maxIter", "most iterations, >= 1", TypeConverters.toInt)
    tol: Param[float] = Param(Params._dummy(), "tol", "tolerance, in (0, 1)", TypeConverters.toFloat)

    @keyword_only
    def __init__(
        self,
        *,
        featuresCol: str | None = None,
        size: int | None = None,
        labelCol: str | None = None,
        weightCol: str | None = None,
        keyCol: str | None = None,
        probabilityCol: str | None = None,
        predictionCol: str | None = None,
        cores: int | None = None,
        seed: int | None = None,
        regParam: float | None = None,
        elasticNetParam: float | None = None,
        maxIter: int | None = None,
        tol: float | None = None,
    ) -> None:
        super().__init__()
        self._init(regParam=0.0, elasticNetParam=0.0, maxIter=1_000, tol=1e-12)


class SingleNodeXGBoost(_SingleNodeEstimator):
    """Native XGBoost on one machine; a cell absent from a sparse row is missing to it.

    Parameters
    ----------
    featuresCol, size, labelCol, weightCol, keyCol, probabilityCol, predictionCol, cores, seed
        As in :class:`SingleNodeLogisticRegression`.
    numRound : int >= 1, default 100
        Trees.
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

    Notes
    -----
    Cost of ``fit``: one shuffle of all rows into one task, which must hold them in memory.

    Examples
    --------
    >>> model = SingleNodeXGBoost(featuresCol="", size=215, numRound=50).fit(train)   # doctest: +SKIP
    """

    family = "gradient_boosted_trees"
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

    @keyword_only
    def __init__(
        self,
        *,
        featuresCol: str | None = None,
        size: int | None = None,
        labelCol: str | None = None,
        weightCol: str | None = None,
        keyCol: str | None = None,
        probabilityCol: str | None = None,
        predictionCol: str | None = None,
        cores: int | None = None,
        seed: int | None = None,
        numRound: int | None = None,
        maxDepth: int | None = None,
        eta: float | None = None,
        subsample: float | None = None,
        minChildWeight: float | None = None,
        regLambda: float | None = None,
        regAlpha: float | None = None,
        gamma: float | None = None,
    ) -> None:
        super().__init__()
        defaults = {"numRound": 100, "maxDepth": 6, "eta": 0.3, "subsample": 1.0}
        self._init(**defaults, minChildWeight=1.0, regLambda=1.0, regAlpha=0.0, gamma=0.0)

    def _native(self) -> dict[str, str]:
        """Return Param name -> XGBoost's own name."""
        return {
            "numRound": "num_round",
            "maxDepth": "max_depth",
            "eta": "eta",
            "subsample": "subsample",
            "minChildWeight": "min_child_weight",
            "regLambda": "lambda",
            "regAlpha": "alpha",
            "gamma": "gamma",
        }


class SingleNodeModel(Model, _SingleNodeParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """A fitted single-machine model that scores on every executor.

    Notes
    -----
    Cost of ``transform``: one pass in whole Arrow batches; the model travels with the task.
    """

    kind: Param[str] = Param(Params._dummy(), "kind", "linear or xgboost", TypeConverters.toString)
    state: Param[str] = Param(Params._dummy(), "state", "the model's bytes in base 64", TypeConverters.toString)

    @keyword_only
    def __init__(self, *, kind: str | None = None, state: str | None = None) -> None:
        super().__init__()
        self._set_shared_defaults()
        self._set_given()

    @property
    def fitted(self) -> FittedModel:
        """The model without Spark."""
        return MODELS[self.getOrDefault("kind")].from_bytes(base64.b64decode(self.getOrDefault("state")))

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the two output columns."""
        self._check_features(schema)
        return self._with_outputs(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        kind, state = (self.getOrDefault(name) for name in ("kind", "state"))
        wide = dataset.select("*", F.struct(*self._features(dataset)).alias("sparring__features"))
        names = schema.names

        def score(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
            model = MODELS[kind].from_bytes(base64.b64decode(state))
            for batch in batches:
                inputs = pa.RecordBatch.from_struct_array(batch.column(batch.num_columns - 1))
                probability = model.scores(cells_of(inputs))
                outputs = [pa.array(probability), pa.array((probability >= 0.5).astype(np.float64))]
                yield pa.RecordBatch.from_arrays([*batch.columns[:-1], *outputs], names=names)

        return map_batches(wide, score, schema)


def _width(batches: list[pa.RecordBatch]) -> int:
    """Return the width of dense rows."""
    return len(batches[0].column("features").flatten()) // batches[0].num_rows


def _stack(batches: list[pa.RecordBatch], name: str) -> np.ndarray:
    return np.concatenate([batch.column(name).to_numpy(zero_copy_only=False) for batch in batches])
