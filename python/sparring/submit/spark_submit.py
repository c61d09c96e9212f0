"""The line of ``spark-submit`` for YARN, Kubernetes or a standalone master."""

from __future__ import annotations

from sparring.submit.job import ENVIRONMENT, Job, option_words

PYTHON = f"./{ENVIRONMENT}/bin/python"


def spark_submit(job: Job, master: str = "yarn", deploy_mode: str = "cluster") -> list[str]:
    """Return the words of a command that runs ``job``.

    Parameters
    ----------
    job : Job
    master : str, default "yarn"
    deploy_mode : {"cluster", "client"}, default "cluster"
        ``client``, the only one that a standalone master has for Python: the driver runs where the command is typed,
        with the environment unpacked there.

    Notes
    -----
    The archive is unpacked beside driver and executors, and its Python runs there: it must be one that starts on those
    machines, see the guide.
    """
    python = {"spark.pyspark.python": PYTHON}
    if master == "yarn" and deploy_mode == "cluster":
        python = {"spark.yarn.appMasterEnv.PYSPARK_PYTHON": PYTHON, "spark.executorEnv.PYSPARK_PYTHON": PYTHON}
    return [
        *("spark-submit", "--master", master, "--deploy-mode", deploy_mode, "--name", f"sparring {job.name}"),
        *("--archives", f"{job.archive}#{ENVIRONMENT}", "--files", job.config),
        *option_words({**job.settings, **python}),
        *(job.script, *job.arguments),
    ]
