"""The container contract, and ending a program as a whole."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sparring.container.training import BASE_VARIABLE, TrainingEnvironment, TrainingStopped, run_training
from sparring.container.tree import lay_out
from sparring_local_sagemaker.processes import Program

# The child tells its id once it is deaf to SIGTERM.
CHILD = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(600)
"""
POLITE = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
subprocess.Popen([sys.executable, "-c", {CHILD!r}])
time.sleep(600)
"""
STUBBORN = POLITE.replace("lambda *_: sys.exit(3)", "signal.SIG_IGN")


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tree that the platform lays out."""
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps({"eta": "0.1"}))
    (config / "inputdataconfig.json").write_text(json.dumps({"train": {"ContentType": "text/csv"}}))
    for name in ("part-2", "sub/part-0", "part-10"):
        path = tmp_path / "input" / "data" / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setenv(BASE_VARIABLE, str(tmp_path))
    return tmp_path


def test_a_training_program_finds_what_the_platform_laid_out(base: Path) -> None:
    seen: list[TrainingEnvironment] = []
    assert run_training(seen.append) == 0
    (found,) = seen
    assert found.hyperparameters == {"eta": "0.1"}
    assert found.channels == {"train": {"ContentType": "text/csv"}}
    assert [path.read_text() for path in found.files("train")] == ["part-10", "part-2", "sub/part-0"]
    assert found.files("validation") == []
    assert found.model == base / "model"
    assert not (base / "output" / "failure").exists()


def test_what_a_training_program_raises_becomes_its_failure(base: Path) -> None:
    def train(environment: TrainingEnvironment) -> None:
        raise ValueError("eta is too high: é")

    assert run_training(train) == 1
    assert (base / "output" / "failure").read_text() == "eta is too high: é"


def test_a_missing_configuration_is_a_failure_too(base: Path) -> None:
    (base / "input" / "config" / "hyperparameters.json").unlink()
    assert run_training(lambda environment: None) == 1
    assert "hyperparameters.json" in (base / "output" / "failure").read_text()


def test_without_a_variable_the_tree_is_that_of_a_real_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE_VARIABLE, raising=False)
    code = "from sparring.container import TrainingEnvironment; TrainingEnvironment.read()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "/opt/ml/input/config/hyperparameters.json" in done.stderr


def started(code: str, folder: Path) -> tuple[Program, psutil.Process]:
    """Return a running program and the child that it has started."""
    log = folder / "log.txt"
    program = Program([sys.executable, "-u", "-c", code], folder, {}, log)
    while not log.read_text().endswith("\n"):
        assert program.running
    return program, psutil.Process(int(log.read_text()))


@pytest.mark.parametrize(("code", "expected"), [(STUBBORN, -9), (POLITE, 3)], ids=["stubborn", "polite"])
def test_ending_a_program_ends_its_children_too(code: str, expected: int, tmp_path: Path) -> None:
    program, child = started(code, tmp_path)
    program.end(grace=1.0)
    assert program.process.returncode == expected
    _, alive = psutil.wait_procs([child], timeout=20)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    program.end()


def test_a_program_sees_its_tree_and_its_own_variables(tmp_path: Path) -> None:
    code = "import os; print(os.environ['SAGEMAKER_BASE_DIR'], os.environ['MINE'], os.getcwd())"
    program = Program([sys.executable, "-c", code], tmp_path, {"MINE": "1"}, tmp_path / "log" / "log.txt")
    assert program.wait(60) == 0
    assert not program.running
    assert (tmp_path / "log" / "log.txt").read_text().split() == [str(tmp_path), "1", str(tmp_path)]


def test_waiting_has_a_limit(tmp_path: Path) -> None:
    program = Program([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, {}, tmp_path / "log.txt")
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.05)
    program.end(grace=20)
    assert program.process.returncode == -15


def test_the_guides_example_trains_and_answers(base: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "container.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", guide, re.S)
    scope: dict = {}
    exec(example, scope)
    (base / "model").mkdir()
    assert run_training(scope["train"]) == 0
    assert (base / "model" / "count.txt").read_text() == "1"
    assert scope["predict"](b"abc", "text/csv", "*/*") == (b"3", "text/csv")


def test_a_stop_is_raised_inside_the_training_and_is_no_failure(base: Path) -> None:
    saved: list[str] = []

    def train(environment: TrainingEnvironment) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except TrainingStopped:
            saved.append("checkpoint")
            raise

    before = signal.getsignal(signal.SIGTERM)
    assert run_training(train) == 143
    assert saved == ["checkpoint"]
    assert not (base / "output" / "failure").exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_layout_is_read_back_as_it_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, {"eta": 0.1}, {"train": {"ContentType": "text/csv"}}, ["algo-2", "algo-10", "algo-1"], "algo-2")
    monkeypatch.setenv(BASE_VARIABLE, str(tmp_path))
    found = TrainingEnvironment.read()
    assert found.hyperparameters == {"eta": "0.1"}
    assert found.channels["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert (found.hosts, found.current_host) == (["algo-1", "algo-10", "algo-2"], "algo-2")
    assert (found.rank, found.is_leader) == (2, False)
