"""A real-time endpoint for as long as it is needed: created step by step, always deleted in reverse order."""

from __future__ import annotations

import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING

from sparring.errors import SageMakerError
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, poll_seconds
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainedModel

if TYPE_CHECKING:
    from sparring.config.schema import SageMakerConfig

START_SECONDS = 1_800.0


class RealTimeEndpoint:
    """Model, endpoint configuration and endpoint of a trained model, as a context.

    Each resource is recorded before it is created: whatever interrupts it, nothing stays.

    Parameters
    ----------
    target : AwsTarget
    model : TrainedModel
    config : SageMakerConfig
        Its ``serving_instance_type``.
    registry : ResourceRegistry, optional
        Where the resources are recorded.

    Examples
    --------
    >>> with RealTimeEndpoint(target, model, config) as name:       # doctest: +SKIP
    ...     EndpointModel(endpointName=name)
    """

    def __init__(
        self, target: AwsTarget, model: TrainedModel, config: SageMakerConfig, registry: ResourceRegistry | None = None
    ) -> None:
        self.target, self.model, self.config = target, model, config
        # One model may be deployed twice at a time; neither may delete the other's.
        self.name = f"{model.job[:54]}-{uuid.uuid4().hex[:8]}"
        self._registry = registry or ResourceRegistry(target)
        self._client = target.client("sagemaker")

    def __enter__(self) -> str:
        """Create the endpoint, wait until it is in service, and return its name."""
        try:
            self._create()
        except BaseException:
            self._delete()
            raise
        return self.name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete endpoint, configuration and model."""
        self._delete()

    def _create(self) -> None:
        name, client, record = self.name, self._client, self._registry.record
        record(MODEL, name)
        container = {"Image": self.model.image, "ModelDataUrl": self.model.model_data}
        client.create_model(ModelName=name, ExecutionRoleArn=self.target.role, PrimaryContainer=container)
        record(ENDPOINT_CONFIG, name)
        variant = {
            "VariantName": "all",
            "ModelName": name,
            "InstanceType": self.config.serving_instance_type,
            "InitialInstanceCount": 1,
        }
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        record(ENDPOINT, name)
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self._wait(name)

    def _delete(self) -> None:
        self._registry.clean_up((MODEL, ENDPOINT_CONFIG, ENDPOINT))

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = self._client.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] == "InService":
                return
            if found["EndpointStatus"] == "Failed":
                reason = found.get("FailureReason", "no reason given")
                raise SageMakerError(f"Endpoint {name} failed: {reason}", "See the endpoint's log.")
            time.sleep(poll_seconds(self.target))
        raise SageMakerError(
            f"Endpoint {name} was not in service after {START_SECONDS:.0f} seconds", "See the endpoint's log."
        )
