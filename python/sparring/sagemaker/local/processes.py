"""Container programs as local processes, each in a process group of its own that can be ended as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import IO

GRACE_SECONDS = 120.0


class Program:
    """A running container program.

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
        self._log: IO[bytes] = log.open("ab")
        self.process = subprocess.Popen(
            command,
            cwd=base,
            env={**os.environ, "SAGEMAKER_BASE_DIR": str(base), **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.process.poll() is None

    def wait(self, seconds: float | None = None) -> int:
        """Return the exit code; raise :class:`subprocess.TimeoutExpired` after ``seconds``."""
        code = self.process.wait(seconds)
        self._log.close()
        return code

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """Ask the process group to end, and kill it after ``grace`` seconds."""
        for request, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, None)):
            try:
                os.killpg(self.process.pid, request)
                self.process.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
