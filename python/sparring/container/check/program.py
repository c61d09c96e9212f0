"""A program under test: started in a tree of its own, watched, asked to end, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from sparring.container.isolation import isolated
from sparring.container.tree import BASE_VARIABLE, DEFAULT_BASE

POLL_SECONDS = 0.01
LOG_BYTES = 4_096
MARK_VARIABLE = "SPARRING_CHECK"
# What an image has as well; nothing else of the shell's is there on AWS.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "JAVA_HOME")


def image_environment() -> dict[str, str]:
    """Return this process's variables that an image has as well."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}


class Program:
    """A running program, as a context that kills whatever is left of it.

    Parameters
    ----------
    command : list of str
    base : Path
        Its ``/opt/ml``.
    environment : dict of str to str
        All of its variables but where its tree is.
    isolate : bool
        Whether it finds ``base`` at ``/opt/ml``; else only in ``SAGEMAKER_BASE_DIR``.
    """

    def __init__(self, command: list[str], base: Path, environment: dict[str, str], isolate: bool) -> None:
        self.log = base.parent / f"{base.name}.log"
        self.started = time.monotonic()
        self.mark = uuid.uuid4().hex
        where = DEFAULT_BASE if isolate else str(base)
        with self.log.open("wb") as prints:
            self.process = subprocess.Popen(
                isolated(command, base) if isolate else command,
                env={**environment, BASE_VARIABLE: where, MARK_VARIABLE: self.mark},
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
        """Kill and reap the program, and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for one in self.processes():
            with suppress(psutil.Error):
                one.kill()
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

    def processes(self) -> list[psutil.Process]:
        """Return it and all that it started and that still run, also those that left its session."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return os.getsid(process.pid) == self.process.pid or process.environ().get(MARK_VARIABLE) == self.mark
        except (psutil.Error, OSError):
            return False

    def left_behind(self, seconds: float) -> list[str]:
        """Return the command lines of what still runs ``seconds`` after the program itself ended."""
        end = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        commands = []
        for one in left:
            with suppress(psutil.Error):
                commands.append(" ".join(one.cmdline())[:100])
        return commands

    def ports(self) -> set[str]:
        """Return the addresses on which it listens."""
        found = set()
        for one in self.processes():
            with suppress(psutil.Error):
                pairs = [c.laddr for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
                found |= {f"{address.ip}:{address.port}" for address in pairs}
        return found

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
        with self.log.open("rb") as prints:
            prints.seek(max(self.log.stat().st_size - LOG_BYTES, 0))
            lines = prints.read().decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it printed nothing"


def exit_text(code: int | None) -> str:
    """Return an exit code in words.

    Examples
    --------
    >>> exit_text(-9), exit_text(None)
    ('ended by signal 9', 'still running')
    """
    if code is None:
        return "still running"
    return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
