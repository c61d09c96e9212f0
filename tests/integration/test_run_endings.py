"""How runs end other than well: interrupted at any moment, with a contender that failed, in a folder in use."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring.jobs import compare
from sparring.run.exit_codes import ExitCode
from sparring.run.interrupt import command
from sparring.run.lock import locked
from sparring.training.single_node import SingleNodeTrainer

PROGRAM = [str(Path(sys.executable).parent / "sparring")]
QUICK = ["--set", "leakage={enabled: false, audit: false}", "--set", "resources.isolation=session"]


def start(small_run: Path, out: Path, engine: str = "spark") -> subprocess.Popen:
    arguments = [*PROGRAM, "run", str(small_run), "--output", str(out), "--set", f"engine={engine}"]
    environment = {name: value for name, value in os.environ.items() if name != "UV_RUN_RECURSION_DEPTH"}
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


@pytest.mark.parametrize(
    ("number", "stage", "seconds", "engine"),
    [
        (signal.SIGINT, None, 0.3, "spark"),  # imports
        (signal.SIGTERM, "ingest", 0.7, "spark"),  # the JVM starts
        (signal.SIGINT, "ingest", 4.0, "spark"),  # Spark works
        (signal.SIGTERM, "split", 0.5, "spark"),
        (signal.SIGINT, "ingest", 0.0, "one_machine"),
    ],
)
def test_an_interrupt_is_one_line_with_the_command_to_go_on(
    small_run: Path, tmp_path: Path, number: signal.Signals, stage: str | None, seconds: float, engine: str
) -> None:
    with start(small_run, tmp_path / "run", engine) as running:
        assert running.stderr is not None
        while stage is not None and not running.stderr.readline().startswith(stage):
            assert running.poll() is None
        time.sleep(seconds)
        # The whole group, as a terminal does.
        os.killpg(running.pid, number)
        printed, told = running.communicate(timeout=60)
    assert running.returncode == ExitCode.INTERRUPTED
    assert printed == ""
    lines = [line for line in told.splitlines() if not line.endswith("...")]
    expected = f"sparring run {small_run} --output {tmp_path / 'run'} --set engine={engine}"
    assert lines == [f"interrupted: what is finished is kept; to go on: {expected}"]


WATCHED = """
import signal, threading
from sparring.run.interrupt import answered
from sparring.spark.session import SessionSpec, get_session
seen, over = set(), threading.Event()
def watch():
    while not over.is_set():
        seen.add(signal.getsignal(signal.SIGINT))
with answered():
    ours = signal.getsignal(signal.SIGINT)
    watcher = threading.Thread(target=watch)
    watcher.start()
    get_session(SessionSpec(memory="1g", cores=1))
    over.set()
    watcher.join()
assert seen == {ours}, seen
"""


def test_no_answer_but_ours_is_in_place_while_spark_starts() -> None:
    """Spark's own fails when an interrupt comes in the middle of a call to the JVM."""
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def test_the_command_to_go_on_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    words = ["run", "my table.yaml", "--set", "contenders=[{name: a}]"]
    assert command(["/venv/bin/sparring", *words]) == "sparring run 'my table.yaml' --set 'contenders=[{name: a}]'"
    assert command(["/lib/sparring/__main__.py", "demo"]) == "python -m sparring demo"
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert command(["sparring", "demo"]) == "uv run sparring demo"


def test_a_failed_contender_is_a_cross_and_a_code_and_the_others_are_reported(
    sparring: Callable, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = SingleNodeTrainer.fit

    def fail(trainer: SingleNodeTrainer, spec: Any, phases: Any) -> Any:
        if spec.name == "xgboost":
            raise RuntimeError("out of luck")
        return train(trainer, spec, phases)

    monkeypatch.setattr(SingleNodeTrainer, "fit", fail)
    done = sparring("run", str(small_run), "--output", str(tmp_path / "run"), *QUICK, "--json")
    assert done.returncode == ExitCode.CONTENDER_FAILED
    assert any(line.startswith("✗ xgboost") and "out of luck" in line for line in done.stderr.splitlines())
    assert any(line.startswith("✓ sklearn-logistic") for line in done.stderr.splitlines())
    report = json.loads(done.stdout)
    assert {c["name"]: c["status"] for c in report["contenders"]} == {"sklearn-logistic": "ok", "xgboost": "failed"}
    assert Path(report["page"]).exists()
    assert (tmp_path / "run" / "log.txt").exists()
    # The same as a Spark job: a step of EMR with it fails.
    assert compare.main([str(small_run), "--output", str(tmp_path / "run"), *QUICK]) == ExitCode.CONTENDER_FAILED
    monkeypatch.setattr(SingleNodeTrainer, "fit", train)
    again = sparring("run", str(small_run), "--output", str(tmp_path / "run"), *QUICK, "--quiet")
    assert again.returncode == 0
    assert again.stderr == ""


def test_only_trains_what_it_names_and_the_verdict_says_who_took_part(
    sparring: Callable, small_run: Path, tmp_path: Path
) -> None:
    out = ["--output", str(tmp_path / "run"), *QUICK, "--json"]
    first = json.loads(sparring("run", str(small_run), *out, "--only", "xgboost").stdout)
    assert [c["name"] for c in first["contenders"]] == ["xgboost"]
    assert any("sklearn-logistic" in caveat for caveat in first["verdict"]["caveats"])
    done = sparring("run", str(small_run), *out, "--only", "sklearn-logistic")
    second = json.loads(done.stdout)
    assert [c["name"] for c in second["contenders"]] == ["sklearn-logistic", "xgboost"]
    assert not any("take part" in caveat for caveat in second["verdict"]["caveats"])
    assert "✓ xgboost      kept" in done.stderr
    wrong = sparring("run", str(small_run), *out, "--only", "xgbost")
    assert wrong.returncode == ExitCode.CONFIG
    assert "Did you mean 'xgboost'?" in wrong.stderr


def test_a_folder_in_use_is_refused(sparring: Callable, small_run: Path, tmp_path: Path) -> None:
    with locked(str(tmp_path)):
        done = sparring("run", str(small_run), "--output", str(tmp_path), *QUICK)
    assert done.returncode == ExitCode.IN_USE
    assert str(os.getpid()) in done.stderr
