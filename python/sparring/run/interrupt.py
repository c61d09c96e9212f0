"""Ctrl-C and SIGTERM end a command in one line that says how to go on, whatever it was doing.

What is interrupted raises ``KeyboardInterrupt``, so that everything cleans up after itself; from then on the screen
belongs to that one line: what libraries, threads and child processes say of their end is dropped.
"""

from __future__ import annotations

import _thread
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sparring.run.exit_codes import ExitCode

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Commands whose finished stages the same command keeps.
RESUMABLE = ("run", "demo", "compare.py")


class Interrupt:
    """Whether somebody asked this process to end, and the screen to say so on.

    Attributes
    ----------
    asked : bool
    """

    def __init__(self) -> None:
        self.asked = False
        self._screen = os.dup(2)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Answer a signal: the first time by an exception, the second time at once."""
        if self.asked:
            # Children notice that our end of their pipe is closed, and end too.
            self.tell()
            os._exit(ExitCode.INTERRUPTED)
        self.asked = True
        self._mute()
        raise KeyboardInterrupt

    def unraisable(self, what: Any) -> None:
        """Deliver an interrupt again that fell into a place where Python drops exceptions, such as a finalizer."""
        if self.asked and what.exc_type is KeyboardInterrupt:
            self.asked = False
            _thread.interrupt_main()
        elif not self.asked:
            sys.__unraisablehook__(what)

    def tell(self) -> None:
        """Write the line."""
        self._mute()
        # A live line of progress has hidden the cursor.
        clear = "\r\x1b[K\x1b[?25h" if os.isatty(self._screen) else ""
        os.write(self._screen, f"{clear}{line(sys.argv)}\n".encode())

    def _mute(self) -> None:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)

    def close(self) -> None:
        """Forget the screen."""
        os.close(self._screen)


@contextmanager
def answered() -> Iterator[None]:
    """Have an interrupt of the body, by Ctrl-C or SIGTERM, end the program with one line and code 130.

    Whatever the body raises after an interrupt is a consequence of it.  Only a main thread
    can answer signals: in another one nothing changes.

    Raises
    ------
    SystemExit
        After an interrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        # A notebook's or a scheduler's program has its own answer.
        yield
        return
    interrupt = Interrupt()
    before = {number: signal.signal(number, interrupt.receive) for number in SIGNALS}
    hook, sys.unraisablehook = sys.unraisablehook, interrupt.unraisable
    try:
        yield
    except BaseException:
        if not interrupt.asked:
            raise
        interrupt.tell()
        # What ends with the interpreter still has nothing to say.
        sys.exit(ExitCode.INTERRUPTED)
    finally:
        if not interrupt.asked:
            interrupt.close()
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)


def line(argv: list[str]) -> str:
    """Return what to say after an interrupt of the command ``argv``.

    Examples
    --------
    >>> line(["/venv/bin/sparring", "run", "my table.yaml"])       # doctest: +SKIP
    "interrupted: what is finished is kept; to go on: sparring run 'my table.yaml'"
    """
    keeps = _is_resumable(argv)
    said = "interrupted: what is finished is kept; to go on" if keeps else "interrupted; to start again"
    return f"{said}: {command(argv)}"


def typed_command(argv: list[str]) -> str | None:
    """Return the command of ours that ``argv`` is, None in a program of somebody else's, such as a notebook.

    Examples
    --------
    >>> typed_command(["/usr/bin/jupyter", "lab"]) is None
    True
    """
    program = Path(argv[0])
    ours = program.name in ("sparring", "compare.py") or program.parts[-2:] == ("sparring", "__main__.py")
    return command(argv) if ours else None


def command(argv: list[str]) -> str:
    """Return the command ``argv`` as its user would type it again."""
    program = Path(argv[0]).name
    if program == "__main__.py":
        typed = ["python", "-m", "sparring"]
    elif program == "compare.py":
        typed = ["spark-submit", argv[0]]
    else:
        typed = ["sparring"]
    if "UV_RUN_RECURSION_DEPTH" in os.environ:
        typed = ["uv", "run", *typed]
    return shlex.join([*typed, *argv[1:]])


def _is_resumable(argv: list[str]) -> bool:
    if "--dry-run" in argv:
        return False
    return Path(argv[0]).name in RESUMABLE or any(word in RESUMABLE for word in argv[1:2])
