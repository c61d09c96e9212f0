"""Progress of a run on the terminal: a live line where there is one, plain lines where there is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

# A stage that takes longer tells how far it is.
PATIENCE_SECONDS = 5.0
LIVE_SECONDS, PLAIN_SECONDS = 1.0, 15.0

Count = Callable[[], str]


class StageProgress:
    """One stage that is running; its work says here what came of it.

    Attributes
    ----------
    said : list of str
        Shown at the stage's end.
    failed : bool
        Set by work that failed without raising, such as a contender: the stage ends with a cross.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failed = False

    def say(self, text: str) -> None:
        """Have ``text`` shown at the end."""
        self.said.append(text)

    def fail(self, text: str) -> None:
        """Have the stage end with a cross and ``text``."""
        self.failed = True
        self.say(text)


class Progress:
    """Tells which stage runs, how far it is and how long each took.

    Parameters
    ----------
    console : Console, optional
        Where to write; standard error by default, so that standard output stays clean.
    count : callable, optional
        Returns how far the work is, such as ``"12 of 64 tasks"``, or ``""`` where nothing is known; asked from a
        thread of its own once a stage takes longer than five seconds.
    quiet : bool, default False
        Whether to write nothing at all.
    """

    def __init__(self, console: Console | None = None, count: Count | None = None, quiet: bool = False) -> None:
        self.console = console or Console(stderr=True, highlight=False, quiet=quiet)
        self.count: Count = count or (lambda: "")

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[StageProgress]:
        """Show stage ``name`` while the body runs, then what the body says of it."""
        stage, start = StageProgress(), time.perf_counter()
        try:
            with self._watched(name, what):
                yield stage
        except BaseException:
            self._end("✗", "red", name, start, ["failed"])
            raise
        self._end(*(("✗", "red") if stage.failed else ("✓", "green")), name, start, stage.said)

    def reused(self, name: str) -> None:
        """Show that stage ``name`` was done by an earlier run."""
        self.console.print(f"[dim]✓ {name:<12} kept from the run before[/]")

    @contextmanager
    def _watched(self, name: str, what: str) -> Iterator[None]:
        """Show how far the body is: in the live line, or in a new line now and then."""
        live, ended = self.console.is_terminal, threading.Event()
        if not live:
            self.console.print(f"{name:<12} {what} ...")
        with self.console.status(f"[bold]{name}[/] {what}") as status:

            def show(seconds: float) -> None:
                counted = escape(f"{self.count()}, {seconds:.0f} s".removeprefix(", "))
                if live:
                    status.update(f"[bold]{name}[/] {what}: {counted}")
                else:
                    self.console.print(f"{name:<12} {what}: {counted} ...")

            watcher = threading.Thread(target=_repeat, args=(show, ended, live), daemon=True)
            watcher.start()
            try:
                yield
            finally:
                ended.set()
                watcher.join(timeout=LIVE_SECONDS)

    def _end(self, mark: str, colour: str, name: str, start: float, said: list[str]) -> None:
        seconds, text = time.perf_counter() - start, escape("; ".join(said))
        self.console.print(f"[{colour}]{mark}[/] {name:<12} {seconds:6.1f} s  {text}", soft_wrap=True)


def _repeat(show: Callable[[float], None], ended: threading.Event, live: bool) -> None:
    start = time.perf_counter()
    if ended.wait(PATIENCE_SECONDS):
        return
    show(time.perf_counter() - start)
    while not ended.wait(LIVE_SECONDS if live else PLAIN_SECONDS):
        show(time.perf_counter() - start)
