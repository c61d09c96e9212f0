"""SageMaker's built-in algorithms as pyspark.ml estimators; their Params come from the table of algorithms."""

from __future__ import annotations

from typing import Any, ClassVar

from pyspark.ml.base import Estimator
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.errors import ConfigError, ParamError
from sparring.estimators.answer_scorer import COLUMN_TYPES, AnswerScorer
from sparring.estimators.sagemaker_stage import SageMakerModel, _SageMakerParams, train_and_keep
from sparring.estimators.sagemaker_xgboost import width_of
from sparring.params import checked_schema, forbid_columns, require_columns
from sparring.sagemaker import algorithms
from sparring.sagemaker.algorithms import CONVERTERS, Algorithm, param_name
from sparring.sagemaker.training_job import Source
from sparring.spark.reserved import named

# Param that names a column -> its default.
COLUMNS = {
    "labelCol": "label",
    "probabilityCol": "probability",
    "predictionCol": "prediction",
    "distanceCol": "distance",
    "outputCol": "projection",
    "topicDistributionCol": "topicDistribution",
}
TYPE_CONVERTERS: dict[str, Any] = {
    "int": TypeConverters.toInt,
    "float": TypeConverters.toFloat,
    "str": TypeConverters.toString,
    "bool": TypeConverters.toBoolean,
}


def _param(name: str, doc: str, converter: Any) -> Param[Any]:
    return Param(Params._dummy(), name, doc, converter)


class _AlgorithmParams(_SageMakerParams):
    """Columns of an algorithm's estimator and of its model."""

    algorithm: ClassVar[Algorithm]
    defaults: ClassVar[dict[str, Any]] = {"featuresCol": "features"}
    featuresCol: Param[str] = _param("featuresCol", "vector or array<float>", TypeConverters.toString)

    def __init_subclass__(cls, **options: Any) -> None:
        """Give the class the Params that ``_own_params`` makes of its algorithm, before it gets its constructor."""
        if hasattr(cls, "algorithm"):
            own = cls._own_params()
            for name, param in own.items():
                setattr(cls, name, param)
            cls.defaults = {name: COLUMNS[name] for name in own if name in COLUMNS}
        super().__init_subclass__(**options)

    @classmethod
    def _own_params(cls) -> dict[str, Param[Any]]:
        """Return a Param for each member of the algorithm's answer."""
        return {
            name: _param(name, f"output column: the answer's {member}", TypeConverters.toString)
            for member, name in cls.algorithm.outputs.items()
        }

    def _check_features(self, schema: T.StructType) -> None:
        owner = type(self).__name__
        require_columns(schema, [self.getOrDefault("featuresCol")], f"{owner}.featuresCol", (T.ArrayType, VectorUDT))
        forbid_columns(schema, self._outputs().values(), owner)

    def _outputs(self) -> dict[str, str]:
        """Return member of the algorithm's answer -> column."""
        return {member: self.getOrDefault(param) for member, param in self.algorithm.outputs.items()}

    def _with_outputs(self, schema: T.StructType) -> T.StructType:
        kinds = self._column_types()
        added = [T.StructField(column, kinds[member]) for member, column in self._outputs().items()]
        return T.StructType([*schema.fields, *added])

    def _column_types(self) -> dict[str, T.DataType]:
        """Return member -> type of its column; a multiclass score is an array."""
        several = self.algorithm.fixed.get("predictor_type") == "multiclass_classifier"
        return {**COLUMN_TYPES, **({"score": T.ArrayType(T.DoubleType())} if several else {})}


class SageMakerAlgorithmModel(SageMakerModel, _AlgorithmParams):
    """A built-in algorithm's model in S3, which scores while it is deployed.

    Notes
    -----
    Cost of ``transform``: one pass, one request in flight a task.
    """

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the algorithm's answers."""
        self._check_features(schema)
        return self._with_outputs(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        schema = checked_schema(self, dataset)
        scorer = AnswerScorer(self._endpoint(), self.target, self._outputs())
        return scorer.score(dataset, self.getOrDefault("featuresCol"), schema)


class _AlgorithmEstimator(Estimator[Any], _AlgorithmParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """What the estimators of built-in algorithms share."""

    model: ClassVar[type[SageMakerAlgorithmModel]]

    @classmethod
    def _own_params(cls) -> dict[str, Param[Any]]:
        """Return a Param for each hyperparameter too, and for the label where one is learned from."""
        found = super()._own_params()
        if cls.algorithm.labelled:
            found["labelCol"] = _param("labelCol", "the label, a number", TypeConverters.toString)
        for name, allowed in cls.algorithm.hyperparameters.items():
            ours, doc = param_name(name), f"{allowed.doc}; {allowed.check[0]}"
            found[ours] = _param(ours, doc, TYPE_CONVERTERS.get(allowed.kind, CONVERTERS[allowed.kind]))
        return found

    def _checked(self, **measured: int) -> dict[str, Any]:
        """Return the hyperparameters that are set, over what was ``measured`` of the rows.

        Raises
        ------
        ParamError
            If one is out of range, or required ones are missing, which are listed together.
        """
        names = {name: param_name(name) for name in self.algorithm.hyperparameters}
        given = {name: self.getOrDefault(ours) for name, ours in names.items() if self.isDefined(ours)}
        try:
            return self.algorithm.checked({**measured, **given}, type(self).__name__)
        except ConfigError as error:
            raise ParamError(error.problem, error.next_step) from error

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema of the model's output."""
        self._check_where()
        # What the rows will tell is there for now, so that only what the user has to give can be missing.
        self._checked(**{name: 1 for name in ("feature_dim", "mini_batch_size") if self._from_rows(name)})
        self._check_features(schema)
        if self.algorithm.labelled:
            label = self.getOrDefault("labelCol")
            require_columns(schema, [label], f"{type(self).__name__}.labelCol", (T.NumericType, T.BooleanType))
        return self._with_outputs(schema)

    def _from_rows(self, name: str) -> bool:
        """Return whether a hyperparameter is taken from the rows when it is not set."""
        # The library's Linear Learner does not list the width as required, yet cannot do without.
        return name == "feature_dim" or self.algorithm is algorithms.LDA

    def _fit(self, dataset: DataFrame) -> SageMakerAlgorithmModel:
        checked_schema(self, dataset)
        rows = self._rows(dataset)
        hyperparameters = self._checked(**self._measured(dataset))
        name = self.algorithm.repository
        job = self._job(name, Source(self.algorithm), name, dataset, lambda: self._width(dataset))
        return self._copyValues(self.model.of(train_and_keep(job, rows, hyperparameters)))

    def _measured(self, dataset: DataFrame) -> dict[str, int]:
        """Return what is required and not set, from the rows."""
        found = {}
        if self._from_rows("feature_dim") and not self.isDefined("featureDim"):
            found["feature_dim"] = self._width(dataset)
        if self._from_rows("mini_batch_size") and not self.isDefined("miniBatchSize"):
            found["mini_batch_size"] = dataset.count()
        return found

    def _width(self, dataset: DataFrame) -> int:
        return width_of(dataset, _as_array(dataset, self.getOrDefault("featuresCol")))

    def _rows(self, dataset: DataFrame) -> DataFrame:
        """Return the columns that the writers read: label, if it is learned from, and features as a vector."""
        column = self.getOrDefault("featuresCol")
        vector = isinstance(dataset.schema[column].dataType, VectorUDT)
        features = named(column) if vector else array_to_vector(named(column).cast("array<double>"))
        label = [named(self.getOrDefault("labelCol")).cast("double").alias("label")] if self.algorithm.labelled else []
        rows = dataset.select(*label, features.alias("features"))
        # Every instance must find a file.
        hosts = self._config().instance_count
        return rows.repartition(hosts) if hosts > 1 else rows


def _as_array(dataset: DataFrame, column: str) -> Any:
    from pyspark.ml.functions import vector_to_array

    vector = isinstance(dataset.schema[column].dataType, VectorUDT)
    return vector_to_array(named(column), "float32") if vector else named(column)


DOCUMENTATION = """{summary}

    Parameters
    ----------
    target, config, client, instanceType, instanceCount, volumeGb, maxRuntimeSeconds, attachTo, runFolder
        As in :class:`~sparring.estimators.sagemaker_xgboost.SageMakerXGBoost`.
    featuresCol : str, default "features"
        Vector or array<float>.
{columns}
{hyperparameters}

    Raises
    ------
    ParamError, SchemaError, ConfigError
        Before anything is uploaded; missing Params are listed together.
    SageMakerError
        If the job fails; nothing stays then.

    Notes
    -----
    Cost of ``fit``: a count of the rows where no instance type is given, one write of them as RecordIO to S3, and the
    job.

    Examples
    --------
    >>> model = {name}(target=target{example}).fit(rows)          # doctest: +SKIP
    """


def _documented(cls: Any) -> Any:
    """Give a class the documentation that its algorithm's table implies."""
    table = cls.algorithm
    columns = [
        *(['    labelCol : str, default "label"\n        Number.'] if table.labelled else []),
        *(f'    {name} : str, default "{COLUMNS[name]}"\n        Output column.' for name in table.outputs.values()),
    ]
    hyperparameters = [
        f"    {param_name(name)} : {allowed.kind}, {allowed.check[0]}\n        {allowed.doc}."
        for name, allowed in table.hyperparameters.items()
    ]
    needed = [name for name in table.required if not (name == "feature_dim" or table is algorithms.LDA)]
    cls.__doc__ = DOCUMENTATION.format(
        summary=cls.__doc__.strip(),
        columns="\n".join(columns),
        hyperparameters="\n".join(hyperparameters),
        name=cls.__name__,
        example="".join(f", {param_name(name)}=10" for name in needed),
    )
    return cls


class SageMakerLinearLearnerBinaryClassifierModel(SageMakerAlgorithmModel):
    """A linear model's probability of class 1, and its prediction."""

    algorithm = algorithms.LINEAR_BINARY


class SageMakerLinearLearnerMulticlassClassifierModel(SageMakerAlgorithmModel):
    """A linear model's probability of every class, and its prediction."""

    algorithm = algorithms.LINEAR_MULTICLASS


class SageMakerLinearLearnerRegressorModel(SageMakerAlgorithmModel):
    """A linear model's prediction."""

    algorithm = algorithms.LINEAR_REGRESSOR


class SageMakerFactorizationMachinesBinaryClassifierModel(SageMakerAlgorithmModel):
    """A factorization machine's probability of class 1, and its prediction."""

    algorithm = algorithms.FACTORIZATION_BINARY


class SageMakerFactorizationMachinesRegressorModel(SageMakerAlgorithmModel):
    """A factorization machine's prediction."""

    algorithm = algorithms.FACTORIZATION_REGRESSOR


class SageMakerKMeansModel(SageMakerAlgorithmModel):
    """The closest cluster, and the distance to it."""

    algorithm = algorithms.KMEANS


class SageMakerPCAModel(SageMakerAlgorithmModel):
    """The projection onto the principal components."""

    algorithm = algorithms.PCA


class SageMakerLDAModel(SageMakerAlgorithmModel):
    """The mixture of topics."""

    algorithm = algorithms.LDA


@_documented
class SageMakerLinearLearnerBinaryClassifier(_AlgorithmEstimator):
    """SageMaker's linear learner for two classes."""

    algorithm, model = algorithms.LINEAR_BINARY, SageMakerLinearLearnerBinaryClassifierModel


@_documented
class SageMakerLinearLearnerMulticlassClassifier(_AlgorithmEstimator):
    """SageMaker's linear learner for three classes or more."""

    algorithm, model = algorithms.LINEAR_MULTICLASS, SageMakerLinearLearnerMulticlassClassifierModel


@_documented
class SageMakerLinearLearnerRegressor(_AlgorithmEstimator):
    """SageMaker's linear learner for a number."""

    algorithm, model = algorithms.LINEAR_REGRESSOR, SageMakerLinearLearnerRegressorModel


@_documented
class SageMakerFactorizationMachinesBinaryClassifier(_AlgorithmEstimator):
    """SageMaker's factorization machines for two classes."""

    algorithm, model = algorithms.FACTORIZATION_BINARY, SageMakerFactorizationMachinesBinaryClassifierModel


@_documented
class SageMakerFactorizationMachinesRegressor(_AlgorithmEstimator):
    """SageMaker's factorization machines for a number."""

    algorithm, model = algorithms.FACTORIZATION_REGRESSOR, SageMakerFactorizationMachinesRegressorModel


@_documented
class SageMakerKMeans(_AlgorithmEstimator):
    """SageMaker's k-means clustering."""

    algorithm, model = algorithms.KMEANS, SageMakerKMeansModel


@_documented
class SageMakerPCA(_AlgorithmEstimator):
    """SageMaker's principal component analysis."""

    algorithm, model = algorithms.PCA, SageMakerPCAModel


@_documented
class SageMakerLDA(_AlgorithmEstimator):
    """SageMaker's latent Dirichlet allocation; rows are counts of words."""

    algorithm, model = algorithms.LDA, SageMakerLDAModel
