"""The section ``sagemaker``: where its contenders train, on what, and every member of a training job's request."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from sparring.config.section import Section

ClientName = Literal["sagemaker-pyspark", "boto3"]
InputMode = Literal["File", "FastFile", "Pipe"]


class ChannelConfig(Section):
    """One input channel: a part that Sparring writes (train, validation), or data that is in S3 already."""

    uri: str | None = Field(None, description="s3:// prefix of existing data; null: Sparring writes the part")
    data_type: Literal["S3Prefix", "ManifestFile", "AugmentedManifestFile"] = Field(
        "S3Prefix", description="what uri names"
    )
    attribute_names: list[str] = Field([], description="attributes to read of an augmented manifest")
    content_type: str | None = Field(None, description="MIME type; default: what the algorithm reads")
    input_mode: InputMode | None = Field(None, description="this channel's own input mode")
    distribution: Literal["auto", "FullyReplicated", "ShardedByS3Key"] = Field(
        "auto", description="auto: train is sharded over several instances, all else replicated"
    )
    compression: Literal["None", "Gzip"] | None = Field(None, description="of existing data, in Pipe mode")
    record_wrapper: Literal["None", "RecordIO"] | None = Field(None, description="RecordIO: wrap each file's bytes")
    shuffle_seed: int | None = Field(None, description="shuffles the order of files in each epoch")


class SpotConfig(Section):
    """Managed spot training."""

    enabled: bool = Field(False, description="train on spare capacity, which may be taken away")
    max_wait_seconds: int | None = Field(
        None, description="training and waiting together; default: twice max_runtime_seconds"
    )
    checkpoint_uri: str | None = Field(None, description="s3:// prefix; default: below the job's own, deleted with it")
    checkpoint_path: str | None = Field(None, description="in the container; default /opt/ml/checkpoints")


class NetworkConfig(Section):
    """Network of the training instances."""

    subnets: list[str] = Field([], description="of your VPC")
    security_groups: list[str] = Field([], description="of your VPC")
    isolation: bool = Field(False, description="no network inside the container")
    encrypt_traffic: bool = Field(False, description="encrypt traffic between instances")


class EncryptionConfig(Section):
    """KMS keys."""

    output_key: str | None = Field(None, description="KMS key of the model and the other output")
    volume_key: str | None = Field(None, description="KMS key of the instances' disks")


class SageMakerConfig(Section):
    """Where SageMaker contenders run: leave role, bucket and region out for the embedded local emulator."""

    role: str | None = Field(None, description="ARN of the execution role")
    bucket: str | None = Field(None, description="bucket (and prefix) for data and models")
    region: str | None = Field(None, description="AWS region")
    client: ClientName = Field(
        "sagemaker-pyspark", description="who makes the request; boto3 for what sagemaker-pyspark cannot express"
    )
    compute: Literal["auto", "cpu", "gpu"] = Field(
        "auto", description="chooses the training instance from conf/prices.yaml by family, rows and features"
    )
    instance_type: str | None = Field(None, pattern=r"^ml\.", description="training instance; null: by compute")
    instance_count: int = Field(1, ge=1, le=100, description="training instances")
    serving_instance_type: str = Field("ml.m5.xlarge", pattern=r"^ml\.", description="instance of the endpoint")
    volume_gb: int = Field(30, ge=1, le=16_384, description="disk of each training instance")
    max_runtime_seconds: int = Field(3_600, ge=1, le=2_419_200, description="SageMaker stops the job after this long")
    max_pending_seconds: int | None = Field(None, description="longest wait for capacity, 1800 to 2419200")
    deadline_seconds: int | None = Field(
        None, ge=1, description="Sparring stops the job this long after its creation; null: its limits and 600"
    )
    image: str | None = Field(None, description="training image; null: the algorithm's own of the region")
    input_mode: InputMode = Field("File", description="how channels are delivered")
    channels: dict[str, ChannelConfig] = Field({}, description="by name; train is always there")
    early_stopping_rounds: int | None = Field(
        None, ge=1, description="XGBoost: stop when the validation channel has not improved for so many rounds"
    )
    spot: SpotConfig = SpotConfig()
    network: NetworkConfig = NetworkConfig()
    encryption: EncryptionConfig = EncryptionConfig()
    output_compression: Literal["GZIP", "NONE"] | None = Field(None, description="of the model; null: SageMaker's own")
    keep_alive_seconds: int | None = Field(None, description="warm pool: keep instances for the next job, 0 to 21600")
    retry_attempts: int | None = Field(None, description="after internal server errors, 1 to 30")
    environment: dict[str, str] = Field({}, description="variables of the container")
    tags: dict[str, str] = Field({}, description="tags of the job")
    metrics: dict[str, str] = Field({}, description="name -> regular expression with one group, read from the log")
    request: dict[str, Any] = Field(
        {}, description="any other member of CreateTrainingJob in AWS's own names, laid over all the above"
    )

    @model_validator(mode="after")
    def _all_or_none(self) -> SageMakerConfig:
        missing = [name for name in ("role", "bucket", "region") if getattr(self, name) is None]
        if 0 < len(missing) < 3:
            raise ValueError(
                f"role, bucket and region go together; missing: {', '.join(missing)} (leave all out to run locally)"
            )
        return self

    @property
    def local(self) -> bool:
        """Whether the embedded local SageMaker is meant."""
        return self.role is None

    @property
    def written_channels(self) -> tuple[str, ...]:
        """Channels that Sparring fills: train, and those without a ``uri``."""
        given = [name for name, channel in self.channels.items() if channel.uri is None and name != "train"]
        return ("train", *given)
