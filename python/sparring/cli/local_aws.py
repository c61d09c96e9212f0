"""``sparring local-aws``: the embedded local SageMaker on its own."""

from __future__ import annotations

from typing import Annotated

import typer

from sparring.cli.command import Command, Group

app = typer.Typer(
    cls=Group, help="The embedded local SageMaker on its own: a stand-in, on loopback.", no_args_is_help=True
)


@app.callback()
def group() -> None:
    """Keep ``up`` a command of its own, however many there are."""


@app.command(cls=Command)
def up(
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65_535, help="Port on 127.0.0.1; 0 picks a free one.")
    ] = 0,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="FOLDER", help="Folder of jobs, models and objects; default: temporary."),
    ] = None,
    faults: Annotated[
        str | None, typer.Option("--faults", metavar="FILE", help="YAML file of faults to inject.")
    ] = None,
    images: Annotated[
        str | None, typer.Option("--images", metavar="FILE", help="YAML file of images of your own.")
    ] = None,
) -> None:
    """Serve S3, STS, IAM, CloudWatch logs and SageMaker on loopback until interrupted."""
    from sparring.sagemaker.emulator import serve_forever

    raise typer.Exit(serve_forever(port, state, faults, images))
