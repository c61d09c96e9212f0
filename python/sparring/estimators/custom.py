"""Training what is not built in: a script in a framework's image, a container of one's own, an algorithm resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pyspark.ml.base import Estimator
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from sparring.errors import ParamError
from sparring.estimators.sagemaker_stage import SageMakerModel, _SageMakerParams, train_and_keep
from sparring.params import (
    Argument,
    Check,
    check_params,
    checked_schema,
    one_of,
    require_columns,
    text_param,
    texts_param,
)
from sparring.sagemaker.algorithms import LIBSVM, RECORDIO
from sparring.sagemaker.request import TRAIN
from sparring.sagemaker.resources import S3_PREFIX
from sparring.sagemaker.source_code import ARCHIVE, pack, script_hyperparameters
from sparring.sagemaker.training_job import Source, TrainingJob
from sparring.spark.reserved import named, quoted
from sparring.wire.media import CSV, PARQUET

CONTENT: dict[str, Check] = {"contentType": one_of(CSV, PARQUET, LIBSVM, RECORDIO)}


class _OwnEstimator(Estimator[Any], _SageMakerParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """What the three ways share: columns to files, hyperparameters as text, one job, a model in S3."""

    required: ClassVar[tuple[str, ...]]
    defaults: ClassVar[dict[str, Any]] = {
        "inputCols": [],
        "contentType": CSV,
        "channelCol": "",
        "hyperparametersJson": "{}",
    }
    arguments: ClassVar[dict[str, Argument]] = {"hyperparameters": ("hyperparametersJson", json.dumps)}
    inputCols = texts_param("inputCols", "columns to write, the label first for CSV; empty = all")
    contentType = text_param("contentType", "MIME type of the files")
    channelCol = text_param("channelCol", "column that names each row's channel; '' = all train")
    hyperparametersJson = text_param("hyperparametersJson", "the program's settings, as JSON")
    servingImage = text_param("servingImage", "image that serves the model; unset = the training image")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params and columns; the schema stays as it is: what the model adds is its author's to say."""
        missing = [name for name in self.required if not self.isDefined(name)]
        if missing:
            owner = type(self).__name__
            raise ParamError(f"{owner}: {', '.join(missing)} must be set", f"Give {', '.join(missing)}.")
        check_params(self, CONTENT)
        self._check_where()
        channel = self.getOrDefault("channelCol")
        columns = [*self.getOrDefault("inputCols"), *([channel] if channel else [])]
        require_columns(schema, columns, f"{type(self).__name__}.inputCols")
        return schema

    def _fit(self, dataset: DataFrame) -> SageMakerModel:
        checked_schema(self, dataset)
        rows = self._channels(dataset)
        width = len(rows[TRAIN].columns)
        job = self._job(self._job_name(), self._source(), "own code", dataset, lambda: width)
        hyperparameters = self._hyperparameters(job)
        job.request(hyperparameters, tuple(rows))
        self._before(job)
        trained = train_and_keep(job, rows, hyperparameters)
        model = SageMakerModel.of(trained)
        if self.isDefined("servingImage"):
            model._set(image=self.getOrDefault("servingImage"))
        return self._copyValues(model)

    def _channels(self, dataset: DataFrame) -> dict[str, DataFrame]:
        """Return the rows of each channel, with the columns to write."""
        channel = self.getOrDefault("channelCol")
        columns = self.getOrDefault("inputCols") or [name for name in dataset.columns if name != channel]
        if not channel:
            return {TRAIN: dataset.select(*map(quoted, columns))}
        names = self._config().written_channels
        return {name: dataset.where(named(channel) == name).select(*map(quoted, columns)) for name in names}

    def _hyperparameters(self, job: TrainingJob) -> Mapping[str, Any]:
        given: dict[str, Any] = json.loads(self.getOrDefault("hyperparametersJson"))
        return given

    def _before(self, job: TrainingJob) -> None:
        """Upload what the job needs besides rows."""

    def _job_name(self) -> str:
        return "own"

    def _source(self) -> Source:
        """Return what is trained."""
        image = self.getOrDefault("trainingImage")
        return Source(image=image, content_type=self.getOrDefault("contentType"))


class SageMakerContainer(_OwnEstimator):
    """A training image of one's own.

    Parameters
    ----------
    trainingImage : str
        URI of the image.
    inputCols : list of str, default []
        Columns to write, in this order; empty = all.  CSV has the label first.
    contentType : {"text/csv", "application/x-parquet", "text/libsvm", "application/x-recordio-protobuf"}
        Default ``text/csv``.
    channelCol : str, default ""
        Column that names each row's channel; the channels are ``train`` and those of ``config.channels`` without a
        uri.  ``""``: all rows are ``train``.
    hyperparameters : dict, optional
        Kept in the Param ``hyperparametersJson``; the container finds each as text.
    servingImage : str, optional
    target, config, client, instanceType, instanceCount, volumeGb, maxRuntimeSeconds, attachTo, runFolder
        As in :class:`~sparring.estimators.sagemaker_xgboost.SageMakerXGBoost`.

    Raises
    ------
    ParamError, SchemaError, ConfigError
        Before anything is uploaded.
    SageMakerError
        If the job fails; nothing stays then.

    Notes
    -----
    Cost of ``fit``: a count of the rows where no instance type is given, one write of them to S3, and the job.

    Examples
    --------
    >>> model = SageMakerContainer(trainingImage="123.dkr.ecr.eu-west-1.amazonaws.com/mine:1",   # doctest: +SKIP
    ...                            target=target).fit(rows)
    """

    required = ("trainingImage",)
    trainingImage = text_param("trainingImage", "URI of the training image")


class SageMakerScript(_OwnEstimator):
    """A training script in an image that has a deep-learning framework and AWS's training toolkit.

    Parameters
    ----------
    trainingImage : str
        URI of the framework's image.
    entryPoint : str
        The script; below ``sourceDir`` when there is one.
    sourceDir : str, default ""
        Folder packed and uploaded whole.
    requirements : str, default ""
        File of packages that the toolkit installs first.
    hyperparameters : dict, optional
        They become arguments of the script, ``--name value``.
    inputCols, contentType, channelCol, servingImage
        As in :class:`SageMakerContainer`.
    target, config, client, instanceType, instanceCount, volumeGb, maxRuntimeSeconds, attachTo, runFolder
        As in :class:`~sparring.estimators.sagemaker_xgboost.SageMakerXGBoost`.

    Raises
    ------
    ParamError, SchemaError, ConfigError
        Before anything is uploaded.
    SageMakerError
        If the job fails; nothing stays then.

    Notes
    -----
    Cost of ``fit``: a count of the rows where no instance type is given, one write of them to S3, and the job.

    Examples
    --------
    >>> SageMakerScript(trainingImage=image, entryPoint="train.py", sourceDir="src",       # doctest: +SKIP
    ...                 hyperparameters={"epochs": 3}, target=target).fit(rows)
    """

    required = ("trainingImage", "entryPoint")
    defaults: ClassVar[dict[str, Any]] = {"sourceDir": "", "requirements": ""}
    trainingImage = text_param("trainingImage", "URI of the framework's image")
    entryPoint = text_param("entryPoint", "the training script")
    sourceDir = text_param("sourceDir", "folder packed whole")
    requirements = text_param("requirements", "file of packages to install first")

    def transformSchema(self, schema: T.StructType) -> T.StructType:
        """Check Params, columns and that all files are there."""
        checked = super().transformSchema(schema)
        self._packed()
        return checked

    def _packed(self) -> bytes:
        return pack(*(self.getOrDefault(name) for name in ("entryPoint", "sourceDir", "requirements")))

    def _hyperparameters(self, job: TrainingJob) -> Mapping[str, Any]:
        entry = self.getOrDefault("entryPoint")
        program = entry if self.getOrDefault("sourceDir") else entry.rsplit("/", 1)[-1]
        uri = f"s3://{job.target.bucket}/{_archive_key(job)}"
        return script_hyperparameters(super()._hyperparameters(job), program, uri, job.name)

    def _before(self, job: TrainingJob) -> None:
        job.registry.record(S3_PREFIX, job.prefix)
        try:
            job.target.client("s3").put_object(Bucket=job.target.bucket, Key=_archive_key(job), Body=self._packed())
        except BaseException:
            job.close()
            raise


class SageMakerAlgorithmResource(_OwnEstimator):
    """An algorithm resource: a subscription of AWS Marketplace, or an algorithm of one's own account.

    Parameters
    ----------
    algorithmName : str
        Name or ARN.
    inputCols, contentType, channelCol, hyperparameters, servingImage
        As in :class:`SageMakerContainer`; such a model can be deployed only with a ``servingImage``.
    target, config, client, instanceType, instanceCount, volumeGb, maxRuntimeSeconds, attachTo, runFolder
        As in :class:`~sparring.estimators.sagemaker_xgboost.SageMakerXGBoost`; ``client`` is boto3, by default too, for
        ``sagemaker-pyspark`` has no word for an algorithm resource.

    Raises
    ------
    ParamError, SchemaError, ConfigError
        Before anything is uploaded.
    SageMakerError
        If the job fails; nothing stays then.

    Notes
    -----
    Cost of ``fit``: a count of the rows where no instance type is given, one write of them to S3, and the job.

    Examples
    --------
    >>> SageMakerAlgorithmResource(algorithmName="arn:aws:sagemaker:...:algorithm/name",   # doctest: +SKIP
    ...                            target=target).fit(rows)
    """

    required = ("algorithmName",)
    defaults: ClassVar[dict[str, Any]] = {"client": "boto3"}
    algorithmName = text_param("algorithmName", "name or ARN of the algorithm resource")

    def _source(self) -> Source:
        return Source(resource=self.getOrDefault("algorithmName"), content_type=self.getOrDefault("contentType"))


def _archive_key(job: TrainingJob) -> str:
    return f"{job.prefix}source/{ARCHIVE}"
