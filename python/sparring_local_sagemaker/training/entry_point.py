"""What a training job runs: the image's own ``train``, or the job's ContainerEntrypoint and ContainerArguments.

Source: Amazon SageMaker API reference, "AlgorithmSpecification".
"""

from __future__ import annotations

from sparring.container.isolation import require_isolation
from sparring.errors import PlatformError
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.programs import Images, Recipe
from sparring_local_sagemaker.state import Record

WHERE = "AlgorithmSpecification.ContainerEntrypoint"


def training_recipe(images: Images, image: str, request: Record) -> Recipe:
    """Return what a CreateTrainingJob request runs.

    Raises
    ------
    RuntimeError
        If nothing here stands in for the image.
    """
    algorithm = request["AlgorithmSpecification"]
    if "ContainerEntrypoint" not in algorithm:
        return images.find(image, "train", request.get("HyperParameters", {}))
    command = [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]
    return images.entry_point(image, command)


def check_entry_point(images: Images, image: str, request: Record) -> None:
    """Raise, before anything starts, what makes an entry point impossible here.

    Raises
    ------
    AwsError
        ``ValidationException``: for arguments without an entry point, and for an entry point where this machine
        cannot give it a ``/opt/ml``.
    """
    algorithm = request["AlgorithmSpecification"]
    if "ContainerArguments" in algorithm and "ContainerEntrypoint" not in algorithm:
        raise AwsError(
            "ValidationException",
            "AlgorithmSpecification.ContainerArguments without ContainerEntrypoint are for the entry point of the "
            "image, which the local emulator of SageMaker does not have: give ContainerEntrypoint as well",
        )
    try:
        if "ContainerEntrypoint" in algorithm and training_recipe(images, image, request).isolate:
            require_isolation()
    except PlatformError as error:
        raise AwsError("ValidationException", f"{WHERE} cannot run here. {error} {_WAY_OUT}") from error
    except RuntimeError:
        # An image that cannot run fails its job, as on AWS.
        return


_WAY_OUT = (
    "An entry point that needs no /opt/ml can run all the same: register its image with isolate: false and let it use "
    "SAGEMAKER_BASE_DIR."
)
