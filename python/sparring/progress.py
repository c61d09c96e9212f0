"""Progress of a run on the terminal: a live line where there is one, plain lines where there is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Tells which stage runs, and how long each took.

    Parameters
    ----------
    console : Console, optional
        Where to write; standard error by default, so that standard output stays clean.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[list[str]]:
        """Show stage ``name`` while the body runs; what the body appends to the list is shown at its end."""
        said: list[str] = []
        start = time.perf_counter()
        live = self.console.is_terminal
        if not live:
            self.console.print(f"{name:<12} {what} ...")
        with self.console.status(f"[bold]{name}[/] {what}") if live else _nothing():
            try:
                yield said
            except BaseException:
                self._end("✗", "red", name, start, ["failed"])
                raise
        self._end("✓", "green", name, start, said)

    def reused(self, name: str) -> None:
        """Show that stage ``name`` was done by an earlier run."""
        self.console.print(f"[dim]✓ {name:<12} kept from the run before[/]")

    def _end(self, mark: str, colour: str, name: str, start: float, said: list[str]) -> None:
        seconds = time.perf_counter() - start
        self.console.print(f"[{colour}]{mark}[/] {name:<12} {seconds:6.1f} s  {'; '.join(said)}", soft_wrap=True)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
