"""XGBoost on SageMaker as a pyspark.ml stage, with the Params of the single-machine one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark import keyword_only
from pyspark.ml.base import Model
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.config.schema import SageMakerConfig
from sparring.errors import ParamError, SageMakerError
from sparring.feature.vectors import with_vectors
from sparring.inference.realtime import EndpointModel
from sparring.params import at_least, check_params
from sparring.sagemaker.endpoint import RealTimeEndpoint
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainedModel, TrainingJob, delete_below, prefix_of
from sparring.training.estimators import SingleNodeXGBoost, _SingleNodeParams
from sparring.training.single_node import XGBoostLearner

INSTANCE_CHECKS = {
    "instanceType": ("an instance type such as 'ml.m5.xlarge'", lambda value: value.startswith("ml.")),
    "instanceCount": at_least(1),
    "volumeGb": at_least(1),
    "maxRuntimeSeconds": at_least(1),
}


class _SageMakerParams(Params):
    """Where to train and serve, and on what."""

    targetJson: Param[str] = Param(Params._dummy(), "targetJson", "the account, as JSON", TypeConverters.toString)
    instanceType: Param[str] = Param(
        Params._dummy(), "instanceType", "instance that trains and serves, ml.*", TypeConverters.toString
    )
    instanceCount: Param[int] = Param(
        Params._dummy(), "instanceCount", "instances that train, >= 1", TypeConverters.toInt
    )
    volumeGb: Param[int] = Param(Params._dummy(), "volumeGb", "disk of each instance, >= 1", TypeConverters.toInt)
    maxRuntimeSeconds: Param[int] = Param(
        Params._dummy(), "maxRuntimeSeconds", "the job is stopped after this long, >= 1", TypeConverters.toInt
    )

    @property
    def target(self) -> AwsTarget:
        """The account."""
        return AwsTarget.from_json(self.getOrDefault("targetJson"))

    def _set_instance_defaults(self) -> None:
        config = SageMakerConfig()
        self._setDefault(
            instanceType=config.instance_type,
            instanceCount=config.instance_count,
            volumeGb=config.volume_gb,
            maxRuntimeSeconds=config.max_runtime_seconds,
        )

    def _config(self) -> SageMakerConfig:
        return SageMakerConfig(
            instance_type=self.getOrDefault("instanceType"),
            instance_count=self.getOrDefault("instanceCount"),
            volume_gb=self.getOrDefault("volumeGb"),
            max_runtime_seconds=self.getOrDefault("maxRuntimeSeconds"),
        )


class SageMakerXGBoost(SingleNodeXGBoost, _SageMakerParams):
    """XGBoost trained by SageMaker through ``sagemaker-pyspark``'s own, unmodified estimator.

    It takes the place of :class:`~sparring.training.estimators.SingleNodeXGBoost`: same columns,
    hyperparameters and order of rows, hence the same model where SageMaker runs the same version of XGBoost.

    Parameters
    ----------
    target : AwsTarget
        Where to train; kept in the Param ``targetJson``.
    instanceType : str, default "ml.m5.xlarge"
    instanceCount : int >= 1, default 1
        With several, each instance trains on a shard of the rows.
    volumeGb : int >= 1, default 30
    maxRuntimeSeconds : int >= 1, default 3600
    **single_node
        The Params of :class:`~sparring.training.estimators.SingleNodeXGBoost`, without ``weightCol``.

    Raises
    ------
    ParamError, SchemaError
        Before any job; also for ``weightCol``, which libsvm text cannot hold.
    SageMakerError
        If the job fails; nothing stays then.

    Notes
    -----
    The session needs the jars of ``sagemaker-pyspark`` from its start.  A vector's zeros are zeros, however
    it is stored; a cell absent from ``indices`` and ``values`` is missing.  Cost of ``fit``: one shuffle by
    ``keyCol``, one write as text to S3, and the job.

    Examples
    --------
    >>> model = SageMakerXGBoost(target=target, numRound=50).fit(train)          # doctest: +SKIP
    >>> with model.deployed():                                                   # doctest: +SKIP
    ...     model.transform(test).write.parquet("scores")
    >>> model.delete()                                                           # doctest: +SKIP
    """

    @keyword_only
    def __init__(
        self,
        *,
        target: AwsTarget | None = None,
        instanceType: str | None = None,
        instanceCount: int | None = None,
        volumeGb: int | None = None,
        maxRuntimeSeconds: int | None = None,
        **single_node: Any,
    ) -> None:
        given: dict[str, Any] = dict(self._input_kwargs)
        own = {name: given.pop(name, None) for name in INSTANCE_CHECKS}
        chosen = given.pop("target", None)
        super().__init__(**given)
        self._set_instance_defaults()
        if chosen is not None:
            own["targetJson"] = chosen.to_json()
        self._set(**{name: value for name, value in own.items() if value is not None})

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema of the model's output."""
        check_params(self, INSTANCE_CHECKS)
        if not self.isDefined("targetJson"):
            raise ParamError("SageMakerXGBoost.target is not set", "Give AwsTarget.on_aws(...) or AwsTarget.on(...).")
        if self.getOrDefault("weightCol"):
            raise ParamError(
                f"SageMakerXGBoost.weightCol must be '', got {self.getOrDefault('weightCol')!r}: "
                "the hand-off writes libsvm text, which has no place for weights",
                "Leave weightCol out, or use SingleNodeXGBoost.",
            )
        return super().transformSchema(schema)

    def _fit(self, dataset: DataFrame) -> SageMakerXGBoostModel:  # type: ignore[override]
        self.transformSchema(dataset.schema)
        spark, target, config = dataset.sparkSession, self.target, self._config()
        target.configure(spark)
        learner = self._learner()
        assert isinstance(learner, XGBoostLearner)
        parameters = learner.parameters
        hyperparameters = parameters.native(self.getOrDefault("cores"), self.getOrDefault("seed"))
        job = TrainingJob(target, config, "xgboost")
        try:
            rows = self._ordered(dataset, f"s3a://{target.bucket}/{job.prefix}scratch")
            trained = job.run(spark, rows, {"num_round": parameters.num_round, **hyperparameters})
        except BaseException:
            job.delete_data()
            raise
        for folder in ("scratch/", "input/"):
            job.delete_data(folder)
        model = SageMakerXGBoostModel(jobName=trained.job, image=trained.image, modelData=trained.model_data)
        return self._copyValues(model)

    def _ordered(self, dataset: DataFrame, scratch: str) -> DataFrame:
        """Return label and features in the order of the key: XGBoost's model depends on it."""
        label = F.col(self.getOrDefault("labelCol")).cast("double").alias("label")
        rows = dataset.select(F.col(self.getOrDefault("keyCol")).alias("key"), label, *self._features(dataset))
        if "features" in rows.columns:
            rows = rows.withColumn("features", array_to_vector(F.col("features").cast("array<double>")))
        else:
            rows = with_vectors(rows, self.getOrDefault("size"), scratch)
        files = max(2, self.getOrDefault("instanceCount"))
        return rows.repartitionByRange(files, "key").sortWithinPartitions("key").select("label", "features")


class SageMakerXGBoostModel(
    Model, _SingleNodeParams, _SageMakerParams, DefaultParamsReadable[Any], DefaultParamsWritable
):
    """A model in S3 that scores while it is deployed.

    Parameters
    ----------
    jobName : str
        The training job, whose name the model's folder in S3 bears.
    image : str
        URI of the algorithm's image.
    modelData : str
        ``s3://`` URI of ``model.tar.gz``.

    Notes
    -----
    An endpoint costs money by the second, so there is one only inside ``with model.deployed():``.  Saving the
    model saves where it is; :meth:`delete` deletes it from S3.
    """

    jobName: Param[str] = Param(Params._dummy(), "jobName", "the training job", TypeConverters.toString)
    image: Param[str] = Param(Params._dummy(), "image", "URI of the image", TypeConverters.toString)
    modelData: Param[str] = Param(Params._dummy(), "modelData", "URI of model.tar.gz", TypeConverters.toString)
    endpointName: Param[str] = Param(
        Params._dummy(),
        "endpointName",
        "the endpoint in service; unset when there is none",
        TypeConverters.toString,
    )

    @keyword_only
    def __init__(self, *, jobName: str | None = None, image: str | None = None, modelData: str | None = None) -> None:
        super().__init__()
        self._set_shared_defaults()
        self._set_instance_defaults()
        self._set_given()

    @contextmanager
    def deployed(self) -> Iterator[str]:
        """Serve the model for the body of the ``with`` statement; the value is the endpoint's name.

        Raises
        ------
        SageMakerError
            If the endpoint does not come into service; nothing stays then.
        """
        job, image, data = (self.getOrDefault(name) for name in ("jobName", "image", "modelData"))
        trained = TrainedModel(job, image, data, phases={})
        with RealTimeEndpoint(self.target, trained, self._config()) as name:
            self._set(endpointName=name)
            try:
                yield name
            finally:
                self.clear(self.endpointName)

    def delete(self) -> None:
        """Delete the model from S3."""
        delete_below(self.target, prefix_of(self.target, self.getOrDefault("jobName")))

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the two output columns."""
        self._check_features(schema)
        return self._with_outputs(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        self.transformSchema(dataset.schema)
        if not self.isDefined("endpointName"):
            raise SageMakerError(
                f"The model of training job {self.getOrDefault('jobName')} is not deployed",
                "Score inside 'with model.deployed():', and write or collect the scores there.",
            )
        probability = self.getOrDefault("probabilityCol")
        scorer = EndpointModel(
            endpointName=self.getOrDefault("endpointName"),
            target=self.target,
            featuresCol=self.getOrDefault("featuresCol"),
            probabilityCol=probability,
        )
        prediction = (F.col(probability) >= 0.5).cast("double")
        return scorer.transform(dataset).withColumn(self.getOrDefault("predictionCol"), prediction)
