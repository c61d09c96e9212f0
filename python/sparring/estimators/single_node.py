"""The trainers of one machine as pyspark.ml stages, for ``Pipeline``, ``CrossValidator`` and Spark's evaluators.

``fit`` trains inside one Spark task: the rows meet in one Python worker of one executor and never on the driver.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pyspark.ml.base import Estimator
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.errors import LabelError
from sparring.estimators.single_node_models import SingleNodeModel, SingleNodeRegressionModel
from sparring.estimators.single_node_params import (
    _ClassifierParams,
    _LinearParams,
    _SingleNodeParams,
    _TreesParams,
)
from sparring.io.cells import cells_of, stack
from sparring.params import check_params, checked_schema, require_columns
from sparring.spark.reserved import named
from sparring.training.registry import trainer_class
from sparring.training.single_node import FitSettings, SingleNodeTrainer


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
            model = trainer.fit_rows(features, labels, weights, FitSettings(task, classes, cores, seed))
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
