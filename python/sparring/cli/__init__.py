"""The command line: one file a group of commands, gathered here."""

from __future__ import annotations

from typing import Annotated

import typer

from sparring import __version__
from sparring.cli import audit, cluster, container, local_aws, machine, predict, runs, sagemaker, serve, submit, verify
from sparring.cli.command import Command, Group
from sparring.run.failure import told_failures
from sparring.run.interrupt import answered

__all__ = ["app", "main", "run_command"]

app = typer.Typer(
    name="sparring",
    cls=Group,
    help="Should this model be trained on Spark, on SageMaker or on one machine - and can I trust the score?",
    epilog="Exit codes, and what every command prints: docs/guide/command-line.md",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    *(runs.demo, runs.run, runs.init, verify.verify, audit.audit, cluster.cluster),
    *(serve.package, serve.serve, predict.predict, machine.doctor),
):
    app.command(cls=Command)(command)
app.add_typer(local_aws.app, name="local-aws")
app.add_typer(container.app, name="container")
app.add_typer(sagemaker.app, name="sagemaker")
app.add_typer(submit.app, name="submit")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"sparring {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line; an error is a sentence and an exit code, not a stack, an interrupt is one line."""
    with answered():
        run_command()


def run_command() -> None:
    """Run the command line within somebody's answer to interrupts."""
    with told_failures():
        app()
