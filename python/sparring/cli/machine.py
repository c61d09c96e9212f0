"""``sparring doctor``: what this machine has and lacks."""

from __future__ import annotations

import typer
from rich.table import Table

from sparring import __version__
from sparring.cli.console import console
from sparring.exit_codes import ExitCode


def doctor() -> None:
    """Say what was found on this machine, and the command that mends each lack."""
    from sparring.doctor import examine

    findings = examine()
    table = Table("", "What", "Found", "Needed for", "To mend it", box=None, pad_edge=False)
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, finding.name, finding.found, finding.needed_for, finding.fix)
    console().print(f"Sparring {__version__}")
    console().print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(ExitCode.LACKING)
