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
from sparring.container.framework import FRAMEWORK_VARIABLE, toolkit_folders
from sparring.container.isolation import can_isolate
from sparring_local_sagemaker.images import Image, find_image, refusal
from sparring_local_sagemaker.settings import read_settings

# Programs of ours find their packages wherever this process has them.
OWN_ROOTS = [str(Path(str(package.__file__)).parents[1]) for package in (sparring, sparring_local_sagemaker)]
OWN_PATH = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(OWN_ROOTS))}
SCRIPT_MODE = "sparring.container.script_mode"
TAG_VARIABLE = "SPARRING_IMAGE_TAG"
# Repositories of AWS's framework images, and the framework whose handlers serve where a script defines none;
# the versions are this machine's.
FRAMEWORKS = {
    "huggingface-pytorch-inference": "",
    "huggingface-pytorch-training": "",
    "pytorch-inference": "pytorch",
    "pytorch-training": "pytorch",
    "sagemaker-scikit-learn": "scikit-learn",
    "sagemaker-xgboost": "xgboost",
    "scikit-learn": "scikit-learn",
    "tensorflow-inference": "",
    "tensorflow-training": "",
    "xgboost": "xgboost",
}


class RegisteredImage(BaseModel):
    """An image of the user's own and the commands that do what its programs do."""

    model_config = ConfigDict(extra="forbid")

    uri: str = Field(description="Image URI; * and ? match any characters")
    train: list[str] | None = Field(None, min_length=1, description="Command of the training program")
    serve: list[str] | None = Field(None, min_length=1, description="Command of the serving program")
    environment: dict[str, str] = Field(default_factory=dict, description="Added to the program's environment")
    isolate: bool | None = Field(
        None,
        description="Give the programs a real /opt/ml of their own (Linux, as root); by default only to a "
        "ContainerEntrypoint, which knows no other place",
    )


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
        image = self._registered(uri)
        if image is not None:
            command = image.train if program == "train" else image.serve
            if command is None:
                raise RuntimeError(f"AlgorithmError: image {uri} is registered without a {program} command")
            return Recipe(command, image.environment, bool(image.isolate))
        found = find_image(uri)
        # An inference image runs the model's own code/inference.py unless another program is named.
        inferring = program == "serve" and found.repository.endswith("-inference")
        if found.repository in FRAMEWORKS and (inferring or asks_for_script_mode(settings)):
            # Many scripts name /opt/ml themselves; where it cannot be given them, SM_* variables still lead them right.
            return Recipe([sys.executable, "-m", SCRIPT_MODE, program], _framework_variables(found), can_isolate())
        if found.module is None:
            raise RuntimeError(refusal(uri or "(none)"))
        return Recipe(found.command(program), {TAG_VARIABLE: found.tag, **OWN_PATH})

    def entry_point(self, uri: str, command: list[str]) -> Recipe:
        """Return what runs ``command``, a job's ContainerEntrypoint and its arguments, in the image ``uri``.

        It is isolated unless the image is registered with ``isolate: false``: such commands name files below
        ``/opt/ml``.

        Raises
        ------
        RuntimeError
            If nothing here stands in for the image.
        """
        image = self._registered(uri)
        if image is not None:
            return Recipe(command, image.environment, image.isolate is not False)
        found = find_image(uri)
        if found.repository not in FRAMEWORKS and found.module is None:
            raise RuntimeError(refusal(uri or "(none)"))
        variables = _framework_variables(found)
        toolkits = toolkit_folders(variables[FRAMEWORK_VARIABLE])
        return Recipe(command, variables | {"PYTHONPATH": os.pathsep.join([*OWN_ROOTS, *toolkits])}, isolate=True)

    def _registered(self, uri: str) -> RegisteredImage | None:
        return next((image for image in self.registered if fnmatch.fnmatchcase(uri, image.uri)), None)


def _framework_variables(image: Image) -> dict[str, str]:
    """Return what a program of a framework's image finds: there, python and pip are those of the framework."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    framework = FRAMEWORKS.get(image.repository, "")
    return {TAG_VARIABLE: image.tag, FRAMEWORK_VARIABLE: framework, "PATH": path, **OWN_PATH}


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
