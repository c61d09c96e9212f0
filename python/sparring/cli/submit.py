"""``sparring submit``: a run as a job of EMR, EMR Serverless, Databricks or any Spark, printed or sent."""

from __future__ import annotations

import shlex
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparring.cli.command import Command, Group
from sparring.cli.console import console, print_json
from sparring.cli.runs import Sets
from sparring.errors import ConfigError

if TYPE_CHECKING:
    from sparring.config.schema import RunConfig
    from sparring.submit.job import Job

app = typer.Typer(cls=Group, no_args_is_help=True, help="Print, or send, a run as a platform's job.")

Config = Annotated[
    str, typer.Argument(metavar="CONFIG", help="Configuration file; its table is where the job sees it.")
]
Shipped = Annotated[
    str,
    typer.Option("--shipped", metavar="FOLDER", help="Where build/bundle was copied, such as s3://bucket/sparring."),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the run that all nodes see.")]
Apply = Annotated[bool, typer.Option("--apply", help="Ship the configuration and send the request, through boto3.")]


@app.command(cls=Command)
def emr(
    config: Config,
    shipped: Shipped,
    output: Output,
    sets: Sets = None,
    cluster_id: Annotated[
        str | None, typer.Option("--cluster-id", metavar="ID", help="One that runs, such as j-2AXXX; else a new one.")
    ] = None,
    service_role: Annotated[
        str, typer.Option("--service-role", metavar="NAME", help="EMR's role, for a new cluster.")
    ] = "EMR_DefaultRole",
    instance_profile: Annotated[
        str, typer.Option("--instance-profile", metavar="NAME", help="Its machines' profile.")
    ] = "EMR_EC2_DefaultRole",
    subnet: Annotated[str | None, typer.Option("--subnet", metavar="ID", help="For a new cluster.")] = None,
    apply: Apply = False,
) -> None:
    """Print the request that adds the run as a step, or starts a cluster for it, and the policy it needs."""
    from sparring.submit.emr import BOOTSTRAP, BOOTSTRAP_SCRIPT, add_steps, policy, run_job_flow

    loaded, job = _job(config, shipped, output, sets)
    if cluster_id:
        operation, request = "AddJobFlowSteps", add_steps(job, cluster_id)
    else:
        operation, request = "RunJobFlow", run_job_flow(job, service_role, instance_profile, subnet)
    files = {f"{job.shipped}/{BOOTSTRAP}": BOOTSTRAP_SCRIPT, job.config: _shipped_text(config, sets)}
    _tell("emr", operation, request, policy(job, loaded.table.path), files, apply)


@app.command(cls=Command, name="emr-serverless")
def emr_serverless(
    config: Config,
    shipped: Shipped,
    output: Output,
    application_id: Annotated[str, typer.Option("--application-id", metavar="ID", help="Of type Spark.")],
    role: Annotated[str, typer.Option("--role", metavar="ARN", help="What the job runs as.")],
    sets: Sets = None,
    apply: Apply = False,
) -> None:
    """Print the request that starts the run as a job run, and the policy that its role needs."""
    from sparring.submit.emr import policy
    from sparring.submit.emr_serverless import start_job_run

    loaded, job = _job(config, shipped, output, sets)
    request = start_job_run(job, application_id, role, uuid.uuid4().hex)
    files = {job.config: _shipped_text(config, sets)}
    _tell("emr-serverless", "StartJobRun", request, policy(job, loaded.table.path), files, apply)


@app.command(cls=Command)
def databricks(
    config: Config,
    shipped: Annotated[
        str, typer.Option("--shipped", metavar="FOLDER", help="Where the configuration is, such as a volume's folder.")
    ],
    output: Output,
    sets: Sets = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Write the bundle: the run as a notebook, and as the wheel's program, on a cluster of its own."""
    import yaml

    from sparring.submit.databricks import bundle

    _, job = _job(config, shipped, output, sets)
    text = yaml.safe_dump(bundle(job, job.config), sort_keys=False)
    if out is None:
        print(text, end="")
        return
    Path(out).write_text(text, encoding="utf-8")
    console().print(f"Wrote {out}. Next: databricks bundle deploy", soft_wrap=True)


@app.command(cls=Command)
def spark(
    config: Config,
    shipped: Shipped,
    output: Output,
    sets: Sets = None,
    master: Annotated[str, typer.Option("--master", metavar="URL", help="Such as yarn or spark://host:7077.")] = "yarn",
    deploy_mode: Annotated[
        str, typer.Option("--deploy-mode", metavar="MODE", help="cluster or client; a standalone master has client.")
    ] = "cluster",
) -> None:
    """Print the line of spark-submit."""
    from sparring.submit.spark_submit import spark_submit

    if master.startswith("spark://") and deploy_mode == "cluster":
        raise ConfigError(
            f"--deploy-mode cluster is not to be had for Python at {master}, a standalone master",
            "Add --deploy-mode client.",
        )
    _, job = _job(config, shipped, output, sets)
    print(shlex.join(spark_submit(job, master, deploy_mode)))


def _job(config: str, shipped: str, output: str, sets: list[str] | None) -> tuple[RunConfig, Job]:
    from sparring.config import load_config
    from sparring.data.source import source_bytes
    from sparring.submit.job import Job

    loaded = load_config(config, sets)
    try:
        size = source_bytes(loaded.table)
    except OSError:
        # Without rights to it here, or in another account: the job's own machines have them.
        size = None
    return loaded, Job.of(loaded, config, shipped, output, size)


def _shipped_text(config: str, sets: list[str] | None) -> str:
    """Return the configuration as the job is to read it, with what was overridden here."""
    import yaml

    from sparring.config import load_config

    return yaml.safe_dump(load_config(config, sets).model_dump(exclude_defaults=True), sort_keys=False)


def _tell(
    service: str, operation: str, request: dict[str, Any], policy: dict[str, Any], files: dict[str, str], apply: bool
) -> None:
    """Print a request that its service's model allows, and send it if asked."""
    from sparring.submit.check import require_valid, send

    require_valid(service, operation, request)
    answer = send(service, operation, request, files) if apply else None
    print_json(
        {"service": service, "operation": operation, "request": request, "policy": policy, "ship": files}
        | ({"answer": answer} if apply else {})
    )
