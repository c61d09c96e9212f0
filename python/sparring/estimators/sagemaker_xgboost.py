"""XGBoost on SageMaker as a pyspark.ml stage, with the Params of the single-machine one."""

from __future__ import annotations

from typing import Any, ClassVar

from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from sparring.errors import ParamError, TableError
from sparring.estimators.class_columns import with_class_columns
from sparring.estimators.sagemaker_stage import SageMakerModel, _SageMakerParams, train_and_keep
from sparring.estimators.single_node import SingleNodeXGBoost
from sparring.estimators.single_node_models import SCORES
from sparring.estimators.single_node_params import _ClassifierParams
from sparring.feature.vectors import with_vectors
from sparring.inference.realtime import EndpointModel
from sparring.params import checked_schema, int_param
from sparring.sagemaker.algorithms import XGBOOST
from sparring.sagemaker.resources import S3_PREFIX
from sparring.sagemaker.training_job import Source, TrainingJob
from sparring.spark.reserved import named
from sparring.training.xgboost_single_node import SingleNodeXGBoost as XGBoostTrainer


class SageMakerXGBoost(SingleNodeXGBoost, _SageMakerParams):
    """XGBoost trained by SageMaker through ``sagemaker-pyspark``'s own, unmodified estimator.

    It takes the place of :class:`~sparring.estimators.single_node.SingleNodeXGBoost`: same columns,
    hyperparameters and order of rows, hence the same model where SageMaker runs the same version of XGBoost.

    Parameters
    ----------
    target : AwsTarget
        Where to train; kept in the Param ``targetJson``.
    config : SageMakerConfig, optional
        Everything else of the job, the configuration's section ``sagemaker``; kept in ``configJson``.  With role,
        bucket and region it stands for ``target`` too.
    client : {"sagemaker-pyspark", "boto3"}, optional
    instanceType : str, optional
        Chosen by family, rows and features when neither this nor ``config`` says it; that counts the rows.
    instanceCount : int >= 1, optional
        With several, each instance trains on a shard of the rows.
    volumeGb, maxRuntimeSeconds : int >= 1, optional
        These Params win over ``config``.
    attachTo : str, optional
        Name of a training job to follow to its end instead of starting one.
    runFolder : str, default ""
        Folder in which what is created is recorded, for ``sparring sagemaker cleanup``.
    numClasses : int >= 2, default 2
        Labels are 0, 1, ... below it.
    **single_node
        The Params of :class:`~sparring.estimators.single_node.SingleNodeXGBoost`, without ``weightCol``.

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

    defaults: ClassVar[dict[str, Any]] = {"numClasses": 2}
    numClasses = int_param("numClasses", "number of classes, >= 2")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; return the schema of the model's output."""
        self._check_where()
        if self._weight:
            raise ParamError(
                f"SageMakerXGBoost.weightCol must be unset, got {self._weight!r}: "
                "the hand-off writes libsvm text, which has no place for weights",
                "Leave weightCol out, or use SingleNodeXGBoost.",
            )
        return super().transformSchema(schema)

    def _fit(self, dataset: DataFrame) -> SageMakerXGBoostModel:
        checked_schema(self, dataset)
        trainer = self._trainer()
        assert isinstance(trainer, XGBoostTrainer)
        parameters = trainer.parameters
        classes = self.getOrDefault("numClasses")
        problem = ("binary" if classes == 2 else "multiclass"), classes
        native = parameters.native(self.getOrDefault("cores"), self.getOrDefault("seed"), *problem)
        hyperparameters = {"num_round": parameters.num_round, **native}
        job = self._job("xgboost", Source(XGBOOST), "xgboost", dataset, lambda: self._width(dataset))
        job.request(hyperparameters)
        job.client.configure(dataset.sparkSession)
        job.registry.record(S3_PREFIX, job.prefix)
        try:
            rows = self._ordered(dataset, job)
        except BaseException:
            job.close()
            raise
        model = SageMakerXGBoostModel.of(train_and_keep(job, rows, hyperparameters))
        return self._copyValues(model, {model.numClasses: classes})

    def _width(self, dataset: DataFrame) -> int:
        """Return the number of features; unless it is set, that of the first row."""
        return self.getOrDefault("size") if self.isDefined("size") else width_of(dataset, self._features(dataset)[0])

    def _ordered(self, dataset: DataFrame, job: TrainingJob) -> DataFrame:
        """Return label and features in the order of the key: XGBoost's model depends on it."""
        label = named(self.getOrDefault("labelCol")).cast("double").alias("label")
        rows = dataset.select(named(self.getOrDefault("keyCol")).alias("key"), label, *self._features(dataset))
        if "features" in rows.columns:
            rows = rows.withColumn("features", array_to_vector(F.col("features").cast("array<double>")))
        else:
            scratch = f"s3a://{job.target.bucket}/{job.prefix}scratch"
            rows = with_vectors(rows, self.getOrDefault("size"), scratch)
        files = max(2, job.config.instance_count)
        return rows.repartitionByRange(files, "key").sortWithinPartitions("key").select("label", "features")


class SageMakerXGBoostModel(SageMakerModel, _ClassifierParams):
    """XGBoost's model in S3, which scores while it is deployed.

    See :class:`~sparring.estimators.sagemaker_stage.SageMakerModel`.

    Notes
    -----
    Cost of ``transform``: one pass, one request in flight a task.
    """

    defaults: ClassVar[dict[str, Any]] = {"numClasses": 2}
    numClasses = int_param("numClasses", "number of classes")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check columns; return the schema with the output columns."""
        return self._check_features(schema)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        checked_schema(self, dataset)
        classes = self.getOrDefault("numClasses")
        scorer = EndpointModel(
            endpointName=self._endpoint(),
            target=self.target,
            featuresCol=self.getOrDefault("featuresCol"),
            probabilityCol=SCORES,
            numScores=classes if classes > 2 else 1,
        )
        names = (self.getOrDefault(f"{what}Col") for what in ("rawPrediction", "probability", "prediction"))
        return with_class_columns(scorer.transform(dataset), SCORES, *names)


def width_of(dataset: DataFrame, features: Any) -> int:
    """Return the number of features of the first row; one short job.

    Raises
    ------
    TableError
        If there is no row.
    """
    first = dataset.select(F.size(features).alias("width")).head(1)
    if not first:
        raise TableError("The training rows are none", "Train on a table that has rows.")
    return int(first[0]["width"])
