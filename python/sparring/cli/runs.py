"""``sparring demo``, ``run`` and ``init``: from a table to the page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sparring.cli.console import Json, Quiet, console, print_json, print_result
from sparring.errors import ConfigError, did_you_mean
from sparring.io import storage
from sparring.run.exit_codes import ExitCode

Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the run; default runs/NAME.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override, such as split.train=0.6; repeatable."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check configuration and table, print the plan, train nothing.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="CONTENDER",
        help="Train this contender alone; repeatable. The verdict is among it and those that an earlier run trained.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="STAGE",
        help="End after ingest, deduplicate, split, audit, prepare or naive: nothing is trained.",
    ),
]

# Name -> the configuration that Sparring brings, and what it is about.
DEMOS = {
    "flights": ("demo", "two classes: will a flight leave 15 or more minutes late? 336,776 flights, some minutes"),
    "flights-delay": ("flights-delay", "a number: how many minutes late will it leave? The same flights, some minutes"),
    "digits": ("digits", "ten classes: which digit was written? 1,797 pictures, a minute or two"),
    "small": ("small", "two classes: is a tumour malignant? 569 biopsies, within a minute"),
}


def demo(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which one, see --list.")] = "flights",
    output: Output = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    only: Only = None,
    small: Annotated[bool, typer.Option("--small", help="The same as the name small.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="Name the demos and end.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare ways to train on real tables: 336,776 flights, handwritten digits, or a small one."""
    if list_them:
        _list_demos(json)
        return
    chosen = "small" if small else name
    if chosen not in DEMOS:
        raise ConfigError(
            f"There is no demo {chosen!r}; they are {', '.join(DEMOS)}",
            f"Name one of them.{did_you_mean(chosen, list(DEMOS))}",
        )
    _run(DEMOS[chosen][0], sets, output, dry_run, only or [], json, quiet)


def _list_demos(json: bool) -> None:
    if json:
        print_json({"demos": [{"name": name, "what": what} for name, (_, what) in DEMOS.items()]})
        return
    for name, (_, what) in DEMOS.items():
        console().print(f"[bold]{name}[/]  {what}", soft_wrap=True)


def run(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="Configuration file, such as conf/demo.yaml.")],
    output: Output = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    only: Only = None,
    until: Until = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run the comparison that a configuration describes; what an earlier run finished is kept."""
    _run(config, sets, output, dry_run, only or [], json, quiet, until)


def init(
    table: Annotated[str, typer.Argument(help="Table: Parquet, CSV or JSON, any path Spark reads.")],
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="Column to predict.")],
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="COLUMN", help="Column that must not straddle two parts; repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="COLUMN", help="Column that identifies a row; repeatable.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="COLUMN", help="Column that tells when a row came to be.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option("--positive", metavar="VALUE", help="The label's positive value; default: the larger.")
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            "--task", metavar="TASK", help="binary, multiclass or regression; default: by the label's values."
        ),
    ] = "auto",
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="COLUMN", help="Column that is no feature; repeatable.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="NAME=VALUE", help="How the file is written, such as sep=; or decimal=,; repeatable."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="File to write; default: standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over FILE without asking.")] = False,
) -> None:
    """Look at a table and write a commented configuration for it."""
    from sparring.proposal.propose import Wishes, propose

    if out is not None:
        _check_overwrite(Path(out), force)
    wishes = Wishes(label, group or [], key or [], time, positive, task, ignore or [], _options(option or []))
    proposal = propose(table, wishes, table if out is None else _seen_from(table, Path(out)))
    for name, what in proposal.columns:
        Console(stderr=True, highlight=False).print(f"[bold]{escape(name)}[/] {escape(what)}", soft_wrap=True)
    if out is None:
        print(proposal.text, end="")
        return
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(proposal.text, encoding="utf-8")
    console().print(f"Wrote {out}. Next: sparring run {out}", soft_wrap=True)


def _check_overwrite(out: Path, force: bool) -> None:
    """Raise unless there is no file, or its owner agrees to lose it."""
    if not out.exists() or force:
        return
    if sys.stdin.isatty() and typer.confirm(f"{out} exists, with changes of yours perhaps. Write over it?", err=True):
        return
    raise ConfigError(f"--out {str(out)!r} exists already", "Name another file, or add --force.")


def _options(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise ConfigError(f"--option {pair!r} is not NAME=VALUE", "Write for example --option sep=;.")
        found[name] = value
    return found


def _seen_from(table: str, out: Path) -> str:
    """Return the path of a table as a configuration at ``out`` names it: relative paths start from its folder."""
    if not storage.is_local(table) or Path(table).is_absolute() or table.startswith(("~", "file:")):
        return table
    return os.path.relpath(table, out.parent)


def _run(
    config_path: str,
    sets: list[str] | None,
    output: str | None,
    dry_run: bool,
    only: list[str],
    json: bool,
    quiet: bool,
    until: str | None = None,
) -> None:
    from sparring.config import load_config
    from sparring.run.pipeline import Run
    from sparring.run.progress import Progress

    config = load_config(config_path, sets)
    folder = output or f"runs/{config.name}"
    one = Run(config, folder, Progress(quiet=quiet), only, until)
    if dry_run:
        plan = one.plan()
        if json:
            print_json({"plan": [{"step": step, "what": what} for step, what in plan]})
        else:
            _print_plan(plan)
        return
    finished = one.execute()
    if json:
        print_json(finished.document())
    elif until:
        console().print(f"Done until {until}: {folder}", soft_wrap=True)
    else:
        print_result(finished.facts, finished.page, console())
    if finished.failed:
        raise typer.Exit(ExitCode.CONTENDER_FAILED)


def _print_plan(plan: list[tuple[str, str]]) -> None:
    table = Table("Step", "What will happen", box=None, pad_edge=False)
    for step, what in plan:
        table.add_row(step, escape(what))
    console().print(table)
