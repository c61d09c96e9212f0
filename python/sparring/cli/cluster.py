"""``sparring cluster``: a run on a small standalone cluster of this machine, as it goes on a real one."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.console import console
from sparring.cli.runs import DEMOS, Output, Sets

JOB = "sparring.jobs.compare"


def cluster(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help=f"Configuration file, or a demo: {', '.join(DEMOS)}.")
    ] = "small",
    output: Output = None,
    sets: Sets = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Worker processes.")] = 2,
    cores: Annotated[int, typer.Option("--cores", metavar="N", min=1, help="Cores of each worker.")] = 1,
    memory: Annotated[str, typer.Option("--memory", metavar="SIZE", help="Heap of each executor, such as 1g.")] = "1g",
) -> None:
    """Start a standalone Spark of separate processes on this machine's loopback, run there, and end it."""
    from sparring.config import load_config
    from sparring.spark.standalone import StandaloneCluster

    chosen = DEMOS[config][0] if config in DEMOS else config
    folder = os.path.abspath(output or f"runs/{load_config(chosen, sets).name}")
    job = find_spec(JOB)
    assert job is not None
    # One machine, one disk: all processes see the folder.
    given = [word for one in (*(sets or []), "resources.shared_disk=true") for word in ("--set", one)]
    with StandaloneCluster(workers, cores, memory) as started:
        console().print(f"Spark at {started.master}: {workers} workers of {cores} cores and {memory}", soft_wrap=True)
        command = [str(job.origin), chosen, "--output", folder, *given]
        conf = {"spark.executor.memory": memory, "spark.driver.memory": "2g"}
        code = started.submit(command, conf).wait()
    if code:
        raise typer.Exit(code)
    console().print(f"[bold]Run:[/] {Path(folder)}", soft_wrap=True)
