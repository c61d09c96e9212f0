"""Who sends a training job to SageMaker: two clients behind one contract.

``sagemaker-pyspark`` is the real library, unmodified; it uploads one channel, creates the job and waits for it, all in
the JVM.  ``boto3`` needs no jar, so it runs on Spark 4 and Spark Connect too, and it says whatever the request holds.
Both send the request that :func:`sparring.sagemaker.request.training_request` made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from sparring.errors import ConfigError, PlatformError
from sparring.io.s3_uri import split_s3_uri
from sparring.sagemaker.algorithms import RECORDIO, Algorithm, as_text
from sparring.sagemaker.channel import write_channel
from sparring.sagemaker.checks import check_expressible
from sparring.sagemaker.images import LIBRARY_REGIONS
from sparring.sagemaker.request import TRAIN
from sparring.sagemaker.target import AwsTarget
from sparring.wire.media import CSV, LIBSVM, PARQUET, media_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOCAL_POLL_SECONDS = 1
# Content type that a channel can be written in -> Spark's data source that sagemaker-pyspark writes it with.
SPARK_FORMATS = {LIBSVM: "libsvm", RECORDIO: "sagemaker", CSV: "csv", PARQUET: "parquet"}
PACKAGE = "com.amazonaws.services.sagemaker.sparksdk"


class TrainingClient(ABC):
    """Checks that it can send a request, and sends it.

    Parameters
    ----------
    target : AwsTarget
    algorithm : Algorithm or None
        The built-in algorithm; None for an image or algorithm resource of the user's.
    """

    name: ClassVar[str]

    def __init__(self, target: AwsTarget, algorithm: Algorithm | None) -> None:
        self.target, self.algorithm = target, algorithm

    @abstractmethod
    def check(self, request: dict[str, Any], written: tuple[str, ...]) -> None:
        """Raise :class:`ConfigError` if this client cannot send ``request`` or write the channels ``written``."""

    @abstractmethod
    def configure(self, spark: SparkSession) -> None:
        """Make ``spark`` ready; raise :class:`PlatformError` if it cannot be."""

    @abstractmethod
    def submit(
        self,
        spark: SparkSession,
        request: dict[str, Any],
        rows: dict[str, DataFrame],
        hyperparameters: dict[str, Any],
    ) -> None:
        """Upload ``rows``, channel by channel, and create the job; it may also wait until the job has ended.

        Parameters
        ----------
        spark : SparkSession
        request : dict
        rows : dict of str to DataFrame
            By channel.
        hyperparameters : dict
            In the algorithm's names, with values of their own types; the request holds them as text.
        """


class Boto3Client(TrainingClient):
    """Uploads from the executors, without a jar, and creates the job with boto3; returns while the job runs.

    RecordIO and libsvm hold the columns ``label`` and ``features``; CSV and Parquet hold all columns as they are.
    """

    name = "boto3"

    def check(self, request: dict[str, Any], written: tuple[str, ...]) -> None:
        """Check that there is a writer for every channel to write."""
        for channel in _channels(request, written):
            spark_format(channel.get("ContentType", RECORDIO))

    def configure(self, spark: SparkSession) -> None:
        """Check that the emulator is within reach; there is nothing to set."""
        self.target.require_reach(spark)

    def submit(
        self,
        spark: SparkSession,
        request: dict[str, Any],
        rows: dict[str, DataFrame],
        hyperparameters: dict[str, Any],
    ) -> None:
        """Upload every channel, then create the job."""
        for channel in _channels(request, tuple(rows)):
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            kind = channel.get("ContentType", RECORDIO)
            table, hosts = rows[channel["ChannelName"]], request["ResourceConfig"]["InstanceCount"]
            raw = media_type(kind) in (CSV, PARQUET)
            label = "label" if "label" in table.columns and not raw else None
            features = None if raw else "features"
            write_channel(
                table, uri, kind, target=self.target, hosts=hosts, keyCol=None, labelCol=label, featuresCol=features
            )
        self.target.client("sagemaker").create_training_job(**request)


class SageMakerPySparkClient(TrainingClient):
    """The library's own estimator of the algorithm, unmodified, or its general one for an image of the user's."""

    name = "sagemaker-pyspark"

    def check(self, request: dict[str, Any], written: tuple[str, ...]) -> None:
        """Check that the library has an argument for everything in the request."""
        check_expressible(request, len(written))
        if self.algorithm is None:
            return
        region = self.target.region
        if region not in LIBRARY_REGIONS:
            raise ConfigError(
                f"sagemaker.region: sagemaker-pyspark knows {', '.join(LIBRARY_REGIONS)}, got {region}",
                "Set sagemaker.client: boto3.",
            )
        image = request["AlgorithmSpecification"].get("TrainingImage")
        if image != self.algorithm.image(region):
            raise ConfigError(
                f"sagemaker.image: sagemaker-pyspark's {self.algorithm.estimator} trains with "
                f"{self.algorithm.image(region)} only, got {image}",
                "Set sagemaker.client: boto3.",
            )

    def configure(self, spark: SparkSession) -> None:
        """Set the bucket's settings and the region, and check that the jars are there."""
        self.target.configure(spark)
        if self.algorithm is not None and self.algorithm.content_type == RECORDIO:
            _require_protobuf(spark)

    def submit(
        self,
        spark: SparkSession,
        request: dict[str, Any],
        rows: dict[str, DataFrame],
        hyperparameters: dict[str, Any],
    ) -> None:
        """Fit the library's estimator, which returns when the job has ended."""
        self.estimator(spark, request, hyperparameters).fit(rows[TRAIN])

    def estimator(self, spark: SparkSession, request: dict[str, Any], hyperparameters: dict[str, Any]) -> Any:
        """Return the library's estimator, set to make ``request``.

        Its package is imported here, after the session has its jars: its default arguments build clients.
        """
        import sagemaker_pyspark
        from sagemaker_pyspark import algorithms

        if self.target.emulator is not None:
            _poll_every(spark, LOCAL_POLL_SECONDS)
        arguments = self._arguments(spark, request)
        if self.algorithm is None:
            return self._general(sagemaker_pyspark, request, arguments)
        made = getattr(algorithms, self.algorithm.estimator)(
            region=self.target.region, trainingSparkDataFormat=self.algorithm.spark_format, **arguments
        )
        for name, value in hyperparameters.items():
            set_hyperparameter(made, name, value)
        return made

    def _general(self, library: Any, request: dict[str, Any], arguments: dict[str, Any]) -> Any:
        from sagemaker_pyspark.transformation.deserializers import XGBoostCSVRowDeserializer
        from sagemaker_pyspark.transformation.serializers import UnlabeledCSVRequestRowSerializer

        kind = request["InputDataConfig"][0].get("ContentType", RECORDIO)
        image = request["AlgorithmSpecification"]["TrainingImage"]
        return library.SageMakerEstimator(
            trainingImage=image,
            modelImage=image,
            # The library insists on them; scoring is ours.
            requestRowSerializer=UnlabeledCSVRequestRowSerializer(),
            responseRowDeserializer=XGBoostCSVRowDeserializer(),
            hyperParameters=dict(request.get("HyperParameters", {})),
            trainingSparkDataFormat=spark_format(kind),
            **arguments,
        )

    def _arguments(self, spark: SparkSession, request: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments that all of the library's estimators share."""
        from sagemaker_pyspark import EndpointCreationPolicy, IAMRole, S3DataPath
        from sagemaker_pyspark.NamePolicy import CustomNamePolicyFactory

        name, resources = request["TrainingJobName"], request["ResourceConfig"]
        (channel,) = request["InputDataConfig"]
        source, client = channel["DataSource"]["S3DataSource"], self.target.jvm_client
        return {
            "trainingInstanceType": resources["InstanceType"],
            "trainingInstanceCount": resources["InstanceCount"],
            "endpointInstanceType": resources["InstanceType"],
            "endpointInitialInstanceCount": 1,
            "sagemakerRole": IAMRole(request["RoleArn"]),
            "trainingInputS3DataPath": S3DataPath(*_above(source["S3Uri"], name)),
            "trainingOutputS3DataPath": S3DataPath(*_above(request["OutputDataConfig"]["S3OutputPath"], name)),
            "trainingInstanceVolumeSizeInGB": resources["VolumeSizeInGB"],
            "trainingChannelName": channel["ChannelName"],
            "trainingContentType": channel.get("ContentType"),
            "trainingS3DataDistribution": source["S3DataDistributionType"],
            "trainingInputMode": request["AlgorithmSpecification"]["TrainingInputMode"],
            "trainingCompressionCodec": channel.get("CompressionType"),
            "trainingMaxRuntimeInSeconds": request["StoppingCondition"]["MaxRuntimeInSeconds"],
            "trainingKmsKeyId": request["OutputDataConfig"].get("KmsKeyId"),
            "endpointCreationPolicy": EndpointCreationPolicy.DO_NOT_CREATE,
            "sagemakerClient": client(spark, "com.amazonaws.services.sagemaker.AmazonSageMakerClientBuilder"),
            "s3Client": client(spark, "com.amazonaws.services.s3.AmazonS3ClientBuilder"),
            "stsClient": client(spark, "com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder"),
            # The library deletes by a bare prefix, which can take a sibling's data; see resources.delete_below.
            "deleteStagingDataAfterTraining": False,
            "namePolicyFactory": CustomNamePolicyFactory(name, name, name, name),
        }


CLIENTS: dict[str, type[TrainingClient]] = {client.name: client for client in (SageMakerPySparkClient, Boto3Client)}


def spark_format(content_type: str) -> str:
    """Return the Spark data source that writes a content type.

    Raises
    ------
    ConfigError
        If none does.
    """
    kind = media_type(content_type)
    if kind not in SPARK_FORMATS:
        raise ConfigError(
            f"Sparring writes channels as {', '.join(SPARK_FORMATS)}, not as {kind!r}",
            "Choose one of them, or write the data yourself and give its uri in sagemaker.channels.",
        )
    return SPARK_FORMATS[kind]


def set_hyperparameter(estimator: Any, name: str, value: Any) -> None:
    """Set a hyperparameter of the library's estimator.

    It goes to the JVM's own Param: the Python side has ``lambda`` under a wrong name, and takes some numbers and
    flags as text only.
    """
    inner = estimator._java_obj
    param = inner.getParam(name)
    inner.set(param.w(_as_java(param, value)))


def _as_java(param: Any, value: Any) -> Any:
    """Return ``value`` as a JVM Param takes it: 1 is no double there, and text stands for flags."""
    kind = param.getClass().getSimpleName()
    if kind == "DoubleParam":
        return float(value)
    if kind in ("IntParam", "LongParam", "BooleanParam"):
        return value
    return as_text(value)


def _channels(request: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [channel for channel in request.get("InputDataConfig", []) if channel["ChannelName"] in names]


def _above(uri: str, name: str) -> tuple[str, str]:
    """Return bucket and key prefix without the last part, which the library adds: it is the job's name."""
    bucket, key = split_s3_uri(uri)
    assert key.endswith(f"/{name}"), key
    return bucket, key[: -len(name) - 1]


def _require_protobuf(spark: SparkSession) -> None:
    """Raise unless the classes that the library's RecordIO writer needs are there; its jar does not bring them."""
    from py4j.java_gateway import JavaClass

    jvm: Any = spark._jvm
    if not isinstance(jvm.com.google.protobuf.GeneratedMessage, JavaClass):
        raise PlatformError(
            "sagemaker-pyspark writes RecordIO with protobuf-java, which is not on Spark's class path",
            "Install Debian's libprotobuf-java or add com.google.protobuf:protobuf-java:3.21.12 to spark.jars.packages "
            "before Spark starts, or set sagemaker.client: boto3.",
        )


def _poll_every(spark: SparkSession, seconds: int) -> None:
    """Set how often the library asks for the job's status: its five seconds would outlast a local job."""
    jvm: Any = spark._jvm
    package = jvm.com.amazonaws.services.sagemaker.sparksdk
    module = getattr(package, "SageMakerEstimator$").__getattr__("MODULE$")
    interval = jvm.java.time.Duration.ofSeconds(seconds)
    getattr(module, "TrainingJobPollInterval_$eq")(interval)
