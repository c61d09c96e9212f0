"""``sparring sagemaker``: the request and the policies that a configuration means, and cleaning up after a crash."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from sparring.cli.command import Command, Group
from sparring.cli.console import Json, console, print_json

app = typer.Typer(cls=Group, help="SageMaker: requests, policies, and cleaning up after a crash.", no_args_is_help=True)

Config = Annotated[str, typer.Argument(help="Configuration file, with sagemaker.role, bucket and region.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override, such as sagemaker.client=boto3; repeatable."),
]


@app.command(cls=Command)
def request(config: Config, sets: Sets = None) -> None:
    """Print the CreateTrainingJob request of each sagemaker contender, checked; nothing is sent."""
    from sparring.config import load_config
    from sparring.training.sagemaker import planned_requests

    found = planned_requests(load_config(config, sets))
    print_json(found)


@app.command(cls=Command)
def policy(config: Config, sets: Sets = None) -> None:
    """Print two least-privilege IAM policies: the caller's and the execution role's."""
    from sparring.config import load_config
    from sparring.sagemaker.policy import caller_policy, execution_policy
    from sparring.sagemaker.target import AwsTarget

    section = load_config(config, sets).sagemaker
    target = AwsTarget.on_aws(section)
    documents = {"caller": caller_policy(section, target), "execution_role": execution_policy(section, target)}
    print_json(documents)


@app.command(cls=Command)
def cleanup(
    run: Annotated[
        str, typer.Option("--run", metavar="FOLDER", help="Folder of the run, whose registries say what it created.")
    ],
    json: Json = False,
) -> None:
    """Delete what a run that crashed has left on SageMaker and in S3."""
    from sparring.run.manifest import require_run
    from sparring.sagemaker.resource_registry import clean_up_or_drop, registries_of

    registries = registries_of(run)
    if not registries:
        # A stage's folder holds what it created and no run.
        require_run(run, finished=False)
    deleted = [entry for registry in registries for entry in clean_up_or_drop(registry)]
    if json:
        print_json({"deleted": [{"kind": kind, "name": name} for kind, name in deleted]})
        return
    for kind, name in deleted:
        console().print(f"deleted {kind} {escape(name)}", soft_wrap=True)
    console().print(f"{len(deleted)} resources deleted; nothing is left" if deleted else "Nothing was left to delete")
