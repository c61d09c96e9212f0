"""Where commands print."""

from __future__ import annotations

from rich.console import Console


def console() -> Console:
    """Return the console of standard output, without colours for numbers."""
    return Console(highlight=False)
