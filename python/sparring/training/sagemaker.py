"""SageMaker: the rows handed over by ``sagemaker-pyspark``, trained there, scored by an endpoint."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from sparring.data import storage
from sparring.data.matrix import PreparedMatrix
from sparring.errors import TrainingError
from sparring.feature.vectors import with_vectors
from sparring.jars import SAGEMAKER_PYSPARK, sagemaker_jars
from sparring.sagemaker.endpoint import RealTimeEndpoint
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainedModel, TrainingJob
from sparring.session import SessionSpec, get_session
from sparring.training.mllib import check_fingerprints
from sparring.training.phases import Phases
from sparring.training.task import Outcome, Task
from sparring.training.xgboost_parameters import XGBoostParameters

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STAND_IN_NOTE = (
    "Trained and served by the embedded local stand-in of SageMaker, which runs the real xgboost library: "
    "its scores are XGBoost's, its times and costs are not SageMaker's."
)

AWS_NOTE = (
    "Trained and served on AWS by the image {image}, whose version of XGBoost need not be this machine's: "
    "equal scores are not promised."
)


def run(task: Task, phases: Phases) -> Outcome:
    """Hand over, fit, deploy, score and clean up.

    Parameters
    ----------
    task : Task
    phases : Phases
        Receives local_start (stand-in only), session, read, hand_off (sorting, libsvm, upload and the wait
        that is not training), fit (the job's own training time), write, deploy, score, clean_up.

    Raises
    ------
    SageMakerError
        If the job or the endpoint fails; every resource has been deleted then.

    Notes
    -----
    Cost: a sort of the train part by key, one write of it as libsvm text to S3, and one pass through the
    endpoint.
    """
    parameters = XGBoostParameters.of(task.hyperparameters, f"contenders.{task.name}.hyperparameters")
    outcome = Outcome(hyperparameters=parameters.in_force(), stand_in=task.sagemaker_config.local)
    with ExitStack() as resources:
        with phases("local_start"):
            target = _target(task, resources)
        with phases("session"):
            spec = SessionSpec(f"sparring {task.name}", task.cores, task.memory, sagemaker_jars())
            spark = get_session(spec)
            spark.sparkContext.setLogLevel("ERROR")
            target.configure(spark)
        matrix = PreparedMatrix(task.matrix)
        with phases("read"):
            outcome.fingerprints = check_fingerprints(spark, matrix)
            _require_equal_weights(spark, matrix, task.name)
        job = TrainingJob(target, task.sagemaker_config, task.name)
        resources.callback(_timed_clean_up, job, phases)
        model = _train(spark, matrix, job, parameters, task, phases)
        with phases("write"):
            _keep_model(target, model, task)
        _score(spark, matrix, target, model, task, phases)
    outcome.versions = {"spark": spark.version, "sagemaker-pyspark": SAGEMAKER_PYSPARK}
    outcome.notes = [STAND_IN_NOTE if outcome.stand_in else AWS_NOTE.format(image=model.image)]
    return outcome


def _target(task: Task, resources: ExitStack) -> AwsTarget:
    """Return the configured account, or a stand-in that ends with ``resources``."""
    if not task.sagemaker_config.local:
        return AwsTarget.on_aws(task.sagemaker_config)
    from sparring.sagemaker.local import LocalAws

    return AwsTarget.on(resources.enter_context(LocalAws()))


def _require_equal_weights(spark: SparkSession, matrix: PreparedMatrix, name: str) -> None:
    if not spark.read.parquet(matrix.path("train")).where("weight <> 1").isEmpty():
        raise TrainingError(
            f"{name}: the hand-off writes libsvm text, which has no place for row weights other than 1",
            "Leave table.weight out, or leave the sagemaker contenders out.",
        )


def _train(
    spark: SparkSession,
    matrix: PreparedMatrix,
    job: TrainingJob,
    parameters: XGBoostParameters,
    task: Task,
    phases: Phases,
) -> TrainedModel:
    """Train on the rows in the order of their keys: XGBoost's model depends on it, so every path agrees."""
    rows = spark.read.parquet(matrix.path("train")).drop("weight", "group")
    scratch = storage.join(task.folder, "vectors")
    hyperparameters = {"num_round": parameters.num_round, **parameters.native(task.cores, task.seed)}
    whole = Phases()
    try:
        with whole("job"):
            vectors = with_vectors(rows, matrix.encoding().size, scratch)
            # With a number of its own the range partitioning is kept: every instance finds a file.
            files = max(task.cores, task.sagemaker_config.instance_count)
            ordered = vectors.repartitionByRange(files, "key").sortWithinPartitions("key")
            model = job.run(spark, ordered.select("label", "features"), hyperparameters)
    finally:
        storage.delete(scratch)
    fit = model.phases.get("Training", 0.0)
    phases.add("hand_off", whole.seconds["job"] - fit)
    phases.add("fit", fit)
    return model


def _score(
    spark: SparkSession,
    matrix: PreparedMatrix,
    target: AwsTarget,
    model: TrainedModel,
    task: Task,
    phases: Phases,
) -> None:
    from sparring.inference.realtime import EndpointModel

    rows = spark.read.parquet(matrix.rows).where("split <> 'train'")
    with ExitStack() as deployed:
        with phases("deploy"):
            name = deployed.enter_context(RealTimeEndpoint(target, model, task.sagemaker_config))
        with phases("score"):
            features = "features" if matrix.encoding().storage == "dense" else ""
            scorer = EndpointModel(endpointName=name, target=target, featuresCol=features, probabilityCol="score")
            _write(scorer.transform(rows), task)


def _write(scored: DataFrame, task: Task) -> None:
    columns = ("key", "split", "label", "weight", "group", "score")
    scored.select(*columns).write.mode("overwrite").parquet(task.predictions)


def _keep_model(target: AwsTarget, model: TrainedModel, task: Task) -> None:
    """Copy ``model.tar.gz`` beside the predictions before the bucket is cleaned."""
    bucket, _, key = model.model_data.removeprefix("s3://").partition("/")
    body = target.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    storage.write_bytes(storage.join(task.model, "model.tar.gz"), body)


def _timed_clean_up(job: TrainingJob, phases: Phases) -> None:
    with phases("clean_up"):
        job.delete_data()
