"""The container contract: what a training program finds on its disk, and how a serving program answers."""

from sparring.sagemaker.container.serving import ContentError, serve
from sparring.sagemaker.container.training import TrainingEnvironment

__all__ = ["ContentError", "TrainingEnvironment", "serve"]
