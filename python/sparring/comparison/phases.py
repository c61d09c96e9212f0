"""Where a contender's time went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Named timers on the wall clock, in the order of their first start.

    A phase that is entered again adds up; one that fails counts until its failure.  Phases must not overlap,
    or their sum says nothing.

    Examples
    --------
    >>> phases = Phases()
    >>> with phases("fit"):
    ...     model = sum(range(1000))
    >>> list(phases.to_dict())
    ['fit']
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the block as phase ``name``."""
        self._seconds.setdefault(name, 0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += time.perf_counter() - start

    def add(self, name: str, seconds: float) -> None:
        """Add ``seconds`` measured elsewhere, such as inside a training job, to phase ``name``."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def to_dict(self) -> dict[str, float]:
        """Return seconds by phase."""
        return dict(self._seconds)
