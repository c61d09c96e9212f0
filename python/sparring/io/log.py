"""The log of a command: what a screen is spared - Spark's lines, warnings, tracebacks - in one file.

It grows in a temporary file, for the folder of a run may be anywhere and need not exist yet, and ends as ``log.txt`` in
that folder.  A program that uses Sparring as a library has no such log: its own logging stays as it is.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparring.io import storage

NAME = "log.txt"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger("sparring")


class CommandLog:
    """The log of the command that this process runs.

    Attributes
    ----------
    path : Path
        Where it grows.
    folder : str or None
        The run that it is of.
    """

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix="sparring-", suffix=".log")
        os.close(descriptor)
        self.path = Path(name)
        self.folder: str | None = None
        self.wanted = False

    def close(self) -> str | None:
        """Save the log in the run's folder, if there is one; return where it lies if somebody is to read it."""
        try:
            if self.folder is not None and storage.exists(self.folder):
                target = storage.join(self.folder, NAME)
                storage.write_bytes(target, self.path.read_bytes())
                self.path.unlink()
                return target.removeprefix("file:")
        except OSError:
            # A disk that is full, a store that is gone: the log is needed all the more.
            self.wanted = True
        if self.wanted:
            return str(self.path)
        self.path.unlink()
        return None


_current: CommandLog | None = None


@contextmanager
def command_log() -> Iterator[CommandLog]:
    """Have this process's logging, warnings included, and its JVM's output go to a file while the body runs."""
    global _current
    log = _current = CommandLog()
    handler = logging.FileHandler(log.path)
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield log
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
        _current = None


def belongs_to(folder: str) -> None:
    """Say that the command's log, if it has one, is of the run in ``folder``."""
    if _current is not None:
        _current.folder = folder


@contextmanager
def child_output() -> Iterator[dict[str, Any]]:
    """Give the arguments of :class:`subprocess.Popen` that send a child's output to the command's log, if any."""
    if _current is None:
        yield {}
        return
    with _current.path.open("ab") as file:
        yield {"stdout": file, "stderr": subprocess.STDOUT}


def last_line() -> str:
    """Return the last line of the command's log; an empty text where there is none."""
    text = _current.path.read_text(errors="replace").strip() if _current is not None else ""
    return text.splitlines()[-1][:300] if text else ""
