"""EMR on EC2: a step for a cluster that runs, and the cluster to be started for it."""

from __future__ import annotations

from typing import Any

from sparring.submit.job import Job
from sparring.submit.spark_submit import spark_submit

RELEASE, INSTANCE = "emr-7.5.0", "m6i.2xlarge"
BOOTSTRAP = "bootstrap.sh"
# Sparring needs Python 3.10 to 3.12; this release's own is 3.9.
BOOTSTRAP_SCRIPT = """#!/bin/bash
# The interpreter that the packed environment is a copy of, on every node.
set -euo pipefail
sudo dnf install -y python3.11
"""


def step(job: Job) -> dict[str, Any]:
    """Return the step, as ``AddJobFlowSteps`` takes it: ``spark-submit`` in cluster mode.

    A run that fails, or a contender of it, ends with another code than 0: the step is then red.
    """
    return {
        "Name": f"sparring {job.name}",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": spark_submit(job)},
    }


def add_steps(job: Job, cluster_id: str) -> dict[str, Any]:
    """Return the request ``AddJobFlowSteps`` for a cluster that runs."""
    return {"JobFlowId": cluster_id, "Steps": [step(job)]}


def run_job_flow(job: Job, service_role: str, instance_profile: str, subnet: str | None = None) -> dict[str, Any]:
    """Return the request ``RunJobFlow``: a cluster for this one step, which ends with it.

    Parameters
    ----------
    job : Job
    service_role, instance_profile : str
        Names of EMR's role and of the profile of its machines, which need what :func:`policy` allows.
    subnet : str, optional
    """
    network = {"Ec2SubnetId": subnet} if subnet else {}
    return {
        "Name": f"sparring-{job.name}",
        "ReleaseLabel": RELEASE,
        "Applications": [{"Name": "Spark"}],
        "LogUri": f"{job.output}/emr-logs/",
        "ServiceRole": service_role,
        "JobFlowRole": instance_profile,
        "BootstrapActions": [
            {"Name": "python", "ScriptBootstrapAction": {"Path": f"{job.shipped}/{BOOTSTRAP}", "Args": []}}
        ],
        "Instances": {
            **network,
            "KeepJobFlowAliveWhenNoSteps": False,
            "TerminationProtected": False,
            "InstanceGroups": [
                _group("MASTER", 1),
                # Two executors a machine, and one machine's worth for the driver.
                _group("CORE", -(-job.executors // 2) + 1),
            ],
        },
        "Steps": [step(job)],
    }


def _group(role: str, count: int) -> dict[str, Any]:
    return {"Name": role.lower(), "InstanceRole": role, "InstanceType": INSTANCE, "InstanceCount": count}


def policy(job: Job, table: str | None, partition: str = "aws") -> dict[str, Any]:
    """Return the IAM policy that the job's machines need: to read what is shipped and the table, to write the run.

    Examples
    --------
    >>> job = Job("late", "s3://b/app/conf/late.yaml", "s3://b/app", "s3://b/runs/late", 2)
    >>> [statement["Sid"] for statement in policy(job, "s3://b/flights.parquet")["Statement"]]
    ['List', 'Read', 'Write']
    """
    read = [one for one in (job.shipped, table) if one]
    buckets = sorted({_bucket(one) for one in [*read, job.output]})
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("List", ["s3:ListBucket", "s3:GetBucketLocation"], [f"arn:{partition}:s3:::{b}" for b in buckets]),
            _allow("Read", ["s3:GetObject"], [arn for one in read for arn in _objects(one, partition)]),
            _allow(
                "Write",
                ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                _objects(job.output, partition),
            ),
        ],
    }


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _bucket(uri: str) -> str:
    return uri.partition("://")[2].partition("/")[0]


def _objects(uri: str, partition: str) -> list[str]:
    """Return what is at ``uri`` and below it: it may be a file or a folder."""
    place = uri.partition("://")[2].rstrip("/*")
    return [f"arn:{partition}:s3:::{place}", f"arn:{partition}:s3:::{place}/*"]
