"""Where commands print, and how much."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON document, and nothing else, on standard output.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress: the result and errors only.")]


def console() -> Console:
    """Return the console of standard output, without colours for numbers."""
    return Console(highlight=False)


def print_json(document: Any) -> None:
    """Print the result of a command for programs; a figure that is not a finite number is null."""
    from sparring.report.document import finite

    print(json.dumps(finite(document), indent=2, default=str, allow_nan=False))
