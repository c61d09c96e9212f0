"""The training side of the contract: configuration files, channels, model folder, failure file.

Source: Amazon SageMaker developer guide, "How Amazon SageMaker Runs Your Training Image".
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BASE_VARIABLE = "SAGEMAKER_BASE_DIR"
DEFAULT_BASE = "/opt/ml"


@dataclass(frozen=True)
class TrainingEnvironment:
    """What the platform laid out for a training program.

    Attributes
    ----------
    base : Path
        ``/opt/ml``, or what ``SAGEMAKER_BASE_DIR`` says.
    hyperparameters : dict of str to str
    channels : dict of str to dict
        Channel -> its entry in ``inputdataconfig.json``, such as ``ContentType``.
    """

    base: Path
    hyperparameters: dict[str, str]
    channels: dict[str, dict[str, str]]

    @classmethod
    def read(cls) -> TrainingEnvironment:
        """Return what is on the disk of this container."""
        base = Path(os.environ.get(BASE_VARIABLE, DEFAULT_BASE))
        config = base / "input" / "config"
        return cls(
            base,
            json.loads((config / "hyperparameters.json").read_text()),
            json.loads((config / "inputdataconfig.json").read_text()),
        )

    @property
    def model(self) -> Path:
        """Folder whose content becomes ``model.tar.gz``."""
        return self.base / "model"

    def files(self, channel: str) -> list[Path]:
        """Return the files of ``channel`` in the order of their names."""
        folder = self.base / "input" / "data" / channel
        return sorted(path for path in folder.rglob("*") if path.is_file())


def run_training(train: Callable[[TrainingEnvironment], None]) -> int:
    """Run ``train`` and return its exit code; an exception's message becomes ``output/failure``."""
    try:
        train(TrainingEnvironment.read())
    except Exception as error:
        traceback.print_exc()
        failure = Path(os.environ.get(BASE_VARIABLE, DEFAULT_BASE)) / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(str(error))
        return 1
    sys.stdout.flush()
    return 0
