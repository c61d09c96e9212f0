"""``sparring verify``: the data half of a run on the other engine, compared."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sparring.cli.console import Json, Quiet, console, print_json
from sparring.run.exit_codes import ExitCode


def verify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a run whose data half is done.")],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Do a run's data half once more on the other engine, and compare every table and figure."""
    from sparring.run.progress import Progress
    from sparring.run.verify import verify as verify_run

    found = verify_run(run, Progress(quiet=quiet))
    if json:
        print_json(found)
    else:
        _print(found)
    if not found["same"]:
        raise typer.Exit(ExitCode.NOT_THE_SAME)


def _print(found: dict) -> None:
    own, other = found["engines"]
    table = Table("Stage", "Rows", f"{own} s", f"{other} s", "Compared", box=None, pad_edge=False)
    for stage in found["stages"]:
        said = "the same" if not stage["differences"] else f"{len(stage['differences'])} differences"
        seconds = [f"{stage['seconds'][engine]:.1f}" for engine in (own, other)]
        table.add_row(stage["stage"], f"{stage['rows']:,}", *seconds, said)
    console().print(table)
    for stage in found["stages"]:
        for line in stage["differences"]:
            console().print(f"{stage['stage']}: {escape(line)}", soft_wrap=True)
    same = "every table, column and figure is the same" if found["same"] else "they are not the same"
    console().print(f"\n{own} and {other}: {same}")
