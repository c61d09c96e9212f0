"""Where SageMaker is: an AWS account, or the local emulator; and the clients of both languages.

The two differ in an address and credentials and in nothing else: whatever is true of the local one only sits
in the three methods that ask for ``self.emulator``.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sparring.errors import ConfigError, MissingDependencyError, PlatformError
from sparring.spark.jars import package_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sparring.config.schema import SageMakerConfig

S3A_KEYS = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
# From SageMaker's API reference, type RoleArn.
ROLE_PATTERN = re.compile(r"^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$")


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of a local emulator."""

    url: str
    access_key: str
    secret_key: str


class Emulator(Protocol):
    """What is asked of an emulator that runs."""

    endpoint_url: str
    access_key: str
    secret_key: str
    role_arn: str
    bucket: str
    region: str


@dataclass(frozen=True)
class AwsTarget:
    """An account to train in.

    Attributes
    ----------
    role : str
        ARN of the execution role.
    bucket : str
        Bucket for data and models.
    prefix : str
        Key prefix within the bucket, without slashes at its ends; may be empty.
    region : str
    emulator : Endpoint or None
        The local emulator; None on AWS, where clients find addresses and credentials themselves.
    """

    role: str
    bucket: str
    prefix: str
    region: str
    emulator: Endpoint | None = None

    @classmethod
    def on_aws(cls, config: SageMakerConfig) -> AwsTarget:
        """Return the account that the configuration names.

        Raises
        ------
        ConfigError
            If role, bucket or region is missing or the role is no ARN of a role.
        """
        if config.role is None or config.bucket is None or config.region is None:
            raise ConfigError("sagemaker: role, bucket and region are missing", "Set them, or train locally.")
        if not ROLE_PATTERN.fullmatch(config.role):
            raise ConfigError(
                f"sagemaker.role must be an ARN such as arn:aws:iam::123456789012:role/NAME, got {config.role!r}",
                "Copy the ARN of the execution role from IAM.",
            )
        bucket, _, prefix = config.bucket.removeprefix("s3://").partition("/")
        return cls(config.role, bucket, prefix.strip("/"), config.region)

    @classmethod
    def on(cls, aws: Emulator) -> AwsTarget:
        """Return the local emulator as a target."""
        emulator = Endpoint(aws.endpoint_url, aws.access_key, aws.secret_key)
        return cls(aws.role_arn, aws.bucket, "", aws.region, emulator)

    def key(self, *parts: str) -> str:
        """Return a key below the prefix."""
        return "/".join([*([self.prefix] if self.prefix else []), *parts])

    def to_json(self) -> str:
        """Return the target as JSON, for a Param; on AWS it holds no secret."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> AwsTarget:
        """Return the target that :meth:`to_json` wrote."""
        value = json.loads(text)
        emulator = value.pop("emulator")
        return cls(**value, emulator=Endpoint(**emulator) if emulator else None)

    def s3a_settings(self) -> dict[str, str]:
        """Return Hadoop's settings of this bucket, and of no other one."""
        settings = {"endpoint.region": self.region}
        if self.emulator is not None:
            settings |= {
                "endpoint": self.emulator.url,
                "path.style.access": "true",
                "connection.ssl.enabled": "false",
                "aws.credentials.provider": S3A_KEYS,
                "access.key": self.emulator.access_key,
                "secret.key": self.emulator.secret_key,
            }
        return {f"fs.s3a.bucket.{self.bucket}.{name}": value for name, value in settings.items()}

    def require_reach(self, spark: SparkSession) -> None:
        """Raise :class:`PlatformError` if ``spark`` is a cluster, which cannot reach a local emulator."""
        if self.emulator is None:
            return
        master = str(spark.conf.get("spark.master", ""))
        if not master.startswith("local"):
            raise PlatformError(
                f"The local emulator of SageMaker serves this machine only, Spark runs on {master}",
                "Set sagemaker.role, bucket and region, or leave the sagemaker contenders out.",
            )

    def configure(self, spark: SparkSession) -> None:
        """Make ``spark`` ready for ``sagemaker-pyspark``: settings of the bucket, region of the AWS SDK.

        It must come before the first import of ``sagemaker_pyspark``, whose default arguments build clients.

        Raises
        ------
        PlatformError
            If the session lacks the hand-off's jars, or is a cluster that cannot reach a local emulator.
        """
        self.require_reach(spark)
        from py4j.java_gateway import JavaClass

        jvm: Any = spark._jvm
        if not isinstance(jvm.com.amazonaws.services.sagemaker.sparksdk.IAMRole, JavaClass):
            raise PlatformError(
                "This Spark session was started without the jars of sagemaker-pyspark",
                "Start Spark with --jars and the files that 'python -m sparring.spark.jars FOLDER' copies.",
            )
        jvm.java.lang.System.setProperty("aws.region", self.region)
        hadoop = spark.sparkContext._jsc.hadoopConfiguration()
        for name, value in self.s3a_settings().items():
            hadoop.set(name, value)

    def boto3_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of every boto3 client."""
        arguments: dict[str, Any] = {"region_name": self.region}
        if self.emulator is None:
            return arguments
        return arguments | {
            "endpoint_url": self.emulator.url,
            "aws_access_key_id": self.emulator.access_key,
            "aws_secret_access_key": self.emulator.secret_key,
        }

    def client(self, service: str, **config: Any) -> Any:
        """Return a boto3 client; throttled and failed requests are tried again with jitter."""
        if package_folder("boto3") is None:
            raise MissingDependencyError(
                "The SageMaker hand-off needs the package boto3, which is not installed",
                "Run: pip install 'sparring[sagemaker]'",
            )
        import boto3
        from botocore.config import Config

        settings = {"retries": {"mode": "standard", "max_attempts": 6}, **config}
        return boto3.client(service, config=Config(**settings), **self.boto3_arguments())

    def jvm_client(self, spark: SparkSession, builder_class: str) -> Any:
        """Return an AWS SDK client of the JVM.

        Parameters
        ----------
        spark : SparkSession
            With the hand-off's jars.
        builder_class : str
            Such as ``"com.amazonaws.services.s3.AmazonS3ClientBuilder"``.
        """
        jvm: Any = spark._jvm
        builder = _java_class(jvm, builder_class).standard()
        if self.emulator is None:
            return builder.withRegion(self.region).build()
        address = _java_class(jvm, "com.amazonaws.client.builder.AwsClientBuilder$EndpointConfiguration")
        keys = jvm.com.amazonaws.auth.BasicAWSCredentials(self.emulator.access_key, self.emulator.secret_key)
        builder = builder.withEndpointConfiguration(address(self.emulator.url, self.region))
        builder = builder.withCredentials(jvm.com.amazonaws.auth.AWSStaticCredentialsProvider(keys))
        if builder_class.endswith("AmazonS3ClientBuilder"):
            builder = builder.withPathStyleAccessEnabled(True)
        return builder.build()


def _java_class(jvm: Any, name: str) -> Any:
    """Return a class of the JVM by its name; nested ones too."""
    package, _, simple = name.rpartition(".")
    node = jvm
    for part in package.split("."):
        node = getattr(node, part)
    return getattr(node, simple)
