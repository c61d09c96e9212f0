"""CreateModel, DescribeModel, DeleteModel, ListModels."""

from __future__ import annotations

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.listing import Listing
from sparring_local_sagemaker.operations.named import Named
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.state import Record

# The ways in which model data are read: files below a prefix, or one archive.
FORMS = (("S3Prefix", "None"), ("S3Object", "Gzip"))
LISTING = Listing("Models", "ModelName", ("ModelName", "ModelArn", "CreationTime"))


class Models(Named):
    """The models of one server."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, "model", "Model", LISTING)

    def check(self, request: Record) -> None:
        """Raise what AWS refuses beyond its service model, and what this emulator lacks."""
        if ("PrimaryContainer" in request) == ("Containers" in request):
            raise AwsError("ValidationException", "Specify exactly one of PrimaryContainer and Containers")
        for container in containers(request):
            _check_data(container)
            if "Image" not in container:
                raise AwsError("ValidationException", "A container needs an Image")
        if "ExecutionRoleArn" not in request:
            raise AwsError("ValidationException", "ExecutionRoleArn is required")
        self.platform.require_role(request["ExecutionRoleArn"])


def _check_data(container: Record) -> None:
    """Raise unless a container's model data are named once and in a way that is read here."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return
    if "ModelDataUrl" in container:
        raise AwsError("ValidationException", "Specify one of ModelDataUrl and ModelDataSource, not both")
    if (source["S3DataType"], source["CompressionType"]) not in FORMS:
        forms = " or ".join(f"S3DataType {kind} with CompressionType {packed}" for kind, packed in FORMS)
        raise AwsError("ValidationException", f"ModelDataSource.S3DataSource takes {forms}")


def containers(model: Record) -> list[Record]:
    """Return the containers of a model in the order in which a request passes through them."""
    return model.get("Containers") or [model["PrimaryContainer"]]
