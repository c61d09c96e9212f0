"""How long a check may take itself, whatever the program under test does."""

from __future__ import annotations

import time


class Clock:
    """Counts the check's own time down.

    Parameters
    ----------
    seconds : float
        How long everything together may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self.end

    def bounded(self, seconds: float) -> float:
        """Return ``seconds``, or what is left where that is less; never quite nothing, for zero waits for ever."""
        return max(min(seconds, self.end - time.monotonic()), 0.001)
