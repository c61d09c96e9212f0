"""``sparring local-aws``: the embedded local SageMaker on its own."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The embedded local SageMaker on its own: a stand-in, on loopback.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep ``up`` a command of its own, however many there are."""


@app.command()
def up(
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1; 0 picks a free one.")] = 0,
    state: Annotated[
        str | None, typer.Option("--state", help="Folder of jobs, models and objects; default: temporary.")
    ] = None,
    faults: Annotated[str | None, typer.Option("--faults", help="YAML file of faults to inject.")] = None,
    images: Annotated[str | None, typer.Option("--images", help="YAML file of images of your own.")] = None,
) -> None:
    """Serve S3, STS, IAM, CloudWatch logs and SageMaker on loopback until interrupted."""
    from sparring.sagemaker.local import serve_forever

    raise typer.Exit(serve_forever(port, state, faults, images))
