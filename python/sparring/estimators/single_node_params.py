"""Params of the single-machine stages: columns as pyspark.ml names them, and hyperparameters."""

from __future__ import annotations

from typing import Any, ClassVar

from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Params
from pyspark.ml.param.shared import (
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
    HasSeed,
    HasWeightCol,
)
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.params import (
    KeywordParams,
    at_least,
    check_params,
    float_param,
    forbid_columns,
    in_range,
    int_param,
    require_columns,
    text_param,
)
from sparring.spark.reserved import named

ARRAYS = (T.ArrayType, VectorUDT)
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

    defaults: ClassVar[dict[str, Any]] = SHARED
    size = int_param("size", "number of features, >= 1; needed for indices and values")
    keyCol = text_param("keyCol", "rows are trained on in the order of this column")
    cores = int_param("cores", "threads of the fit, >= 1")

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

    defaults: ClassVar[dict[str, Any]] = LINEAR
    checks: ClassVar[dict[str, Any]] = {
        "regParam": at_least(0),
        "elasticNetParam": in_range(0, 1),
        "maxIter": at_least(1),
        "tol": in_range(0, 1, closed=False),
    }
    native: ClassVar[dict[str, str]] = {name: name for name in LINEAR}
    regParam = float_param("regParam", "penalty, >= 0")
    elasticNetParam = float_param("elasticNetParam", "0 = ridge, 1 = lasso")
    maxIter = int_param("maxIter", "most iterations, >= 1")
    tol = float_param("tol", "tolerance, in (0, 1)")


class _TreesParams(Params):
    """Hyperparameters of XGBoost."""

    defaults: ClassVar[dict[str, Any]] = TREES
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
    numRound = int_param("numRound", "trees, >= 1")
    maxDepth = int_param("maxDepth", "depth of a tree, 0 to 64")
    eta = float_param("eta", "step size, in [0, 1]")
    subsample = float_param("subsample", "share of rows a tree sees, in (0, 1]")
    minChildWeight = float_param("minChildWeight", "least sum of hessians in a leaf, >= 0")
    regLambda = float_param("regLambda", "L2 penalty, >= 0")
    regAlpha = float_param("regAlpha", "L1 penalty, >= 0")
    gamma = float_param("gamma", "least gain of a split, >= 0")
