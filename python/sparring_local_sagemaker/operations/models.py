"""CreateModel, DescribeModel, DeleteModel, ListModels."""

from __future__ import annotations

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.named import Named
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record

LISTING = Listing("Models", "ModelName", ("ModelName", "ModelArn", "CreationTime"))


class Models(Named):
    """The models of one server."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, "model", "Model", LISTING)

    def check(self, request: Record) -> None:
        """Raise what AWS refuses beyond its service model, and what this stand-in lacks."""
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


def containers(model: Record) -> list[Record]:
    """Return the containers of a model in the order in which a request passes through them."""
    return model.get("Containers") or [model["PrimaryContainer"]]
