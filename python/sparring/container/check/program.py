"""A program under test: started in a tree of its own, watched, asked to end, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from sparring.container.isolation import isolated
from sparring.container.tree import BASE_VARIABLE, DEFAULT_BASE

POLL_SECONDS = 0.01


class Program:
    """A running program, as a context that kills whatever is left of it.

    Parameters
    ----------
    command : list of str
    base : Path
        Its ``/opt/ml``.
    environment : dict of str to str
        Added to this process's own.
    isolate : bool
        Whether it finds ``base`` at ``/opt/ml``; else only in ``SAGEMAKER_BASE_DIR``.
    """

    def __init__(self, command: list[str], base: Path, environment: dict[str, str], isolate: bool) -> None:
        self.log = base.parent / f"{base.name}.log"
        self.started = time.monotonic()
        where = DEFAULT_BASE if isolate else str(base)
        with self.log.open("wb") as prints:
            self.process = subprocess.Popen(
                isolated(command, base) if isolate else command,
                env={**os.environ, BASE_VARIABLE: where, **environment},
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the process group and reap the program."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self.started

    def wait(self, seconds: float) -> int | None:
        """Return its exit code, or None if it still runs after ``seconds``."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program alone, as the platform does to a container's first process."""
        self.process.send_signal(signal.SIGTERM)

    @property
    def catches_sigterm(self) -> bool:
        """Whether it has a handler: a container's first process without one never sees the signal.

        Linux tells it in ``/proc``; where there is none, it is taken for granted.
        """
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return not Path("/proc/self/status").exists()
        caught = next((line for line in text.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
        return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))

    def last_words(self) -> str:
        """Return the last line it printed."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it printed nothing"


def exit_text(code: int) -> str:
    """Return an exit code in words.

    Examples
    --------
    >>> exit_text(-9)
    'ended by signal 9'
    """
    return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
