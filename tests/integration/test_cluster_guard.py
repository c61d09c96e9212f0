"""A run's folder on one machine's disk is refused by a cluster of several: a real standalone one, on this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyspark
import pytest

from sparring.errors import PlatformError
from sparring.run.preflight import check_shared
from sparring.spark.session import require_java

SPARK = Path(pyspark.__file__).parent
JOB = Path(__file__).parents[2] / "python" / "sparring" / "jobs" / "compare.py"


@pytest.mark.parametrize(
    ("folder", "master", "shared", "refused"),
    [
        ("/tmp/run", "local[2]", False, False),
        ("/tmp/run", "local-cluster[2,1,1024]", False, False),
        ("/tmp/run", "spark://host:7077", False, True),
        ("runs/flights", "yarn", False, True),
        ("file:///tmp/run", "k8s://https://host", False, True),
        ("/tmp/run", "spark://host:7077", True, False),
        ("s3a://bucket/run", "yarn", False, False),
        ("dbfs:/run", "spark://host:7077", False, False),
        ("/dbfs/run", "spark://host:7077", False, False),
        ("/dbfsx/run", "spark://host:7077", False, True),
    ],
)
def test_only_a_folder_that_executors_do_not_share_is_refused(
    folder: str, master: str, shared: bool, refused: bool
) -> None:
    if not refused:
        check_shared(folder, master, shared)
        return
    with pytest.raises(PlatformError) as error:
        check_shared(folder, master, shared)
    for word in (master, "--output", "s3a://", "resources.shared_disk=true"):
        assert word in str(error.value)


@pytest.fixture
def environment() -> dict[str, str]:
    java = str(require_java().home)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "JAVA_HOME": java, "PYSPARK_PYTHON": sys.executable, "PATH": path, "SPARK_HOME": str(SPARK)}


@pytest.fixture
def cluster(environment: dict[str, str], tmp_path: Path, until: Callable) -> Iterator[str]:
    """URL of a standalone master with one worker, both processes of their own."""
    log = tmp_path / "master.log"
    start = [str(SPARK / "bin" / "spark-class"), "org.apache.spark.deploy"]

    def launch(name: str, *arguments: str) -> subprocess.Popen:
        command = [start[0], f"{start[1]}.{name}", "--host", "127.0.0.1", "--webui-port", "0", *arguments]
        with log.open("ab") as output:
            return subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    with launch("master.Master", "--port", "0") as master:
        found = until(lambda: re.search(r"Starting Spark master at (spark://\S+)", log.read_text()))
        with launch("worker.Worker", "--cores", "1", "--memory", "1g", "-d", str(tmp_path), found.group(1)) as worker:
            yield found.group(1)
            worker.terminate()
        master.terminate()


def test_a_cluster_refuses_a_local_folder_before_it_reads_a_row(
    cluster: str, environment: dict[str, str], small_run: Path, tmp_path: Path
) -> None:
    submit = [str(SPARK / "bin" / "spark-submit"), "--master", cluster, "--conf", "spark.ui.enabled=false"]
    arguments = [str(JOB), str(small_run), "--output", str(tmp_path / "run")]
    done = subprocess.run([*submit, *arguments], env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == PlatformError.exit_code, done.stderr[-2_000:]
    # spark-submit sends all that a Python program prints to its own standard output.
    (error,) = [line for line in done.stdout.splitlines() if line.startswith("error:")]
    assert f"{tmp_path}/run" in error
    assert cluster in error
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "run").exists()
