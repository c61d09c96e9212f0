"""``sparring container check``: anyone's training and serving programs against the contract."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sparring.cli.command import Command, Group
from sparring.cli.console import Json, console, print_json
from sparring.errors import ConfigError
from sparring.exit_codes import ExitCode

if TYPE_CHECKING:
    from sparring.container.check import Report

app = typer.Typer(cls=Group, help="The container contract: programs of your own for SageMaker.", no_args_is_help=True)
MARKS = {"pass": "[green]✓[/]", "fail": "[red]✗[/]", "skip": "[yellow]-[/]"}

Named = Annotated[
    list[str] | None, typer.Option("--channel", metavar="NAME=PATH", help="NAME=PATH: data of a channel; repeatable.")
]
Values = Annotated[
    list[str] | None, typer.Option("--hyperparameter", metavar="NAME=VALUE", help="NAME=VALUE; repeatable.")
]


@app.callback()
def group() -> None:
    """Keep ``check`` a command of its own."""


@app.command(cls=Command)
def check(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="Entry point of the image, run with 'train' and 'serve' appended; after -- if it has options."
        ),
    ] = None,
    train: Annotated[
        str | None, typer.Option("--train", metavar="COMMAND", help="Command of the training program instead.")
    ] = None,
    serve: Annotated[
        str | None, typer.Option("--serve", metavar="COMMAND", help="Command of the serving program instead.")
    ] = None,
    channel: Named = None,
    channel_type: Annotated[
        str, typer.Option("--channel-type", metavar="TYPE", help="ContentType of the channels.")
    ] = "text/csv",
    hyperparameter: Values = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FOLDER", help="Model's folder for serve; default: trained.")
    ] = None,
    payload: Annotated[
        Path | None, typer.Option("--payload", metavar="FILE", help="File with the body of a good request.")
    ] = None,
    content_type: Annotated[
        str, typer.Option("--content-type", metavar="TYPE", help="Content type of the payload.")
    ] = "text/csv",
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=1, max=65_535, help="Told in SAGEMAKER_BIND_TO_PORT unless it is 8080."
        ),
    ] = 8080,
    isolation: Annotated[
        bool, typer.Option("--isolation/--no-isolation", help="A real /opt/ml (root on Linux), or SAGEMAKER_BASE_DIR.")
    ] = True,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write the report as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Run training and serving programs as SageMaker does and say which rules they break; code 1 if any."""
    from sparring.container.check import ContainerCheck, Payload, check_container

    both = command or []
    report = check_container(
        ContainerCheck(
            train=shlex.split(train) if train else [*both, "train"] if both else [],
            serve=shlex.split(serve) if serve else [*both, "serve"] if both else [],
            hyperparameters=_pairs(hyperparameter, "--hyperparameter"),
            channels={name: _existing(path) for name, path in _pairs(channel, "--channel").items()},
            channel_type=channel_type,
            model=_existing(str(model)) if model else None,
            payload=Payload(_existing(str(payload)).read_bytes(), content_type) if payload else None,
            port=port,
            isolate=isolation,
        )
    )
    if not report.findings:
        raise ConfigError("Nothing to check: no command was given", "Give COMMAND, or --train and --serve.")
    if out is not None:
        out.write_text(json.dumps(report.to_dict(), indent=2) + "\n")
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)
    raise typer.Exit(ExitCode.OK if report.passed else ExitCode.LACKING)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigError(f"{option} {text!r} is not NAME=VALUE", "Write a name, = and a value.")
        pairs[name] = value
    return pairs


def _existing(path: str) -> Path:
    if not Path(path).exists():
        raise ConfigError(f"{path} does not exist", "Check the path.")
    return Path(path)


def _print(report: Report) -> None:
    table = Table("", "Rule", "Found", "To mend it", box=None, pad_edge=False)
    for finding in report.findings:
        table.add_row(MARKS[finding.status], finding.rule, escape(finding.found), escape(finding.fix))
    console().print(table)
    counts = {status: sum(f.status == status for f in report.findings) for status in MARKS}
    console().print(f"{counts['pass']} held, {counts['fail']} broken, {counts['skip']} not tested")
