"""Training on SageMaker: rows transferred by ``sagemaker-pyspark`` or boto3, trained there, scored by an endpoint."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparring.config.schema import RunConfig, SageMakerConfig
from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import PARTS, PreparedMatrix
from sparring.errors import ConfigError, TrainingError
from sparring.feature.vectors import read_arrays, read_vectors
from sparring.io import storage
from sparring.io.archives import tarfile
from sparring.io.s3_uri import split_s3_uri
from sparring.models import XGBoostModel
from sparring.sagemaker.compute import InstanceRecommendation, recommend_instance, with_instance
from sparring.sagemaker.emulator import open_target, planned_target
from sparring.sagemaker.endpoint import RealTimeEndpoint
from sparring.sagemaker.resource_registry import ResourceRegistry, clean_up_or_drop, registry_path
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainedModel, TrainingJob, digest_of
from sparring.spark.jars import SAGEMAKER_PYSPARK, sagemaker_jars, spark_is_supported
from sparring.spark.session import SessionSpec, available_cores, get_session
from sparring.task import task_named
from sparring.training.phases import Phases
from sparring.training.predictions import write_scored
from sparring.training.spec import Outcome, RowsRead, TrainingSpec
from sparring.training.xgboost_parameters import XGBoostParameters

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ARCHIVE = "model.tar.gz"
OLD_NAMES = {"reg:squarederror": "reg:linear"}
EMULATOR_NOTE = (
    "Trained and served by the embedded local emulator of SageMaker, which runs the real xgboost library: "
    "its scores are XGBoost's, its times and costs are not SageMaker's."
)

AWS_NOTE = (
    "Trained and served on AWS by the image {image}, whose version of XGBoost need not be this machine's: "
    "equal scores are not promised."
)


def train_on_sagemaker(parameters: XGBoostParameters, spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
    """Hand over, fit, deploy, score and clean up.  Return what came of it and the check of what was read.

    A job that an earlier, interrupted run of the same spec started on AWS is followed instead of starting another.

    Parameters
    ----------
    spec : TrainingSpec
    phases : Phases
        Receives local_start (emulator only), session, transfer (reading, sorting, libsvm, upload and the wait
        that is not training), fit (the job's own training time), write, deploy, score, clean_up.

    Raises
    ------
    ConfigError
        Before anything is uploaded.
    SageMakerError
        If the job or the endpoint fails; every resource has been deleted then.

    Notes
    -----
    Cost: a sort of the train part by key, one write of it as libsvm text to S3 (and of each further channel), and
    one pass through the endpoint.
    """
    parameters = _stopping(parameters, spec.sagemaker_config)
    outcome = Outcome(hyperparameters=parameters.effective(), emulated=spec.sagemaker_config.local)
    matrix = PreparedMatrix(spec.matrix)
    _require_equal_weights(matrix, spec.name)
    choice = _choice(spec, matrix)
    config = with_instance(spec.sagemaker_config, choice)
    with ExitStack() as resources:
        with phases("local_start"):
            target = open_target(spec.sagemaker_config, resources)
        with phases("session"):
            spark = _session(spec, config)
        registry = _registry(spec, target)
        resources.callback(_timed_clean_up, registry, phases)
        digest = digest_of(matrix.encoding().fingerprints, parameters.effective(), spec.seed, config.model_dump())
        job = TrainingJob.resumed(target, config, spec.name, registry=registry, digest=digest, on_progress=_tell)
        model = _train(spark, matrix, job, parameters, spec, phases, digest)
        with phases("write"):
            archive = _keep_model(target, model, spec)
        outcome.capacity = parameters.capacity(_booster(archive).booster)
        _score(spark, matrix, job, model, spec, phases)
    outcome.versions = {"spark": spark.version}
    if config.client == "sagemaker-pyspark":
        outcome.versions["sagemaker-pyspark"] = SAGEMAKER_PYSPARK
    note = EMULATOR_NOTE if outcome.emulated else AWS_NOTE.format(image=model.image)
    outcome.notes = [note, f"Instance {choice.reason}; client {config.client}."]
    return outcome, lambda: fingerprints_of_frame(read_vectors(spark, matrix))


def planned_requests(config: RunConfig) -> list[dict[str, Any]]:
    """Return the request of each sagemaker contender, checked, as it would be sent; rows are not looked at.

    Without an account it is the local emulator's, for a bucket yet to be named.

    Raises
    ------
    ConfigError
        If there is no such contender, or SageMaker would not take its request.
    """
    contenders = [contender for contender in config.contenders if contender.engine == "sagemaker"]
    if not contenders:
        raise ConfigError("The configuration has no contender with engine sagemaker", "Add one.")
    target, cores = planned_target(config.sagemaker), config.resources.cores or available_cores()
    section = with_instance(config.sagemaker, recommend_instance(config.sagemaker, "xgboost", 0, 0))
    requests = []
    for contender in contenders:
        owner = f"contenders.{contender.name}.hyperparameters"
        parameters = XGBoostParameters.of(dict(contender.hyperparameters), owner)
        hyperparameters = hyperparameters_of(parameters, section, cores, config.seed)
        job = TrainingJob(target, section, contender.name)
        requests.append(job.request(hyperparameters, section.written_channels))
    return requests


def hyperparameters_of(
    parameters: XGBoostParameters,
    config: SageMakerConfig,
    cores: int,
    seed: int,
    task: str = "binary",
    classes: int = 2,
) -> dict[str, Any]:
    """Return the job's hyperparameters, with values of their own types.

    Raises
    ------
    ConfigError
        If training is to stop early, and the client has no word for it or there is no validation channel.
    """
    own = {"num_round": parameters.num_round, **parameters.native(cores, seed, task, classes)}
    if config.client == "sagemaker-pyspark":
        # It was written before the squared error had its name of today, and takes no other.
        own["objective"] = OLD_NAMES.get(own["objective"], own["objective"])
    rounds = _stopping(parameters, config).early_stopping_rounds
    if rounds is None:
        return own
    if config.client == "sagemaker-pyspark":
        raise ConfigError(
            "sagemaker-pyspark cannot express sagemaker.early_stopping_rounds, nor a contender's",
            "Set sagemaker.client: boto3, or num_round to the rounds at which another contender stopped.",
        )
    if "validation" not in config.channels:
        raise ConfigError(
            "early_stopping_rounds needs the channel validation", "Add sagemaker.channels.validation: {}."
        )
    return {**own, "early_stopping_rounds": rounds}


def _stopping(parameters: XGBoostParameters, config: SageMakerConfig) -> XGBoostParameters:
    """Return ``parameters`` with the section's early stopping where the contender has none of its own."""
    return replace(parameters, early_stopping_rounds=parameters.early_stopping_rounds or config.early_stopping_rounds)


def _tell(line: str) -> None:
    """Print progress into the contender's log."""
    print(line, flush=True)


def _choice(spec: TrainingSpec, matrix: PreparedMatrix) -> InstanceRecommendation:
    encoding = matrix.encoding()
    return recommend_instance(spec.sagemaker_config, "xgboost", encoding.rows["train"], encoding.size)


def _session(spec: TrainingSpec, config: SageMakerConfig) -> SparkSession:
    # The jars bring S3A too; a Spark that cannot load them has to bring its own.
    jars = sagemaker_jars() if config.client == "sagemaker-pyspark" or spark_is_supported() else []
    spark = get_session(SessionSpec(f"sparring {spec.name}", spec.cores, spec.memory, jars))
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _registry(spec: TrainingSpec, target: AwsTarget) -> ResourceRegistry:
    """Return the registry of this spec's folder: what an earlier run left there, or a new one.

    What was left in another account, or on another emulator, is deleted first; with an emulator that is gone went
    all that was on it.
    """
    path = registry_path(spec.folder)
    left = ResourceRegistry.load(path)
    if left is None or left.target == target:
        return left or ResourceRegistry(target, path)
    clean_up_or_drop(left)
    return ResourceRegistry(target, path)


def _require_equal_weights(matrix: PreparedMatrix, name: str) -> None:
    if matrix.weighted("train"):
        raise TrainingError(
            f"{name}: the hand-off writes libsvm text, which has no place for row weights other than 1",
            "Leave table.weight out, or leave the sagemaker contenders out.",
        )


def _train(
    spark: SparkSession,
    matrix: PreparedMatrix,
    job: TrainingJob,
    parameters: XGBoostParameters,
    spec: TrainingSpec,
    phases: Phases,
    digest: str,
) -> TrainedModel:
    """Train on the rows in the order of their keys: XGBoost's model depends on it, so every path agrees."""
    problem = spec.task, spec.class_count
    hyperparameters = hyperparameters_of(parameters, job.config, spec.cores, spec.seed, *problem)
    whole = Phases()
    with whole("job"):
        channels = job.config.written_channels
        if not job.attached:
            job.request(hyperparameters, channels)
        rows = {name: _ordered(spark, matrix, name, spec) for name in channels}
        model = job.run(spark, rows, hyperparameters, digest)
    fit = model.phases.get("Training", 0.0)
    phases.add("transfer", whole.seconds["job"] - fit)
    phases.add("fit", fit)
    return model


def _ordered(spark: SparkSession, matrix: PreparedMatrix, part: str, spec: TrainingSpec) -> DataFrame:
    """Return label and features of a part, in the order of its keys."""
    if part not in PARTS:
        raise ConfigError(
            f"sagemaker.channels.{part} has no uri, and the prepared matrix has {', '.join(PARTS)} only",
            "Give it an s3:// uri, or drop it.",
        )
    from pyspark.sql import functions as F

    vectors = read_vectors(spark, matrix).where(F.col("split") == part).select("key", "label", "features")
    # With a number of its own the range partitioning is kept: every instance finds a file.
    files = max(spec.cores, spec.sagemaker_config.instance_count)
    return vectors.repartitionByRange(files, "key").sortWithinPartitions("key").select("label", "features")


def _score(
    spark: SparkSession,
    matrix: PreparedMatrix,
    job: TrainingJob,
    model: TrainedModel,
    spec: TrainingSpec,
    phases: Phases,
) -> None:
    from sparring.inference.realtime import EndpointModel

    rows = read_arrays(spark, matrix).where("split <> 'train'")
    with ExitStack() as deployed:
        with phases("deploy"):
            name = deployed.enter_context(RealTimeEndpoint(job.target, model, job.config, job.registry))
        with phases("score"):
            features = "features" if matrix.encoding().storage == "dense" else ""
            column = task_named(spec.task).score_column()
            scorer = EndpointModel(
                endpointName=name,
                target=job.target,
                featuresCol=features,
                probabilityCol=column,
                numScores=spec.score_count,
            )
            write_scored(scorer.transform(rows), column, spec.predictions)


def _booster(archive: bytes) -> XGBoostModel:
    """Return the model in ``model.tar.gz``."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        member = packed.extractfile("xgboost-model")
        assert member is not None
        return XGBoostModel(member.read())


def read_archive(folder: str) -> XGBoostModel:
    """Return the model in a contender's folder."""
    return _booster(storage.read_bytes(storage.join(folder, ARCHIVE)))


def _keep_model(target: AwsTarget, model: TrainedModel, spec: TrainingSpec) -> bytes:
    """Copy ``model.tar.gz`` beside the predictions before the bucket is cleaned, and return it."""
    bucket, key = split_s3_uri(model.model_data)
    body = target.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    storage.write_bytes(storage.join(spec.model, ARCHIVE), body)
    return bytes(body)


def _timed_clean_up(registry: ResourceRegistry, phases: Phases) -> None:
    with phases("clean_up"):
        registry.clean_up()
