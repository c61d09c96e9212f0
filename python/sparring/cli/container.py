"""``sparring container check``: anyone's training and serving programs against the contract."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape
from rich.table import Table

from sparring.cli.command import Command, Group
from sparring.cli.console import Json, console, print_json
from sparring.errors import ConfigError
from sparring.run.exit_codes import ExitCode

if TYPE_CHECKING:
    from sparring.container.check import Phase, Report

app = typer.Typer(cls=Group, help="The container contract: programs of your own for SageMaker.", no_args_is_help=True)
MARKS = {"pass": "[green]✓[/]", "fail": "[red]✗[/]", "skip": "[yellow]-[/]", "not run": "[red]?[/]"}
PHASE_NAMES = ("training", "start", "invocations", "concurrency", "endurance", "shutdown")

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
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="NAME=VALUE", help="NAME=VALUE: a variable of the image; repeatable."),
    ] = None,
    payload: Annotated[
        Path | None, typer.Option("--payload", metavar="FILE", help="File with the body of a good request.")
    ] = None,
    content_type: Annotated[
        str, typer.Option("--content-type", metavar="TYPE", help="Content type of the payload.")
    ] = "text/csv",
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the payload's first line has names; default: guessed."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=1, max=65_535, help="Told in SAGEMAKER_BIND_TO_PORT unless it is 8080."
        ),
    ] = 8080,
    isolation: Annotated[
        bool, typer.Option("--isolation/--no-isolation", help="A real /opt/ml (root on Linux), or SAGEMAKER_BASE_DIR.")
    ] = True,
    phase: Annotated[
        list[str] | None,
        typer.Option("--phase", metavar="PHASE", help=f"Only this: {', '.join(PHASE_NAMES)}; repeatable."),
    ] = None,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit", metavar="SECONDS", min=1, help="The check takes no longer; what was left out is named."
        ),
    ] = 1_800.0,
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
            payload=Payload(_existing(str(payload)).read_bytes(), content_type, header) if payload else None,
            environment=_pairs(env, "--env"),
            port=port,
            isolate=isolation,
            phases=_phases(phase),
            time_limit=time_limit,
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


def _phases(given: list[str] | None) -> list[Phase]:
    for name in given or ():
        if name not in PHASE_NAMES:
            raise ConfigError(f"--phase {name!r} is no phase", f"One of {', '.join(PHASE_NAMES)}.")
    return cast("list[Phase]", given or list(PHASE_NAMES))


def _existing(path: str) -> Path:
    if not Path(path).exists():
        raise ConfigError(f"{path} does not exist", "Check the path.")
    return Path(path)


def _print(report: Report) -> None:
    table = Table("", "Rule", "Found", "To fix it", box=None, pad_edge=False)
    for finding in report.findings:
        fix = f"{finding.fix}\n[dim]{escape(finding.source)}[/]" if finding.fix else ""
        table.add_row(MARKS[finding.status], f"{finding.rule}\n[dim]{finding.title}[/]", escape(finding.found), fix)
    console().print(table)
    counts = {status: len(report.of(status)) for status in MARKS}
    late = f", {counts['not run']} not run for want of time" if counts["not run"] else ""
    console().print(f"{counts['pass']} held, {counts['fail']} broken, {counts['skip']} not tested{late}")
