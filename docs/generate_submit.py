"""Examples of what ``sparring submit`` makes: ``conf/emr``, ``conf/emr-serverless`` and ``conf/databricks``.

::

    uv run python docs/generate_submit.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from sparring.submit.databricks import bundle
from sparring.submit.emr import BOOTSTRAP, BOOTSTRAP_SCRIPT, policy, run_job_flow, step
from sparring.submit.emr_serverless import start_job_run
from sparring.submit.job import Job, executors_for

CONF = Path(__file__).parents[1] / "conf"
SHIPPED, OUTPUT, TABLE = "s3://my-bucket/sparring", "s3://my-bucket/runs/mine", "s3://my-bucket/tables/mine"
VOLUME = "/Volumes/main/default/sparring"
ROLE = "arn:aws:iam::123456789012:role/SparringJob"


def files() -> dict[str, str]:
    """Return path below ``conf`` -> text, of a table of 20 GB."""
    executors = executors_for(20 << 30)
    job = Job("mine", f"{SHIPPED}/conf/mine.yaml", SHIPPED, OUTPUT, executors)
    on_databricks = Job("mine", f"{VOLUME}/conf/mine.yaml", VOLUME, f"{VOLUME}/runs/mine", executors)
    return {
        "emr/step.json": _json([step(job)]),
        "emr/cluster.json": _json(run_job_flow(job, "EMR_DefaultRole", "EMR_EC2_DefaultRole")),
        "emr/policy.json": _json(policy(job, TABLE)),
        f"emr/{BOOTSTRAP}": BOOTSTRAP_SCRIPT,
        "emr-serverless/job-run.json": _json(start_job_run(job, "00example", ROLE, "a-token-of-yours")),
        "emr-serverless/policy.json": _json(policy(job, TABLE)),
        "databricks/databricks.yml": yaml.safe_dump(bundle(on_databricks, on_databricks.config), sort_keys=False),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    for name, text in files().items():
        (CONF / name).parent.mkdir(exist_ok=True)
        (CONF / name).write_text(text)
