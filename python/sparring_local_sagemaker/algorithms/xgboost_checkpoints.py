"""Checkpoints of XGBoost: the model after each round, so that an interrupted job goes on where it stopped.

Source: aws/sagemaker-xgboost-container, ``checkpointing.py`` (names and how many are kept).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import xgboost

PREFIX = "xgboost-checkpoint"
KEPT = 5


class Checkpoints:
    """The checkpoints in a folder; without the folder, which the platform makes, there are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rounds(self) -> list[int]:
        """Return the rounds that were saved, in order."""
        files = self.folder.glob(f"{PREFIX}.*") if self.folder.is_dir() else []
        return sorted(int(file.suffix[1:]) for file in files if file.suffix[1:].isdigit())

    def path(self, number: int) -> Path:
        """Return the file of one round."""
        return self.folder / f"{PREFIX}.{number}"

    def latest(self) -> tuple[xgboost.Booster | None, int]:
        """Return the last model and how many rounds it has."""
        saved = self.rounds()
        if not saved:
            return None, 0
        print(f"resuming from checkpoint {saved[-1]}", flush=True)
        return xgboost.Booster(model_file=bytearray(self.path(saved[-1]).read_bytes())), saved[-1] + 1

    def callbacks(self, done: int, leads: bool) -> Iterator[xgboost.callback.TrainingCallback]:
        """Yield what saves a checkpoint after each round, if checkpoints were asked for."""
        if self.folder.is_dir() and leads:
            yield _SaveCheckpoint(self, done)


class _SaveCheckpoint(xgboost.callback.TrainingCallback):
    def __init__(self, checkpoints: Checkpoints, done: int) -> None:
        self.checkpoints, self.done = checkpoints, done

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict) -> bool:
        """Save, and delete what is too old."""
        # Rounds are counted on from the model that training began with.
        _save(model, self.checkpoints.path(model.num_boosted_rounds() - 1))
        for number in self.checkpoints.rounds()[:-KEPT]:
            self.checkpoints.path(number).unlink(missing_ok=True)
        return False


class SaveEachRound(xgboost.callback.TrainingCallback):
    """Leaves a model after each round, for a job that is stopped."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def after_iteration(self, model: xgboost.Booster, epoch: int, evals_log: dict) -> bool:
        """Save and go on."""
        _save(model, self.file)
        return False


def _save(model: xgboost.Booster, file: Path) -> None:
    """Write a model whole or not at all: the process may be killed any time."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_bytes(model.save_raw("ubj"))
    unfinished.replace(file)
