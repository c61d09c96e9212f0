"""The command line: serve until interrupted, or for as long as a command runs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml
from typer.core import TyperCommand, TyperGroup

from sparring.errors import SparringError
from sparring_local_sagemaker import LocalAws, serve_forever

HELP = "The local SageMaker: S3, STS, IAM, CloudWatch logs and SageMaker on loopback. An emulator, not AWS."
State = Annotated[
    str | None,
    typer.Option("--state", metavar="FOLDER", help="Folder of jobs, models, objects; default: temporary."),
]
Faults = Annotated[str | None, typer.Option("--faults", metavar="FILE", help="YAML file of faults to inject.")]
Images = Annotated[str | None, typer.Option("--images", metavar="FILE", help="YAML file of images of your own.")]
Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65_535, help="Port on 127.0.0.1; 0 picks a free one.")
]
Words = Annotated[list[str], typer.Argument(metavar="COMMAND...", help="What to run, after --.")]


def application(group: type[TyperGroup] = TyperGroup, command: type[TyperCommand] = TyperCommand) -> typer.Typer:
    """Return the commands ``up`` and ``exec``, for this package's own entry point or as a part of another's.

    Parameters
    ----------
    group, command : types of Typer
        How the surrounding program shows its help.
    """
    app = typer.Typer(cls=group, help=HELP, no_args_is_help=True, add_completion=False)
    app.command(cls=command)(up)
    app.command("exec", cls=command, context_settings={"ignore_unknown_options": True})(execute)
    return app


def up(port: Port = 0, state: State = None, faults: Faults = None, images: Images = None) -> None:
    """Serve until interrupted; what AWS clients need is printed."""
    raise typer.Exit(serve_forever(port, state, faults, images))


def execute(command: Words, port: Port = 0, state: State = None, faults: Faults = None, images: Images = None) -> None:
    """Run a command whose AWS is a local one of its own, and end with its exit code."""
    with LocalAws(state, port, faults, images) as aws, tempfile.TemporaryDirectory() as folder:
        try:
            code = subprocess.run(command, env=aws.environment() | sdk_settings(Path(folder), aws.bucket)).returncode
        except OSError as error:
            typer.echo(f"{command[0]} cannot be run: {error.strerror}", err=True)
            code = 127
    # A command that a signal ended, as shells tell it.
    raise typer.Exit(128 - code if code < 0 else code)


def sdk_settings(folder: Path, bucket: str) -> dict[str, str]:
    """Return the variable that names SageMaker's SDK a default bucket.

    To make one of its own the SDK asks for the account at an address of AWS that no setting changes.
    """
    path = folder / "config.yaml"
    session = {"Session": {"DefaultS3Bucket": bucket}}
    path.write_text(yaml.safe_dump({"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": session}}}))
    return {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(path)}


def main() -> None:
    """Run the command line of this package alone."""
    try:
        application()()
    except SparringError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
