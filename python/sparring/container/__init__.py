"""The container contract: what a training program finds on its disk, and how a serving program answers."""

from sparring.container.media import AcceptError, BodyError, ContentError, RequestError, media_type, negotiate
from sparring.container.serving import run_serving, serve
from sparring.container.training import TrainingEnvironment, TrainingStopped, run_training

__all__ = [
    "AcceptError",
    "BodyError",
    "ContentError",
    "RequestError",
    "TrainingEnvironment",
    "TrainingStopped",
    "media_type",
    "negotiate",
    "run_serving",
    "run_training",
    "serve",
]
