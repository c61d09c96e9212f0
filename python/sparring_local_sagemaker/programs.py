"""What an image URI runs locally: a registered image of the user's, script mode, or a built-in algorithm."""

from __future__ import annotations

import fnmatch
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import sparring
import sparring_local_sagemaker
from sparring_local_sagemaker.images import find_image, refusal
from sparring_local_sagemaker.settings import read_settings

# Programs of ours find their packages wherever this process has them.
OWN_ROOTS = [str(Path(str(package.__file__)).parents[1]) for package in (sparring, sparring_local_sagemaker)]
OWN_PATH = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(OWN_ROOTS))}
SCRIPT_MODE = "sparring.container.script_mode"
# Repositories of AWS's framework images; the versions are this machine's.
FRAMEWORKS = {
    "huggingface-pytorch-inference",
    "huggingface-pytorch-training",
    "pytorch-inference",
    "pytorch-training",
    "sagemaker-scikit-learn",
    "sagemaker-xgboost",
    "scikit-learn",
    "tensorflow-inference",
    "tensorflow-training",
    "xgboost",
}


class RegisteredImage(BaseModel):
    """An image of the user's own and the commands that do what its programs do."""

    model_config = ConfigDict(extra="forbid")

    uri: str = Field(description="Image URI; * and ? match any characters")
    train: list[str] | None = Field(None, min_length=1, description="Command of the training program")
    serve: list[str] | None = Field(None, min_length=1, description="Command of the serving program")
    environment: dict[str, str] = Field(default_factory=dict, description="Added to the program's environment")
    isolate: bool = Field(False, description="Give the program a real /opt/ml of its own (Linux, as root)")


class ImageFile(BaseModel):
    """What ``--images`` names."""

    model_config = ConfigDict(extra="forbid")

    images: list[RegisteredImage]


@dataclass(frozen=True)
class Recipe:
    """A command to run in place of an image's program."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    isolate: bool = False


class Images:
    """The images that run locally.

    Parameters
    ----------
    registered : list of RegisteredImage
        Looked at first, in order.
    """

    def __init__(self, registered: list[RegisteredImage] | None = None) -> None:
        self.registered = registered or []

    @classmethod
    def read(cls, path: str | None) -> Images:
        """Return the images of a YAML file, or of the text itself; only those that need none when ``path`` is None.

        Raises
        ------
        ConfigError
            If the file cannot be read or is not as :class:`ImageFile` says.
        """
        if path is None:
            return cls()
        return cls(read_settings(ImageFile, path).images)

    def find(self, uri: str, program: str, settings: Mapping[str, str]) -> Recipe:
        """Return what runs as ``program`` (train or serve) of the image ``uri``.

        Parameters
        ----------
        settings : mapping of str to str
            A job's hyperparameters or a container's environment: they may ask for script mode.

        Raises
        ------
        RuntimeError
            If nothing here stands in for the image.
        """
        for image in self.registered:
            if fnmatch.fnmatchcase(uri, image.uri):
                command = image.train if program == "train" else image.serve
                if command is None:
                    raise RuntimeError(f"AlgorithmError: image {uri} is registered without a {program} command")
                return Recipe(command, image.environment, image.isolate)
        image_found = find_image(uri)
        variables = {"SPARRING_IMAGE_TAG": image_found.tag, **OWN_PATH}
        # An inference image runs the model's own code/inference.py unless another program is named.
        inferring = program == "serve" and image_found.repository.endswith("-inference")
        if image_found.repository in FRAMEWORKS and (inferring or asks_for_script_mode(settings)):
            return Recipe([sys.executable, "-m", SCRIPT_MODE, program], variables)
        if image_found.module is None:
            raise RuntimeError(refusal(uri or "(none)"))
        return Recipe(image_found.command(program), variables)


def asks_for_script_mode(settings: Mapping[str, str]) -> bool:
    """Return whether a job's hyperparameters or a container's environment name a script.

    Examples
    --------
    >>> asks_for_script_mode({"sagemaker_program": '"train.py"'})
    True
    """
    named = settings.get("sagemaker_program") or settings.get("SAGEMAKER_PROGRAM") or ""
    try:
        return bool(json.loads(named))
    except ValueError:
        return bool(named)
