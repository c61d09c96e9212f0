"""Fitted models of one machine as pyspark.ml stages: they score on every executor, in whole Arrow batches."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.base import Model
from pyspark.ml.linalg import DenseVector, Vectors
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.estimators.class_columns import with_class_columns
from sparring.estimators.single_node_params import _ClassifierParams, _SingleNodeParams
from sparring.io.cells import cells_of
from sparring.models import MODELS, LinearModel, XGBoostModel
from sparring.models import Model as FittedModel
from sparring.params import checked_schema, int_param, text_param
from sparring.spark.batches import map_batches
from sparring.task.scores import score_type, scores_array

FEATURES, SCORES = "sparring__features", "sparring__scores"


class _Fitted(_SingleNodeParams):
    """What the models share: the fitted model without Spark, and how it scores."""

    kind = text_param("kind", "linear or xgboost")
    state = text_param("state", "the model's bytes in base 64")
    numClasses = int_param("numClasses", "number of classes; 0 for a number")

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
