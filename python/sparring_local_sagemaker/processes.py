"""Container programs as local processes, each in a process group of its own that can be ended as a whole."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sparring_local_sagemaker import watchdog
from sparring_local_sagemaker.programs import Recipe

GRACE_SECONDS = 120.0


# What a program needs to know of the machine that it runs on; the mark is by which the watchdog finds it.
PASSED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", watchdog.TOKEN_VARIABLE)


def container_variables(base: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return what a program finds in its environment: nothing of the user's shell, as on AWS.

    It has a home of its own, and nobody may tell it another tree than its own.
    """
    of_machine = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {**of_machine, "HOME": str(home(base)), **environment, "SAGEMAKER_BASE_DIR": str(base)}


def home(base: Path) -> Path:
    """Return the home folder of the program whose tree is ``base``."""
    return base.parent / f"{base.name}-home"


@dataclass(frozen=True)
class Launch:
    """How a program starts.

    Attributes
    ----------
    recipe : Recipe
        What runs.
    base : Path
        The container's ``/opt/ml``.
    log : Path
        Receives what it prints.
    environment : dict of str to str
        Wins over the recipe's.
    memory_bytes : int or None
        Private memory that a process of the program may have.
    """

    recipe: Recipe
    base: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    memory_bytes: int | None = None

    def command(self) -> list[str]:
        """Return the command, in a mount namespace of its own where the recipe asks for one."""
        if not self.recipe.isolate:
            return self.recipe.command
        try:
            from sparring.container.isolation import isolated
        except ImportError as error:
            raise RuntimeError("AlgorithmError: this build of Sparring cannot isolate /opt/ml") from error
        wrapped: list[str] = isolated(self.recipe.command, self.base)
        return wrapped

    def run(self, **more: str) -> Program:
        """Start the program, with ``more`` in its environment."""
        environment = {**self.recipe.environment, **self.environment, **more}
        return Program(self.command(), self.base, environment, self.log, self.memory_bytes)

    def clear(self) -> None:
        """Delete what the program had and left on the disk, but for its log."""
        clear(self.base)


def clear(base: Path) -> None:
    """Delete a program's tree and its home."""
    for folder in (base, home(base)):
        shutil.rmtree(folder, ignore_errors=True)


class Program:
    """A running container program, whatever its command.

    Parameters
    ----------
    command : list of str
    base : Path
        The container's ``/opt/ml``.
    environment : dict of str to str
    log : Path
        Receives what it prints.
    memory_bytes : int, optional
        Private memory that a process of the program may have.
    """

    def __init__(
        self, command: list[str], base: Path, environment: dict[str, str], log: Path, memory_bytes: int | None = None
    ) -> None:
        for folder in (log.parent, home(base)):
            folder.mkdir(parents=True, exist_ok=True)
        self._settled = False
        with log.open("ab") as prints:
            self.process = subprocess.Popen(
                command,
                cwd=base,
                env=container_variables(base, environment),
                stdin=subprocess.DEVNULL,
                stdout=prints,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if memory_bytes is not None and hasattr(resource, "prlimit"):
            # Before it can have started others: they inherit the limit.  Shared and reserved pages do not count.
            with suppress(ProcessLookupError):
                resource.prlimit(self.process.pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))

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

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process group."""
        self._signal(signal.SIGTERM)

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """Ask the process group to end, and kill it after ``grace`` seconds."""
        self.ask_to_end()
        try:
            self.wait(grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.wait()

    def _signal(self, number: int) -> None:
        if not self._settled:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
