"""``sparring doctor``: what this machine has and lacks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from sparring import __version__
from sparring.cli.console import Json, console, print_json
from sparring.run.exit_codes import ExitCode

if TYPE_CHECKING:
    from sparring.spark.doctor import Finding


def doctor(json: Json = False) -> None:
    """Say what was found on this machine, and the command that fixes each lack."""
    from sparring.spark.doctor import examine

    findings = examine()
    if json:
        print_json({"sparring": __version__, "findings": [asdict(finding) for finding in findings]})
    else:
        _print(findings)
    if not all(finding.good for finding in findings):
        raise typer.Exit(ExitCode.LACKING)


def _print(findings: list[Finding]) -> None:
    table = Table("", "What", "Found", "Needed for", "To fix it", box=None, pad_edge=False)
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, finding.name, finding.found, finding.needed_for, finding.fix)
    console().print(f"Sparring {__version__}")
    console().print(table)
