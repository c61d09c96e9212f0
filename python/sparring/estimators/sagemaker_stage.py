"""What all SageMaker stages share: where and on what they train, the job, and the model that it leaves in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from pyspark.ml.base import Model
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable

from sparring.config.schema import SageMakerConfig
from sparring.errors import ParamError, SageMakerError
from sparring.io import storage
from sparring.params import Argument, Check, KeywordParams, at_least, check_params, int_param, one_of, text_param
from sparring.sagemaker.clients import CLIENTS
from sparring.sagemaker.compute import recommend_instance, with_instance
from sparring.sagemaker.endpoint import RealTimeEndpoint
from sparring.sagemaker.job_watcher import print_progress
from sparring.sagemaker.resource_registry import ResourceRegistry, registry_path
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import Source, TrainedModel, TrainingJob, delete_below, prefix_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Param -> the configuration's key that it stands for.
OVERRIDES = {
    "client": "client",
    "instanceType": "instance_type",
    "instanceCount": "instance_count",
    "volumeGb": "volume_gb",
    "maxRuntimeSeconds": "max_runtime_seconds",
}
CHECKS: dict[str, Check] = {
    "client": one_of(*CLIENTS),
    "instanceType": ("an instance type such as 'ml.m5.xlarge'", lambda value: value.startswith("ml.")),
    "instanceCount": at_least(1),
    "volumeGb": at_least(1),
    "maxRuntimeSeconds": at_least(1),
}


class _SageMakerParams(KeywordParams):
    """Where to train and serve, and on what."""

    defaults: ClassVar[dict[str, Any]] = {"runFolder": ""}
    arguments: ClassVar[dict[str, Argument]] = {
        "target": ("targetJson", AwsTarget.to_json),
        "config": ("configJson", lambda config: config.model_dump_json(exclude_defaults=True)),
    }
    targetJson = text_param("targetJson", "the account, as JSON")
    configJson = text_param("configJson", "the configuration's section sagemaker, as JSON")
    client = text_param("client", "who sends the request: sagemaker-pyspark or boto3")
    instanceType = text_param("instanceType", "instance that trains, ml.*; unset: chosen")
    instanceCount = int_param("instanceCount", "instances that train, >= 1")
    volumeGb = int_param("volumeGb", "disk of each instance, >= 1")
    maxRuntimeSeconds = int_param("maxRuntimeSeconds", "the job is stopped after this long, >= 1")
    attachTo = text_param("attachTo", "a training job to follow to its end, instead of one")
    runFolder = text_param("runFolder", "folder that records what is created; '' = none")

    @property
    def target(self) -> AwsTarget:
        """The account.

        Raises
        ------
        ParamError
            If neither ``target`` nor ``config`` says where it is.
        """
        if self.isDefined("targetJson"):
            return AwsTarget.from_json(self.getOrDefault("targetJson"))
        config = self._config()
        if config.local:
            raise ParamError(
                f"{type(self).__name__}.target is not set", "Give AwsTarget.on_aws(...) or AwsTarget.on(...)."
            )
        return AwsTarget.on_aws(config)

    def _config(self) -> SageMakerConfig:
        """Return the configuration, over which the Params that are set are laid."""
        text = self.getOrDefault("configJson") if self.isDefined("configJson") else "{}"
        set_here = {key: self.getOrDefault(name) for name, key in OVERRIDES.items() if self.isDefined(name)}
        return SageMakerConfig.model_validate(
            {**SageMakerConfig.model_validate_json(text).model_dump(exclude_defaults=True), **set_here}
        )

    def _check_where(self) -> None:
        """Raise :class:`ParamError` unless it is known where to train, and on what."""
        check_params(self, CHECKS)
        _ = self.target

    def _registry(self) -> ResourceRegistry:
        folder = self.getOrDefault("runFolder")
        return ResourceRegistry(self.target, registry_path(storage.join(folder, self.uid)) if folder else None)

    def _job(self, name: str, source: Source, family: str, rows: DataFrame, features: Callable[[], int]) -> TrainingJob:
        """Return the job, on the instance that is configured or chosen; choosing counts rows and features."""
        config = self._config()
        count, width = (rows.count(), features()) if config.instance_type is None else (0, 0)
        choice = recommend_instance(config, family, count, width)
        print_progress(choice.reason)
        attach = self.getOrDefault("attachTo") if self.isDefined("attachTo") else None
        return TrainingJob(self.target, with_instance(config, choice), name, source, self._registry(), attach)


class Deployments:
    """Endpoints that were made on demand, and the models that were fitted meanwhile; see :func:`deploying`."""

    def __init__(self) -> None:
        self.endpoints = ExitStack()
        self.models: list[SageMakerModel] = []

    def deploy(self, model: SageMakerModel) -> None:
        """Deploy a model that is not deployed yet."""
        if not model.isDefined("endpointName"):
            self.endpoints.enter_context(model.deployed())

    def delete_models(self, keep: Any = None) -> None:
        """Delete the files of all models that were fitted, but for ``keep``'s and of its stages."""
        kept = {model.getOrDefault("jobName") for model in getattr(keep, "stages", [keep]) if is_on_sagemaker(model)}
        for model in self.models:
            if model.getOrDefault("jobName") not in kept:
                model.delete()


# Not a context variable: CrossValidator fits and scores in threads of its own.
_deployments: list[Deployments] = []


@contextmanager
def deploying() -> Iterator[Deployments]:
    """Deploy models as they are asked to transform, and delete all those endpoints at the end.

    It is what ``CrossValidator`` and ``TrainValidationSplit`` need, which fit and score by themselves.

    Examples
    --------
    >>> with deploying() as made:                                               # doctest: +SKIP
    ...     best = CrossValidator(estimator=SageMakerXGBoost(target=target), ...).fit(rows).bestModel
    >>> made.delete_models(keep=best)                                           # doctest: +SKIP
    """
    made = Deployments()
    _deployments.append(made)
    try:
        with made.endpoints:
            yield made
    finally:
        _deployments.remove(made)


def is_on_sagemaker(model: Any) -> bool:
    """Return whether a stage is a model on SageMaker."""
    return isinstance(model, SageMakerModel)


def train_and_keep(
    job: TrainingJob, rows: DataFrame | dict[str, DataFrame], hyperparameters: Mapping[str, Any]
) -> TrainedModel:
    """Return the model of a job, of which only the model stays; after a failure nothing stays.

    What SageMaker does not let us stop or delete stays in the registry.
    """
    from botocore.exceptions import ClientError

    first = next(iter(rows.values())) if isinstance(rows, dict) else rows
    try:
        trained = job.run(first.sparkSession, rows, hyperparameters)
    except BaseException as error:
        try:
            job.close()
        except ClientError as refused:
            raise SageMakerError(
                f"Training job {job.name}: {error}; it was asked to end, but what it leaves could not be deleted: "
                f"{refused}",
                "Renew credentials or rights, then see that the job has ended and its prefix is empty.",
            ) from error
        raise
    job.keep_model()
    return trained


class SageMakerModel(Model, _SageMakerParams, DefaultParamsReadable[Any], DefaultParamsWritable):
    """A model in S3 that can be deployed; those of known algorithms also score.

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

    jobName = text_param("jobName", "the training job")
    image = text_param("image", "URI of the image")
    modelData = text_param("modelData", "URI of model.tar.gz")
    endpointName = text_param("endpointName", "the endpoint in service; unset when there is none")

    @classmethod
    def of(cls, trained: TrainedModel) -> Any:
        """Return the stage of a trained model."""
        model = cls(jobName=trained.job, image=trained.image, modelData=trained.model_data)
        if _deployments:
            _deployments[-1].models.append(model)
        return model

    @contextmanager
    def deployed(self) -> Iterator[str]:
        """Serve the model for the body of the ``with`` statement; the value is the endpoint's name.

        Raises
        ------
        SageMakerError
            If the endpoint does not come into service; nothing stays then.
        """
        job, image, data = (self.getOrDefault(name) for name in ("jobName", "image", "modelData"))
        if not image:
            raise SageMakerError(
                f"The model of {job} was trained by an algorithm resource, which names no image to serve it",
                "Set servingImage before the fit.",
            )
        trained = TrainedModel(job, image, data, phases={})
        with RealTimeEndpoint(self.target, trained, self._config(), self._registry()) as name:
            self._set(endpointName=name)
            try:
                yield name
            finally:
                self.clear(self.endpointName)

    def delete(self) -> None:
        """Delete the model from S3."""
        delete_below(self.target, prefix_of(self.target, self.getOrDefault("jobName")))

    def _endpoint(self) -> str:
        """Return the endpoint's name; a model that is not deployed is deployed inside :func:`deploying` only."""
        if _deployments:
            _deployments[-1].deploy(self)
        if not self.isDefined("endpointName"):
            raise SageMakerError(
                f"The model of training job {self.getOrDefault('jobName')} is not deployed",
                "Score inside 'with model.deployed():', and write or collect the scores there.",
            )
        name: str = self.getOrDefault("endpointName")
        return name

    def _transform(self, dataset: DataFrame) -> DataFrame:
        raise SageMakerError(
            f"What the endpoint of {self.getOrDefault('jobName')} reads and answers is its author's to say",
            "Deploy it with 'with model.deployed() as name:' and invoke the endpoint of that name.",
        )
