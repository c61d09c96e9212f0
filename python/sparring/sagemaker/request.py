"""From the configuration to CreateTrainingJob's request: one pure function, whoever sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparring.config.sagemaker import ChannelConfig, SageMakerConfig
from sparring.errors import ConfigError
from sparring.sagemaker.target import AwsTarget

TRAIN = "train"

# Member of the request -> the configuration's key; the longest fitting entry counts.
KEYS = {
    "AlgorithmSpecification.TrainingImage": "image",
    "AlgorithmSpecification.TrainingInputMode": "input_mode",
    "AlgorithmSpecification.MetricDefinitions": "metrics",
    "RoleArn": "role",
    "InputDataConfig": "channels",
    "OutputDataConfig.S3OutputPath": "bucket",
    "OutputDataConfig.KmsKeyId": "encryption.output_key",
    "OutputDataConfig.CompressionType": "output_compression",
    "ResourceConfig.InstanceType": "instance_type",
    "ResourceConfig.InstanceCount": "instance_count",
    "ResourceConfig.VolumeSizeInGB": "volume_gb",
    "ResourceConfig.VolumeKmsKeyId": "encryption.volume_key",
    "ResourceConfig.KeepAlivePeriodInSeconds": "keep_alive_seconds",
    "StoppingCondition.MaxRuntimeInSeconds": "max_runtime_seconds",
    "StoppingCondition.MaxWaitTimeInSeconds": "spot.max_wait_seconds",
    "StoppingCondition.MaxPendingTimeInSeconds": "max_pending_seconds",
    "VpcConfig.Subnets": "network.subnets",
    "VpcConfig.SecurityGroupIds": "network.security_groups",
    "EnableNetworkIsolation": "network.isolation",
    "EnableInterContainerTrafficEncryption": "network.encrypt_traffic",
    "EnableManagedSpotTraining": "spot.enabled",
    "CheckpointConfig.S3Uri": "spot.checkpoint_uri",
    "CheckpointConfig.LocalPath": "spot.checkpoint_path",
    "Environment": "environment",
    "Tags": "tags",
    "RetryStrategy": "retry_attempts",
}


@dataclass(frozen=True)
class JobSpec:
    """What a job trains, besides where and on what.

    Attributes
    ----------
    name : str
        Unique in the account and region.
    prefix : str
        Key prefix of all the job's objects, ending in a slash.
    image : str or None
        URI of the training image; the configuration's ``image`` wins over it.
    algorithm : str or None
        Name or ARN of an algorithm resource, such as a Marketplace one; instead of an image.
    content_type : str or None
        MIME type of what Sparring writes.
    hyperparameters : dict of str to str
    channels : tuple of str
        Channels that Sparring writes.
    environment, metrics : dict of str to str
        Added to the configuration's, which win.
    """

    name: str
    prefix: str
    image: str | None = None
    algorithm: str | None = None
    content_type: str | None = None
    hyperparameters: dict[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = (TRAIN,)
    environment: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)


def training_request(spec: JobSpec, config: SageMakerConfig, target: AwsTarget) -> dict[str, Any]:
    """Return CreateTrainingJob's request.

    Members that nobody asked for are left out, so that SageMaker's own defaults hold.

    Parameters
    ----------
    spec : JobSpec
    config : SageMakerConfig
        With an ``instance_type``: see :func:`sparring.sagemaker.compute.recommend_instance`.
    target : AwsTarget

    Examples
    --------
    >>> target = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "eu-west-1")
    >>> config = SageMakerConfig(instance_type="ml.m5.large", tags={"team": "fraud"})
    >>> request = training_request(JobSpec("job-1", "sparring/job-1/", image="image:1"), config, target)
    >>> request["Tags"], request["OutputDataConfig"]
    ([{'Key': 'team', 'Value': 'fraud'}], {'S3OutputPath': 's3://bucket/sparring/job-1/output/job-1'})
    """
    request = {
        "TrainingJobName": spec.name,
        "HyperParameters": dict(spec.hyperparameters),
        "AlgorithmSpecification": _algorithm(spec, config),
        "RoleArn": target.role,
        "InputDataConfig": [_channel(name, spec, config, target) for name in channel_names(spec, config)],
        "OutputDataConfig": {
            "S3OutputPath": f"s3://{target.bucket}/{spec.prefix}output/{spec.name}",
            "KmsKeyId": config.encryption.output_key,
            "CompressionType": config.output_compression,
        },
        "ResourceConfig": {
            "InstanceType": config.instance_type,
            "InstanceCount": config.instance_count,
            "VolumeSizeInGB": config.volume_gb,
            "VolumeKmsKeyId": config.encryption.volume_key,
            "KeepAlivePeriodInSeconds": config.keep_alive_seconds,
        },
        "StoppingCondition": {
            "MaxRuntimeInSeconds": config.max_runtime_seconds,
            "MaxPendingTimeInSeconds": config.max_pending_seconds,
        },
        "VpcConfig": {"Subnets": config.network.subnets, "SecurityGroupIds": config.network.security_groups},
        "EnableNetworkIsolation": config.network.isolation or None,
        "EnableInterContainerTrafficEncryption": config.network.encrypt_traffic or None,
        "Environment": {**spec.environment, **config.environment},
        "RetryStrategy": {"MaximumRetryAttempts": config.retry_attempts},
        "Tags": [{"Key": key, "Value": value} for key, value in config.tags.items()],
    }
    return _laid_over(_present(_laid_over(request, _spot(spec, config, target))), config.request)


def channel_names(spec: JobSpec, config: SageMakerConfig) -> list[str]:
    """Return all channels: those that Sparring writes, then those that are in S3 already."""
    return [*spec.channels, *(name for name in config.channels if name not in spec.channels)]


def written_uri(spec: JobSpec, channel: str, target: AwsTarget) -> str:
    """Return the ``s3://`` prefix that Sparring writes a channel to."""
    return f"s3://{target.bucket}/{spec.prefix}input/{channel}/{spec.name}"


def key_of(member: str) -> str:
    """Return the configuration's key of a member of the request, in words for an error.

    Examples
    --------
    >>> key_of("VpcConfig.Subnets"), key_of("ExperimentConfig.RunName")
    ('sagemaker.network.subnets', 'sagemaker.request.ExperimentConfig.RunName')
    """
    parts = member.split(".")
    for length in range(len(parts), 0, -1):
        key = KEYS.get(".".join(parts[:length]))
        if key is not None:
            return f"sagemaker.{key}"
    return f"sagemaker.request.{member}"


def _algorithm(spec: JobSpec, config: SageMakerConfig) -> dict[str, Any]:
    metrics = {**spec.metrics, **config.metrics}
    return {
        "TrainingImage": None if spec.algorithm else config.image or spec.image,
        "AlgorithmName": spec.algorithm,
        "TrainingInputMode": config.input_mode,
        "MetricDefinitions": [{"Name": name, "Regex": pattern} for name, pattern in metrics.items()],
    }


def _channel(name: str, spec: JobSpec, config: SageMakerConfig, target: AwsTarget) -> dict[str, Any]:
    channel = config.channels.get(name, ChannelConfig())
    written = name in spec.channels
    if channel.uri is None and not written:
        raise ConfigError(
            f"sagemaker.channels.{name} has no uri, and there is no part of that name to write",
            "Give it an s3:// uri, or the rows of that name.",
        )
    if channel.uri is not None and written:
        raise ConfigError(
            f"sagemaker.channels.{name}.uri is {channel.uri!r}, but its rows are written by Sparring",
            "Drop the uri, or name the channel otherwise.",
        )
    source = {
        "S3DataType": channel.data_type,
        "S3Uri": channel.uri or written_uri(spec, name, target),
        "S3DataDistributionType": _distribution(name, channel, config),
        "AttributeNames": channel.attribute_names,
    }
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        "ContentType": channel.content_type or (spec.content_type if written else None),
        "CompressionType": channel.compression,
        "RecordWrapperType": channel.record_wrapper,
        "InputMode": channel.input_mode,
        "ShuffleConfig": {"Seed": channel.shuffle_seed},
    }


def _distribution(name: str, channel: ChannelConfig, config: SageMakerConfig) -> str:
    if channel.distribution != "auto":
        return channel.distribution
    return "ShardedByS3Key" if name == TRAIN and config.instance_count > 1 else "FullyReplicated"


def _spot(spec: JobSpec, config: SageMakerConfig, target: AwsTarget) -> dict[str, Any]:
    if not config.spot.enabled:
        return {}
    below = f"s3://{target.bucket}/{spec.prefix}checkpoints/"
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxWaitTimeInSeconds": config.spot.max_wait_seconds or 2 * config.max_runtime_seconds},
        "CheckpointConfig": {
            "S3Uri": config.spot.checkpoint_uri or below,
            "LocalPath": config.spot.checkpoint_path,
        },
    }


def _present(value: Any) -> Any:
    """Return ``value`` without absent members: None, and structures and lists in which nothing is left."""
    if isinstance(value, dict):
        kept = {name: _present(member) for name, member in value.items()}
        return {name: member for name, member in kept.items() if member not in (None, {}, [])}
    if isinstance(value, list):
        return [_present(item) for item in value]
    return value


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return ``below`` with the members of ``above`` put over it, structures member by member."""
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _laid_over(merged[name], value) if both else value
    return merged
