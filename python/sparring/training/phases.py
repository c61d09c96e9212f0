"""Timing a contender's phases apart: session, read, data transfer, fit, score."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Wall seconds of named phases; a phase entered twice adds up.

    Attributes
    ----------
    seconds : dict of str to float
        Phase -> wall seconds, in the order first entered.

    Examples
    --------
    >>> phases = Phases()
    >>> with phases("fit"):
    ...     _ = sum(range(1000))
    >>> list(phases.seconds)
    ['fit']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the body of the ``with`` statement as phase ``name``; also when it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add ``seconds`` that were measured elsewhere to phase ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
