"""The training side of the contract: configuration files, channels, model folder, stopping, failure file.

Source: Amazon SageMaker developer guide, "How Amazon SageMaker Runs Your Training Image".
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from sparring.container.tree import BASE_VARIABLE, DEFAULT_BASE, Tree

__all__ = ["BASE_VARIABLE", "DEFAULT_BASE", "TrainingEnvironment", "TrainingStopped", "run_training"]

FAILURE_CHARACTERS = 1_024
# What a shell tells of a program that SIGTERM ended.
STOPPED_CODE = 128 + signal.SIGTERM


class TrainingStopped(BaseException):
    """Raised inside a training program when the platform stops it (SIGTERM); 120 s later it is killed.

    No :class:`Exception`, so that a handler of errors does not swallow it.  Catch it to save a checkpoint or a
    model that is good enough, and raise it again.
    """


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
    hosts : list of str
        All hosts of the job, sorted.
    current_host : str
        This one.
    interface : str
        Network interface between the hosts.
    """

    base: Path
    hyperparameters: dict[str, str]
    channels: dict[str, dict[str, str]]
    hosts: list[str] = field(default_factory=lambda: ["algo-1"])
    current_host: str = "algo-1"
    interface: str = "lo"

    @classmethod
    def read(cls) -> TrainingEnvironment:
        """Return what is on the disk of this container.

        Raises
        ------
        ValueError
            If a configuration file is absent or not JSON; the message names it.
        """
        tree = Tree.of_container()
        # Run by hand, a container has no more than its hyperparameters.
        resources = _read(tree.config / "resourceconfig.json", optional=True)
        host = resources.get("current_host", "algo-1")
        return cls(
            tree.base,
            _read(tree.config / "hyperparameters.json"),
            # A job may have no channel, and then has no such file.
            _read(tree.config / "inputdataconfig.json", optional=True),
            sorted(resources.get("hosts", [host])),
            host,
            resources.get("network_interface_name", "eth0"),
        )

    @property
    def tree(self) -> Tree:
        """Where everything lies."""
        return Tree(self.base)

    @property
    def model(self) -> Path:
        """Folder whose content becomes ``model.tar.gz``."""
        return self.tree.model

    @property
    def checkpoints(self) -> Path:
        """Folder that survives an interruption: what an earlier try of this job saved is there."""
        return self.tree.checkpoints

    @property
    def rank(self) -> int:
        """Place of this host among all, from 0."""
        return self.hosts.index(self.current_host)

    @property
    def is_leader(self) -> bool:
        """Whether this is the first host, which writes what must be written once."""
        return self.rank == 0

    def files(self, channel: str) -> list[Path]:
        """Return the files of ``channel`` in the order of their names."""
        folder = self.tree.data / channel
        return sorted(path for path in folder.rglob("*") if path.is_file())

    @contextmanager
    def stream(self, channel: str, epoch: int = 0) -> Iterator[BinaryIO]:
        """Open the data of ``channel`` as one stream of bytes, from its FIFO in Pipe mode, else from its files.

        Parameters
        ----------
        channel : str
        epoch : int >= 0, default 0
            Each FIFO can be read once, in order; files can be read again.

        Raises
        ------
        ValueError
            If the job has no such channel.
        """
        if channel not in self.channels:
            raise ValueError(f"the job has no channel {channel!r}, only {', '.join(self.channels) or 'none'}")
        if self.channels[channel].get("TrainingInputMode") == "Pipe":
            with (self.tree.data / f"{channel}_{epoch}").open("rb") as fifo:
                yield fifo
            return
        with io.BufferedReader(_Joined(self.files(channel))) as joined:
            yield joined


class _Joined(io.RawIOBase):
    """Files read one after the other, as Pipe mode sends them."""

    def __init__(self, files: list[Path]) -> None:
        self._left = list(files)
        self._open: BinaryIO | None = None

    def readable(self) -> bool:
        """Return True: ``io`` asks before it buffers."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from the file that is open, or the next; return 0 after the last."""
        while True:
            if self._open is None:
                if not self._left:
                    return 0
                self._open = self._left.pop(0).open("rb")
            if data := self._open.read(len(buffer)):
                buffer[: len(data)] = data
                return len(data)
            self._open.close()
            self._open = None

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
        super().close()


def _read(path: Path, optional: bool = False) -> Any:
    if optional and not path.exists():
        return {}
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist: the platform writes it before it runs train") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def run_training(train: Callable[[TrainingEnvironment], None]) -> int:
    """Run ``train`` and return its exit code; an exception's message becomes ``output/failure``.

    On SIGTERM :class:`TrainingStopped` is raised inside ``train``; the exit code is then 143, and no failure is
    written, for a stopped job did not fail.
    """
    try:
        with _stoppable():
            train(TrainingEnvironment.read())
    except TrainingStopped:
        print("stopped by the platform", file=sys.stderr, flush=True)
        return STOPPED_CODE
    except Exception as error:
        traceback.print_exc()
        write_failure(str(error) or type(error).__name__)
        return 1
    sys.stdout.flush()
    return 0


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGTERM into an exception while the body runs; only a main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    # Asked once is enough: a second request must not interrupt the saving of a checkpoint.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise TrainingStopped


def write_failure(message: str) -> None:
    """Write ``output/failure``; the platform shows its first 1,024 characters."""
    failure = Tree(Path(os.environ.get(BASE_VARIABLE, DEFAULT_BASE))).failure
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(message)
