"""The tree of a container: where everything lies below ``/opt/ml``, and laying it out as the platform does.

Source: Amazon SageMaker developer guide, "How Amazon SageMaker Provides Training Information".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BASE_VARIABLE = "SAGEMAKER_BASE_DIR"
DEFAULT_BASE = "/opt/ml"


@dataclass(frozen=True)
class Tree:
    """The folders and files of the contract.

    Attributes
    ----------
    base : Path
        ``/opt/ml``, or what ``SAGEMAKER_BASE_DIR`` says.
    """

    base: Path

    @classmethod
    def of_container(cls) -> Tree:
        """Return the tree of the container this runs in."""
        return cls(Path(os.environ.get(BASE_VARIABLE, DEFAULT_BASE)))

    @property
    def config(self) -> Path:
        """Folder of the three configuration files."""
        return self.base / "input" / "config"

    @property
    def data(self) -> Path:
        """Folder with a folder (File mode) or FIFOs (Pipe mode) a channel."""
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        """Folder whose content becomes ``model.tar.gz``, and where a serving program finds it again."""
        return self.base / "model"

    @property
    def code(self) -> Path:
        """Folder of the user's own source, in script mode."""
        return self.base / "code"

    @property
    def output_data(self) -> Path:
        """Folder whose content becomes ``output.tar.gz``."""
        return self.base / "output" / "data"

    @property
    def checkpoints(self) -> Path:
        """Folder that the platform restores before and synchronises while a job runs."""
        return self.base / "checkpoints"

    @property
    def failure(self) -> Path:
        """File whose first 1,024 characters become the job's FailureReason."""
        return self.base / "output" / "failure"


def lay_out(
    base: Path,
    hyperparameters: Mapping[str, object],
    channels: Mapping[str, Mapping[str, str]],
    hosts: Sequence[str] = ("algo-1",),
    current_host: str = "algo-1",
    interface: str = "lo",
) -> Tree:
    """Make an empty tree with its configuration files, as the platform does before it runs ``train``.

    Parameters
    ----------
    base : Path
        Becomes the container's ``/opt/ml``.
    hyperparameters : mapping
        Written as text, whatever they are: the platform knows strings only.
    channels : mapping of str to mapping
        Channel -> its entry in ``inputdataconfig.json``; what it leaves out has the platform's default.
    hosts : sequence of str, default ("algo-1",)
        All hosts of the job; written sorted.
    current_host : str, default "algo-1"
    interface : str, default "lo"
        Network interface between the hosts.

    Examples
    --------
    >>> tree = lay_out(Path("/tmp/ml"), {"eta": 0.1}, {"train": {"ContentType": "text/csv"}})  # doctest: +SKIP
    >>> tree.config.joinpath("hyperparameters.json").read_text()                               # doctest: +SKIP
    '{"eta": "0.1"}'
    """
    tree = Tree(base)
    for folder in (tree.config, tree.data, tree.model, tree.output_data, tree.checkpoints, tree.code):
        folder.mkdir(parents=True, exist_ok=True)
    entries = {name: _entry(config) for name, config in channels.items()}
    resources = {"current_host": current_host, "hosts": sorted(hosts), "network_interface_name": interface}
    files = {
        "hyperparameters.json": {name: str(value) for name, value in hyperparameters.items()},
        "inputdataconfig.json": entries,
        "resourceconfig.json": resources,
    }
    for name, value in files.items():
        (tree.config / name).write_text(json.dumps(value))
    for name, entry in entries.items():
        if entry["TrainingInputMode"] != "Pipe":
            (tree.data / name).mkdir(exist_ok=True)
    return tree


def _entry(config: Mapping[str, str]) -> dict[str, str]:
    return {
        "ContentType": "",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        **config,
    }
