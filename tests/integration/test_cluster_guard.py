"""A run's folder on one machine's disk is refused by a cluster of several: a real standalone one, on this machine."""

import subprocess
from pathlib import Path

import pytest

from sparring.errors import PlatformError
from sparring.run.preflight import check_shared
from sparring.spark.standalone import StandaloneCluster

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


def test_a_cluster_refuses_a_local_folder_before_it_reads_a_row(small_run: Path, tmp_path: Path) -> None:
    with StandaloneCluster(1, 1, "1g", tmp_path / "cluster") as cluster:
        command = [str(JOB), str(small_run), "--output", str(tmp_path / "run")]
        done = cluster.submit(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        output, errors = done.communicate(timeout=180)
    assert done.returncode == PlatformError.exit_code, errors[-2_000:]
    # spark-submit sends all that a Python program prints to its own standard output.
    (error,) = [line for line in output.splitlines() if line.startswith("error:")]
    assert f"{tmp_path}/run" in error
    assert cluster.master in error
    assert "Traceback" not in output + errors
    assert not (tmp_path / "run").exists()
