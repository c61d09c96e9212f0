"""CreateEndpointConfig, DescribeEndpointConfig, DeleteEndpointConfig, ListEndpointConfigs."""

from __future__ import annotations

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.models import Models
from sparring_local_sagemaker.operations.named import Named
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record

LISTING = Listing("EndpointConfigs", "EndpointConfigName", ("EndpointConfigName", "EndpointConfigArn", "CreationTime"))
MEMORY_STEPS = tuple(range(1_024, 6_145, 1_024))


class EndpointConfigs(Named):
    """The endpoint configurations of one server."""

    def __init__(self, platform: Platform, models: Models) -> None:
        super().__init__(platform, "endpoint-config", "EndpointConfig", LISTING)
        self.models = models

    def check(self, request: Record) -> None:
        """Raise what AWS refuses beyond its service model, and what this emulator lacks."""
        for variant in request["ProductionVariants"]:
            self.models.found(variant.get("ModelName", ""))
        _check(request)

    def record(self, request: Record) -> Record:
        """Return what is kept: each variant with its weight."""
        variants = [{"InitialVariantWeight": 1.0, **variant} for variant in request["ProductionVariants"]]
        return super().record(request) | {"ProductionVariants": variants}


def _check(request: Record) -> None:
    """Raise what AWS refuses beyond its service model, and what this emulator lacks."""
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise AwsError("ValidationException", f"Variant names must be unique, got {', '.join(names)}")
    serverless = [variant for variant in variants if "ServerlessConfig" in variant]
    for variant in variants:
        if variant in serverless:
            _check_serverless(variant, request)
        elif "InstanceType" not in variant or "InitialInstanceCount" not in variant:
            raise AwsError(
                "ValidationException",
                f"Variant {variant['VariantName']} needs InstanceType and InitialInstanceCount, or ServerlessConfig",
            )
    if sum(variant.get("InitialVariantWeight", 1.0) for variant in variants) <= 0:
        raise AwsError("ValidationException", "At least one variant needs a weight above 0")
    if "AsyncInferenceConfig" in request and "DataCaptureConfig" in request:
        raise AwsError(
            "ValidationException", "The local emulator of SageMaker has no DataCaptureConfig of asynchronous endpoints"
        )
    output = request.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    if "AsyncInferenceConfig" in request and not output.get("S3OutputPath", "").startswith("s3://"):
        raise AwsError("ValidationException", "AsyncInferenceConfig.OutputConfig.S3OutputPath must begin with s3://")


def _check_serverless(variant: Record, request: Record) -> None:
    config = variant["ServerlessConfig"]
    if len(request["ProductionVariants"]) > 1:
        raise AwsError("ValidationException", "A serverless endpoint has one production variant")
    if "InstanceType" in variant or "InitialInstanceCount" in variant:
        raise AwsError("ValidationException", "A serverless variant has neither InstanceType nor InitialInstanceCount")
    if config["MemorySizeInMB"] not in MEMORY_STEPS:
        steps = ", ".join(map(str, MEMORY_STEPS))
        raise AwsError("ValidationException", f"MemorySizeInMB must be one of {steps}, got {config['MemorySizeInMB']}")
    for member in ("DataCaptureConfig", "AsyncInferenceConfig"):
        if member in request:
            raise AwsError("ValidationException", f"A serverless endpoint has no {member}")
