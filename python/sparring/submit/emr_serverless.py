"""EMR Serverless: a job run of an application."""

from __future__ import annotations

import shlex
from typing import Any

from sparring.submit.job import ENVIRONMENT, Job, option_words

PYTHON = f"./{ENVIRONMENT}/bin/python"
MINUTES = 720


def start_job_run(job: Job, application_id: str, role: str, token: str) -> dict[str, Any]:
    """Return the request ``StartJobRun``.

    Parameters
    ----------
    job : Job
    application_id : str
        Of an application of type Spark.
    role : str
        ARN of the role that the job runs as, which needs what :func:`sparring.submit.emr.policy` allows.
    token : str
        Tells this request from another one: sent twice, it starts one job.

    Notes
    -----
    Its machines have a Python of their own; the archive must bring one along that starts there, see the guide.
    """
    settings = {
        **job.settings,
        "spark.archives": f"{job.archive}#{ENVIRONMENT}",
        "spark.files": job.config,
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
    }
    return {
        "applicationId": application_id,
        "clientToken": token,
        "executionRoleArn": role,
        "name": f"sparring-{job.name}",
        "executionTimeoutMinutes": MINUTES,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": job.script,
                "entryPointArguments": job.arguments,
                "sparkSubmitParameters": shlex.join(option_words(settings)),
            }
        },
        "configurationOverrides": {
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": f"{job.output}/emr-logs/"}}
        },
    }
