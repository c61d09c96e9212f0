"""What a command says when it fails: one sentence and an exit code; a traceback is for the log."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from sparring.errors import PlatformError, SparringError
from sparring.io.log import CommandLog, command_log, logger
from sparring.run.exit_codes import ExitCode

NEXT_STEPS = {
    errno.EACCES: "Fix your rights to it, or choose another path.",
    errno.EPERM: "Fix your rights to it, or choose another path.",
    errno.EROFS: "Choose another path: this file system is read-only.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Choose another path: a part of this one is a file.",
    errno.EISDIR: "Name a file: this is a folder.",
    errno.EEXIST: "Choose another path, or move what is there.",
    errno.ENOSPC: "Free some space, or choose a path on another disk.",
    errno.EDQUOT: "Free some space, or choose a path on another disk.",
    errno.EADDRINUSE: "Choose another port.",
    errno.EMFILE: "Allow more open files: ulimit -n 65536.",
    errno.ENAMETOOLONG: "Choose a shorter path.",
}

QUOTED = re.compile(r"'([^']+?)(?:\.\d+\.tmp)?'")


@contextmanager
def told_failures() -> Iterator[None]:
    """End the program with a sentence and a code when the body raises; interrupts pass.

    Raises
    ------
    SystemExit
        With the error's own code if it is one of Sparring's, else with 70.
    """
    with command_log() as log:
        try:
            yield
        except Exception as error:
            known = as_known(error)
            logger.error("the command failed", exc_info=error)
            if known is None:
                log.wanted = True
            failure = (error, known)
        except BaseException:
            # Saved where it belongs, if it belongs to a run.
            log.close()
            raise
        else:
            log.close()
            return
    sys.exit(_told(*failure, log))


def as_known(error: Exception) -> SparringError | None:
    """Return the error as one of Sparring's, or None when it is nothing that a user can have caused.

    What the operating system refuses is told in its own words with the path that it names.
    """
    if isinstance(error, SparringError):
        return error
    if isinstance(error, OSError):
        return _refused(error)
    if isinstance(error, (MemoryError, pa.ArrowCapacityError)) or "offset overflow" in str(error):
        return PlatformError("The table does not fit in this machine's memory", "Set engine to spark.")
    if type(error).__module__.startswith("botocore"):
        return PlatformError(f"AWS: {error}", "Check credentials, region, rights and network.")
    return None


def _refused(error: OSError) -> SparringError:
    """Return what the operating system, a store or a network refuses, with the path where one is named."""
    step = NEXT_STEPS.get(error.errno or 0, "Check the path, your rights and the network.")
    # Arrow tells the path in its message only; a file is written under another name first.
    quoted = QUOTED.search(str(error)) if error.errno else None
    where = os.fspath(error.filename) if error.filename else quoted and quoted.group(1)
    if error.errno and where:
        return PlatformError(f"The system refuses {where!r}: {os.strerror(error.errno)}", step)
    said = str(error).strip().splitlines() or [type(error).__name__]
    return PlatformError(f"The system refuses: {said[0][:300]}", step)


def _told(error: Exception, known: SparringError | None, log: CommandLog) -> int:
    path = log.close()
    if known is not None:
        print_error(str(known))
        return known.exit_code
    lines = str(error).strip().splitlines() or [""]
    print_error(f"unexpected {type(error).__name__}: {lines[0][:300]} - the log tells more: {path}")
    return ExitCode.UNEXPECTED


def print_error(sentence: str) -> None:
    """Print an error where errors go."""
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, highlight=False).print(f"[red]error:[/] {escape(sentence)}", soft_wrap=True)
