"""A whole SageMaker contender that fails or is interrupted: what it tells, and that nothing stays."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.sql import SparkSession

from sparring.comparison.isolated_run import run_contender
from sparring.config.schema import SageMakerConfig
from sparring.data.matrix import PreparedMatrix
from sparring.training.spec import TrainingSpec

PATIENCE = 180
RUN = """
import sys
from sparring.comparison.isolated_run import run_contender
from sparring.training.spec import TrainingSpec
run_contender(TrainingSpec.from_json(sys.stdin.readline()), "process")
"""


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[], list[psutil.Process]]]:
    """Function that returns all living processes started by the test, whoever their parent is by now."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # The one variable of this test's that programs of the local SageMaker see, too.
    monkeypatch.setenv("TMPDIR", str(temporary))

    def living() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("TMPDIR") == str(temporary):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    yield living
    for process in living():
        process.kill()


def contender(matrix: PreparedMatrix, folder: Path, rounds: int, **config: Any) -> TrainingSpec:
    return TrainingSpec(
        name="handed-over",
        engine="sagemaker",
        family="gradient_boosted_trees",
        hyperparameters={"num_round": rounds},
        matrix=matrix.folder,
        folder=str(folder),
        cores=2,
        memory="1g",
        seed=1,
        target={"type": "int", "classes": [0, 1]},
        sagemaker=SageMakerConfig(**config).model_dump(),
    )


def is_training(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] == ["train"]
    except psutil.NoSuchProcess:
        return False


def test_a_refused_job_is_a_result_with_the_reason_and_leaves_no_process(
    spark: SparkSession,
    sparse_matrix: PreparedMatrix,
    tmp_path: Path,
    marked: Callable[[], list[psutil.Process]],
    until: Callable,
) -> None:
    folder = tmp_path / "run"
    result = run_contender(contender(sparse_matrix, folder, rounds=5, instance_count=21), "session")
    assert result["status"] == "failed"
    assert result["error"]["type"] == "SageMakerError"
    assert "Training job couldn't be completed" in result["error"]["message"]
    assert result["phases"]["clean_up"] >= 0
    assert sorted(path.name for path in folder.iterdir()) == ["result.json"]
    until(lambda: not marked())
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_ending_the_run_while_the_job_trains_ends_everything(
    request_to_end: signal.Signals,
    sparse_matrix: PreparedMatrix,
    tmp_path: Path,
    marked: Callable[[], list[psutil.Process]],
    until: Callable,
) -> None:
    spec = contender(sparse_matrix, tmp_path / "run", rounds=100_000_000)
    runner = subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert runner.stdin is not None
    runner.stdin.write(spec.to_json() + "\n")
    runner.stdin.flush()
    until(lambda: [process for process in marked() if is_training(process)])
    runner.send_signal(request_to_end)
    runner.wait(PATIENCE)
    runner.stdin.close()
    assert runner.returncode != 0
    until(lambda: not marked())
    if request_to_end == signal.SIGINT:
        assert leftovers(tmp_path) == []


def leftovers(folder: Path) -> list[str]:
    """Return what stayed among temporary files, but for what the JVM itself never deletes."""
    return [path.name for path in (folder / "temporary").iterdir() if path.name.startswith("sparring")]
