"""Container programs as local processes, each in a process group of its own that can be ended as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 120.0


def container_variables(base: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return what a program finds in its environment; nobody may tell it another tree than its own."""
    return {**environment, "SAGEMAKER_BASE_DIR": str(base)}


class Program:
    """A running container program, whatever its command.

    Parameters
    ----------
    command : list of str
    base : Path
        The container's ``/opt/ml``.
    environment : dict of str to str
        Added to this process's own.
    log : Path
        Receives what it prints.
    """

    def __init__(self, command: list[str], base: Path, environment: dict[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._settled = False
        with log.open("ab") as prints:
            self.process = subprocess.Popen(
                command,
                cwd=base,
                env={**os.environ, **container_variables(base, environment)},
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.process.poll() is None

    def wait(self, seconds: float | None = None) -> int:
        """Return the exit code, once nothing of the group is left.

        Raises
        ------
        subprocess.TimeoutExpired
            After ``seconds``.
        """
        code = self.process.wait(seconds)
        self._signal(signal.SIGKILL)
        # From now on the group's number may be given to others.
        self._settled = True
        return code

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """Ask the process group to end, and kill it after ``grace`` seconds."""
        self._signal(signal.SIGTERM)
        try:
            self.wait(grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.wait()

    def _signal(self, number: int) -> None:
        if not self._settled:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
