"""CreateModel, DescribeModel, DeleteModel, ListModels."""

from __future__ import annotations

import time

from sparring.sagemaker.local.listing import Listing
from sparring.sagemaker.local.model import AwsError
from sparring.sagemaker.local.platform import Platform
from sparring.sagemaker.local.state import Record, Store

LISTING = Listing("Models", "ModelName", ("ModelName", "ModelArn", "CreationTime"))


class Models:
    """The models of one server."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.store = Store("model", platform.state / "records" / "models")
        self.operations = {
            "CreateModel": self.create,
            "DescribeModel": lambda request: self.store.found(request["ModelName"]),
            "DeleteModel": self.delete,
            "ListModels": lambda request: LISTING.page(self.store, request),
        }

    def create(self, request: Record) -> Record:
        """CreateModel."""
        name = request["ModelName"]
        with self.platform.lock:
            self.store.refuse_twice(name)
            self._check(request)
            kept = {key: value for key, value in request.items() if key != "Tags"}
            self.store.put(name, kept | {"ModelArn": self.store.arn(name), "CreationTime": time.time()})
        self.platform.tags.add(self.store.arn(name), request.get("Tags", []))
        return {"ModelArn": self.store.arn(name)}

    def _check(self, request: Record) -> None:
        if ("PrimaryContainer" in request) == ("Containers" in request):
            raise AwsError("ValidationException", "Specify exactly one of PrimaryContainer and Containers")
        for container in containers(request):
            if container.get("Mode") == "MultiModel" or "ModelPackageName" in container:
                raise AwsError(
                    "ValidationException",
                    "The local stand-in of SageMaker serves containers of one model: no MultiModel, no model package",
                )
            if "Image" not in container:
                raise AwsError("ValidationException", "A container needs an Image")
        if "ExecutionRoleArn" not in request:
            raise AwsError("ValidationException", "ExecutionRoleArn is required")
        self.platform.require_role(request["ExecutionRoleArn"])

    def delete(self, request: Record) -> Record:
        """DeleteModel."""
        with self.platform.lock:
            self.store.delete(request["ModelName"])
        self.platform.tags.remove(self.store.arn(request["ModelName"]))
        return {}


def containers(model: Record) -> list[Record]:
    """Return the containers of a model in the order in which a request passes through them."""
    return model.get("Containers") or [model["PrimaryContainer"]]
