"""Databricks: a bundle with the run as a notebook and as the wheel's own program, on a cluster of its own."""

from __future__ import annotations

from typing import Any

from sparring.submit.job import SPARK_SETTINGS, Job

# Spark 3.5, Scala 2.12, Python 3.11.
RUNTIME, NODE = "15.4.x-scala2.12", "m6i.2xlarge"
NOTEBOOK, WHEEL = "notebooks/01_compare.py", "build/dist/*.whl"
CLUSTER = "sparring"


def bundle(job: Job, config: str) -> dict[str, Any]:
    """Return the content of ``databricks.yml``, to lie at the root of Sparring's source, where the wheel is built.

    Parameters
    ----------
    job : Job
    config : str
        The configuration as the cluster sees it, such as ``/Volumes/main/default/sparring/mine.yaml``.

    Notes
    -----
    The wheel's version is made to differ with every build (``dynamic_version``): Databricks does not install a wheel
    again whose version it has.  The cluster is of one user, for ``SparkContext`` is not to be had on a shared one.
    """
    return {
        "bundle": {"name": f"sparring_{job.name}"},
        "artifacts": {
            "wheel": {
                "type": "whl",
                "path": ".",
                "build": "uv build --wheel --out-dir build/dist",
                "dynamic_version": True,
            }
        },
        "resources": {
            "jobs": {
                "notebook": _job(job, "notebook", _notebook(job, config)),
                "program": _job(job, "program", _program(job, config)),
            }
        },
        "targets": {"dev": {"mode": "development", "default": True}, "prod": {"mode": "production"}},
    }


def _job(job: Job, kind: str, task: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"sparring {job.name} as a {kind}",
        "max_concurrent_runs": 1,
        "job_clusters": [{"job_cluster_key": CLUSTER, "new_cluster": _cluster(job)}],
        "tasks": [
            {"task_key": "compare", "job_cluster_key": CLUSTER, "libraries": [{"whl": WHEEL}], "max_retries": 0, **task}
        ],
    }


def _cluster(job: Job) -> dict[str, Any]:
    return {
        "spark_version": RUNTIME,
        "node_type_id": NODE,
        "num_workers": job.executors,
        "data_security_mode": "SINGLE_USER",
        "spark_conf": dict(SPARK_SETTINGS),
    }


def _notebook(job: Job, config: str) -> dict[str, Any]:
    parameters = {"config": config, "output": job.output}
    return {"notebook_task": {"notebook_path": NOTEBOOK, "base_parameters": parameters}}


def _program(job: Job, config: str) -> dict[str, Any]:
    arguments = ["run", config, "--output", job.output]
    return {
        "python_wheel_task": {"package_name": "sparring", "entry_point": "sparring", "parameters": arguments},
    }
