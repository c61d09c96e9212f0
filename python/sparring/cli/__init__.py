"""The command line: one file a group of commands, gathered here."""

from __future__ import annotations

import signal
import sys

import typer
from rich.console import Console
from rich.markup import escape

from sparring.cli import audit, container, local_aws, machine, predict, runs, sagemaker, serve
from sparring.errors import SparringError

__all__ = ["app", "main"]

app = typer.Typer(
    name="sparring",
    help="Should this model be trained on Spark, on SageMaker or on one machine - and can I trust the score?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(runs.demo, runs.run, runs.init, audit.audit),
    *(serve.package, serve.serve, predict.predict, machine.doctor),
):
    app.command()(command)
app.add_typer(local_aws.app, name="local-aws")
app.add_typer(container.app, name="container")
app.add_typer(sagemaker.app, name="sagemaker")


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
