"""The command line: ``sparring demo``, ``run``, ``init``, ``doctor``, ``local-aws``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sparring import __version__
from sparring.errors import SparringError

app = typer.Typer(
    name="sparring",
    help="Should this model be trained on Spark, on SageMaker or on one machine - and can I trust the score?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
local_aws = typer.Typer(help="The embedded local SageMaker on its own: a stand-in, on loopback.", no_args_is_help=True)
app.add_typer(local_aws, name="local-aws")

Output = Annotated[str | None, typer.Option("--output", "-o", help="Folder of the run; default runs/NAME.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Override, such as split.train=0.6; repeatable.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check configuration and table, print the plan, train nothing.")
]


@app.command()
def demo(output: Output = None, sets: Sets = None, dry_run: DryRun = False) -> None:
    """Compare three ways to train on 336,776 real flights."""
    _run("demo", sets, output, dry_run)


@app.command()
def run(
    config: Annotated[str, typer.Argument(help="Configuration file, such as conf/demo.yaml.")],
    output: Output = None,
    sets: Sets = None,
    dry_run: DryRun = False,
) -> None:
    """Run the comparison that a configuration describes; what an earlier run finished is kept."""
    _run(config, sets, output, dry_run)


@app.command()
def init(
    table: Annotated[str, typer.Argument(help="Table: Parquet, CSV or JSON, any path Spark reads.")],
    label: Annotated[str, typer.Option("--label", help="Column to predict.")],
    group: Annotated[
        list[str] | None, typer.Option("--group", help="Column that must not straddle; repeatable.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="File to write; default: standard output.")] = None,
) -> None:
    """Look at a table and write a commented configuration for it."""
    from sparring.config.propose import propose

    text = propose(table, label, group or [])
    if out is None:
        print(text, end="")
        return
    Path(out).write_text(text, encoding="utf-8")
    _console().print(f"Wrote {out}. Next: sparring run {out}")


@app.command()
def doctor() -> None:
    """Say what was found on this machine, and the command that mends each lack."""
    from sparring.doctor import examine

    findings = examine()
    table = Table("", "What", "Found", "Needed for", "To mend it", box=None, pad_edge=False)
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, finding.name, finding.found, finding.needed_for, finding.fix)
    console = _console()
    console.print(f"Sparring {__version__}")
    console.print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@local_aws.command("up")
def local_aws_up(
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 picks a free one.")] = 0,
    state: Annotated[str | None, typer.Option("--state", help="Folder of jobs and models; default: temporary.")] = None,
) -> None:
    """Serve S3, STS, IAM and SageMaker on loopback until interrupted."""
    from sparring.sagemaker.local import serve_forever

    serve_forever(port, state)


def _run(config_path: str, sets: list[str] | None, output: str | None, dry_run: bool) -> None:
    from sparring.config import load_config
    from sparring.pipeline import Run

    config = load_config(config_path, sets)
    one = Run(config, output or f"runs/{config.name}")
    if dry_run:
        _print_plan(one.plan())
        return
    finished = one.execute()
    print_result(finished.facts, finished.page, _console())


def _print_plan(plan: list[tuple[str, str]]) -> None:
    table = Table("Step", "What will happen", box=None, pad_edge=False)
    for step, what in plan:
        table.add_row(step, escape(what))
    _console().print(table)


def print_result(facts: dict[str, Any], page: str, console: Console) -> None:
    """Print the contenders, the verdict and where the page is."""
    table = Table(
        "Contender",
        "Engine",
        "ROC AUC",
        "95% interval",
        "Wall s",
        "CPU s",
        "Peak GiB",
        box=None,
        pad_edge=False,
    )
    for result in facts["results"]:
        engine = result["engine"] + (" (local stand-in)" if result["stand_in"] else "")
        table.add_row(result["name"], engine, *_figures(result, facts["evaluations"].get(result["name"])))
    console.print()
    console.print(table)
    verdict = facts["verdict"]
    console.print(f"\n[bold]Verdict:[/] {verdict['choice'] or 'refused'}. {verdict['reason']}")
    console.print(f"[bold]Page:[/] {page.removeprefix('file:')}", soft_wrap=True)


def _figures(result: dict[str, Any], evaluation: dict[str, Any] | None) -> list[str]:
    usage = [
        f"{result['wall_seconds']:.1f}",
        f"{result['cpu_seconds']:.1f}",
        f"{result['peak_memory_bytes'] / 2**30:.2f}",
    ]
    if evaluation is None:
        return ["failed", result["error"]["message"][:60], *usage]
    auc = evaluation["roc_auc"]
    return [f"{auc['value']:.4f}", f"{auc['low']:.4f} to {auc['high']:.4f}", *usage]


def _console() -> Console:
    return Console(highlight=False)


def main() -> None:
    """Run the command line; an error of Sparring's is a sentence and an exit code, not a stack."""
    # What ends a run in a container or a scheduler is to clean up as an interrupt does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except SparringError as error:
        Console(stderr=True, highlight=False).print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted: finished stages are kept, run the same command to go on")
        sys.exit(130)
