"""CreateEndpoint, UpdateEndpoint, UpdateEndpointWeightsAndCapacities, and Describe, Delete, List of endpoints."""

from __future__ import annotations

import time

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.endpoint_configs import EndpointConfigs
from sparring_local_sagemaker.operations.models import Models, containers
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.deployment import Deployment
from sparring_local_sagemaker.runtime.endpoint import Endpoint
from sparring_local_sagemaker.state import Record, Store

LISTING = Listing(
    "Endpoints",
    "EndpointName",
    ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
    status="EndpointStatus",
)


class Endpoints:
    """The endpoints of one server."""

    def __init__(self, platform: Platform, configs: EndpointConfigs, models: Models) -> None:
        self.platform, self.configs, self.models = platform, configs, models
        self.store = Store("endpoint", platform.state / "records" / "endpoints")
        self.endpoints: dict[str, Endpoint] = {}
        self.operations = {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": lambda request: self.found(request["EndpointName"]).describe(),
            "UpdateEndpoint": self.update,
            "UpdateEndpointWeightsAndCapacities": self.adjust,
            "DeleteEndpoint": self.delete,
            "ListEndpoints": lambda request: LISTING.page(self.store, request),
        }

    def resume(self) -> None:
        """Start the endpoints that an earlier server of this state had."""
        for record in self.store:
            self._start(record)

    def found(self, name: str) -> Endpoint:
        """Return the endpoint of that name, or raise as AWS does."""
        if name not in self.endpoints:
            self.store.found(name)
            raise AwsError("ValidationException", f'Could not find endpoint "{self.store.arn(name)}".')
        return self.endpoints[name]

    def invoked(self, name: str) -> Endpoint:
        """Return the endpoint that an invocation names, or raise as AWS's runtime does."""
        if name not in self.endpoints:
            raise AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        return self.endpoints[name]

    def create(self, request: Record) -> Record:
        """CreateEndpoint."""
        name = request["EndpointName"]
        with self.platform.lock:
            self.store.refuse_twice(name)
            self._check(request["EndpointConfigName"])
            record = {
                "EndpointName": name,
                "EndpointArn": self.store.arn(name),
                "EndpointConfigName": request["EndpointConfigName"],
                "CreationTime": time.time(),
            }
            with self.platform.tags.of_new(self.store.arn(name), request.get("Tags", [])):
                self._start(record)
        return {"EndpointArn": self.store.arn(name)}

    def _check(self, config: str) -> None:
        """Raise as AWS does unless the configuration and its models are there."""
        for variant in self.configs.store.found(config)["ProductionVariants"]:
            self.models.store.found(variant["ModelName"])

    def _start(self, record: Record) -> None:
        name = record["EndpointName"]
        endpoint = Endpoint(self.platform, self.store, record, lambda config: self._deployment(name, config))
        endpoint.start()
        self.endpoints[name] = endpoint

    def _deployment(self, name: str, config: str) -> Deployment:
        folder = self.platform.state / "endpoints" / f"{name}-{time.time_ns()}"
        return Deployment(self.platform, name, self.configs.store.found(config), self._containers, folder)

    def _containers(self, model: str) -> list[Record]:
        return containers(self.models.store.found(model))

    def update(self, request: Record) -> Record:
        """UpdateEndpoint."""
        endpoint = self.found(request["EndpointName"])
        self._check(request["EndpointConfigName"])
        endpoint.update(request["EndpointConfigName"])
        return {"EndpointArn": self.store.arn(endpoint.name)}

    def adjust(self, request: Record) -> Record:
        """UpdateEndpointWeightsAndCapacities."""
        endpoint = self.found(request["EndpointName"])
        endpoint.adjust(request["DesiredWeightsAndCapacities"])
        return {"EndpointArn": self.store.arn(endpoint.name)}

    def delete(self, request: Record) -> Record:
        """DeleteEndpoint: the answer comes when its processes have ended; meanwhile it is Deleting."""
        endpoint = self.found(request["EndpointName"])
        endpoint.delete()
        with self.platform.lock:
            if self.endpoints.pop(endpoint.name, None) is not None:
                self.store.delete(endpoint.name)
        self.platform.tags.remove(self.store.arn(endpoint.name))
        return {}

    def shut_down(self) -> None:
        """End every process; the records stay."""
        for endpoint in self.endpoints.values():
            endpoint.delete()
