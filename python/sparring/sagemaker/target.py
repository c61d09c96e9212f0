"""Where SageMaker is: an AWS account, or the local stand-in; and the clients of both languages.

The two differ in an address and credentials and in nothing else: whatever is true of the local one only sits
in the three methods that ask for ``self.stand_in``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparring.config.schema import SageMakerConfig
from sparring.errors import ConfigError, MissingDependencyError
from sparring.jars import package_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sparring.sagemaker.local import LocalAws

S3A_KEYS = "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider"
# From SageMaker's API reference, type RoleArn.
ROLE_PATTERN = re.compile(r"^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$")


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of a local stand-in."""

    url: str
    access_key: str
    secret_key: str


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
    stand_in : Endpoint or None
        The local stand-in; None on AWS, where clients find addresses and credentials themselves.
    """

    role: str
    bucket: str
    prefix: str
    region: str
    stand_in: Endpoint | None = None

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
        if not ROLE_PATTERN.match(config.role):
            raise ConfigError(
                "sagemaker.role must be an ARN such as arn:aws:iam::123456789012:role/NAME, "
                f"got {config.role!r}",
                "Copy the ARN of the execution role from IAM.",
            )
        bucket, _, prefix = config.bucket.removeprefix("s3://").partition("/")
        return cls(config.role, bucket, prefix.strip("/"), config.region)

    @classmethod
    def on(cls, aws: LocalAws) -> AwsTarget:
        """Return the local stand-in as a target."""
        stand_in = Endpoint(aws.endpoint_url, aws.access_key, aws.secret_key)
        return cls(aws.role_arn, aws.bucket, "", aws.region, stand_in)

    def key(self, *parts: str) -> str:
        """Return a key below the prefix."""
        return "/".join([*([self.prefix] if self.prefix else []), *parts])

    def spark_conf(self) -> dict[str, str]:
        """Return the Spark settings that the hand-off needs from the start of the JVM."""
        conf = {
            # The library's default arguments build clients as it is imported: they must find a region.
            "spark.driver.extraJavaOptions": f"-Daws.region={self.region}",
            "spark.hadoop.fs.s3a.endpoint.region": self.region,
        }
        if self.stand_in is None:
            return conf
        return conf | {
            "spark.hadoop.fs.s3a.endpoint": self.stand_in.url,
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
            "spark.hadoop.fs.s3a.aws.credentials.provider": S3A_KEYS,
            "spark.hadoop.fs.s3a.access.key": self.stand_in.access_key,
            "spark.hadoop.fs.s3a.secret.key": self.stand_in.secret_key,
        }

    def boto3_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of every boto3 client."""
        arguments: dict[str, Any] = {"region_name": self.region}
        if self.stand_in is None:
            return arguments
        return arguments | {
            "endpoint_url": self.stand_in.url,
            "aws_access_key_id": self.stand_in.access_key,
            "aws_secret_access_key": self.stand_in.secret_key,
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

        retries = {"mode": "standard", "max_attempts": 6}
        return boto3.client(service, config=Config(retries=retries, **config), **self.boto3_arguments())

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
        if self.stand_in is None:
            return builder.withRegion(self.region).build()
        address = _java_class(jvm, "com.amazonaws.client.builder.AwsClientBuilder$EndpointConfiguration")
        keys = jvm.com.amazonaws.auth.BasicAWSCredentials(self.stand_in.access_key, self.stand_in.secret_key)
        builder = builder.withEndpointConfiguration(address(self.stand_in.url, self.region))
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
