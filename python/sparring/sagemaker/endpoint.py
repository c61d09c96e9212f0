"""A real-time endpoint for as long as it is needed: created step by step, always deleted in reverse order."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from sparring.config.schema import SageMakerConfig
from sparring.errors import SageMakerError
from sparring.sagemaker.target import AwsTarget
from sparring.sagemaker.training_job import TrainedModel

START_SECONDS = 1_800.0
POLL_SECONDS, LOCAL_POLL_SECONDS = 5.0, 0.1


class RealTimeEndpoint:
    """Model, endpoint configuration and endpoint of a trained model, as a context.

    Each deletion is registered before the resource is created: whatever interrupts it, nothing stays.

    Parameters
    ----------
    target : AwsTarget
    model : TrainedModel
    config : SageMakerConfig
        Its ``instance_type`` serves too.

    Examples
    --------
    >>> with RealTimeEndpoint(target, model, config) as name:       # doctest: +SKIP
    ...     EndpointModel(endpointName=name)
    """

    def __init__(self, target: AwsTarget, model: TrainedModel, config: SageMakerConfig) -> None:
        self.target, self.model, self.config = target, model, config
        # One model may be deployed twice at a time; neither may delete the other's.
        self.name = f"{model.job[:54]}-{uuid.uuid4().hex[:8]}"
        self._created = ExitStack()
        self._client = target.client("sagemaker")
        self._poll_seconds = POLL_SECONDS if target.stand_in is None else LOCAL_POLL_SECONDS

    def __enter__(self) -> str:
        """Create the endpoint, wait until it is in service, and return its name."""
        try:
            self._create()
        except BaseException:
            self._created.close()
            raise
        return self.name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete endpoint, configuration and model."""
        self._created.close()

    def _create(self) -> None:
        name, client = self.name, self._client
        self._on_exit(lambda: client.delete_model(ModelName=name))
        container = {"Image": self.model.image, "ModelDataUrl": self.model.model_data}
        client.create_model(ModelName=name, ExecutionRoleArn=self.target.role, PrimaryContainer=container)
        self._on_exit(lambda: client.delete_endpoint_config(EndpointConfigName=name))
        variant = {
            "VariantName": "all",
            "ModelName": name,
            "InstanceType": self.config.instance_type,
            "InitialInstanceCount": 1,
        }
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self._on_exit(lambda: client.delete_endpoint(EndpointName=name))
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self._wait(name)

    def _on_exit(self, delete: Callable[[], Any]) -> None:
        """Delete at the end; a resource that was never created is fine, a busy one is waited for."""

        def delete_if_there() -> None:
            deadline = time.monotonic() + START_SECONDS
            while not self._deleted(delete, last=time.monotonic() > deadline):
                time.sleep(self._poll_seconds)

        self._created.callback(delete_if_there)

    def _deleted(self, delete: Callable[[], Any], last: bool) -> bool:
        """Return whether nothing is left; a refusal means that the resource is still being created."""
        try:
            delete()
        except self._client.exceptions.ClientError as error:
            answer = error.response["Error"]
            if answer["Code"] == "ResourceNotFound" or "Could not find" in answer["Message"]:
                return True
            if answer["Code"] != "ValidationException" or last:
                raise
            return False
        return True

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = self._client.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] == "InService":
                return
            if found["EndpointStatus"] == "Failed":
                reason = found.get("FailureReason", "no reason given")
                raise SageMakerError(f"Endpoint {name} failed: {reason}", "See the endpoint's log.")
            time.sleep(self._poll_seconds)
        raise SageMakerError(
            f"Endpoint {name} was not in service after {START_SECONDS:.0f} seconds", "See the endpoint's log."
        )
