"""The one door to the emulator: the package ``sparring_local_sagemaker``, which knows nothing of this one's stages."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from sparring.sagemaker.target import AwsTarget
from sparring_local_sagemaker import LocalAws
from sparring_local_sagemaker.cli import application

if TYPE_CHECKING:
    from sparring.config.schema import SageMakerConfig

__all__ = ["application", "open_target", "planned_target"]


def open_target(config: SageMakerConfig, resources: ExitStack) -> AwsTarget:
    """Return the account that is configured, or an emulator that ends with ``resources``."""
    if not config.local:
        return AwsTarget.on_aws(config)
    return AwsTarget.on(resources.enter_context(LocalAws()))


def planned_target(config: SageMakerConfig) -> AwsTarget:
    """Return the account that is configured, or what an emulator would be; nothing is started."""
    if not config.local:
        return AwsTarget.on_aws(config)
    return AwsTarget(LocalAws.role_arn, "sparring-local", "", LocalAws.region)
