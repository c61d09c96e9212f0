"""The check of a container: each bad one is found by its rule, each good one passes, all of it in bounded time."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from sparring.cli import app
from sparring.cli.container import PHASE_NAMES
from sparring.container.check import PHASES, ContainerCheck, Limits, Payload, check_container
from sparring.container.isolation import can_isolate, isolated
from sparring.errors import ConfigError, PlatformError

from .contract_programs import FAULTS
from .good_containers import GOOD, ROWS, STDLIB, stdlib, written

# Shorter than the contract's: a program of a test need not be slow for long.
LIMITS = Limits(
    ping=0.5, invoke=1.5, start=20, train=60, stop_training=0.5, stop_serving=1.0,
    body=150_000, idle=1.0, load=0.5, requests=24,
)  # fmt: skip
# Programs that are waited for in vain.
IMPATIENT = replace(LIMITS, start=0.8, train=0.8)
# A variable that the programs of a test inherit, and what they leave behind.
MARK = "SPARRING_TEST_OF"
WAITED_FOR = ("ping-204", "ping-500", "ping-redirect", "slow-start", "other-port", "never-answers", "hangs")

needs_isolation = pytest.mark.skipif(not can_isolate(), reason="this machine lets nobody mount: not root on Linux")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def left_of(folder: Path) -> list[str]:
    """Return the programs that still run and were given :data:`MARK` of this test."""
    left = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.status() != psutil.STATUS_ZOMBIE and one.environ().get(MARK) == str(folder):
                left.append(" ".join(one.cmdline()))
    return left


def test_the_catalogue_holds_thirty_faults_in_every_phase_and_no_two_alike() -> None:
    assert len(FAULTS) >= 30
    assert {phase for phase, _, _ in FAULTS.values()} == set(PHASES)
    assert len({wrong for _, _, wrong in FAULTS.values()}) >= len(FAULTS) - 2


@pytest.mark.parametrize("fault", FAULTS)
def test_each_bad_container_is_found_by_its_rule(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARRING_TEST_SECRET", "only in this shell")
    phase, rule, _ = FAULTS[fault]
    whole = stdlib(tmp_path, fault)
    half = replace(whole, serve=[]) if phase == "training" else replace(whole, train=[])
    limits = IMPATIENT if fault in WAITED_FOR else LIMITS
    if phase in ("concurrency", "endurance") and fault not in WAITED_FOR:
        # As long as a slow machine needs for all requests: with too few of them the check says that it cannot tell.
        limits = replace(limits, load=15.0)
    marked = replace(half, environment={MARK: str(tmp_path)})
    report = check_container(replace(marked, phases=[phase], port=free_port(), limits=limits))
    found = {finding.rule: finding for finding in report.failed}
    assert rule in found, report.findings
    assert not report.passed
    assert all((one.found, one.fix, one.title, one.source) > ("", "", "", "") for one in found.values())
    assert not left_of(tmp_path)


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_each_good_container_passes_every_rule(make: Callable[[Path], ContainerCheck], tmp_path: Path) -> None:
    # The contract's own limits where a slow machine could make a good container late.
    limits = Limits(body=300_000, idle=0.3, load=3.0, requests=24)
    report = check_container(replace(make(tmp_path), port=free_port(), limits=limits))
    assert report.passed, report.failed
    # What was left out must be allowed to be: nothing passes for want of a test.
    assert {one.rule for one in report.of("skip")} <= {"serve.execution_parameters"}, report.of("skip")
    assert len(report.findings) == 40


@pytest.mark.parametrize(
    ("half", "fault", "started"),
    [("train", "hangs", False), ("serve", "never-answers", False), ("serve", "drips", True), ("both", "", True)],
)
def test_nothing_makes_the_check_exceed_its_time_and_what_was_left_out_is_named(
    half: str, fault: str, started: bool, tmp_path: Path
) -> None:
    whole = stdlib(tmp_path, fault)
    check = {"train": replace(whole, serve=[]), "serve": replace(whole, train=[])}.get(half, whole)
    check = replace(check, environment={MARK: str(tmp_path)})
    # With the contract's own limits: minutes of patience for each of a program's answers.
    begun = time.monotonic()
    report = check_container(replace(check, port=free_port(), time_limit=1.0))
    assert time.monotonic() - begun < 3.0
    assert not report.passed
    assert report.not_run
    assert all("time limit of 1 s" in one.found for one in report.not_run)
    passed = [one.rule for one in report.of("pass")]
    assert bool(passed) is started, passed
    assert len(report.findings) == {"train": 11, "serve": 29}.get(half, 40)
    assert not left_of(tmp_path)


def test_phases_are_chosen_and_without_a_payload_what_needs_one_is_named(tmp_path: Path) -> None:
    check = replace(stdlib(tmp_path), train=[], payload=None, port=free_port(), limits=LIMITS)
    report = check_container(replace(check, phases=["concurrency"]))
    statuses = {finding.rule: finding.status for finding in report.findings}
    assert statuses == {
        "serve.start": "pass", "serve.concurrent": "skip", "serve.ping_under_load": "skip", "serve.connect": "pass",
    }  # fmt: skip
    assert all("no payload was given" in finding.found for finding in report.of("skip"))


def test_one_answer_to_a_whole_request_is_no_fault(tmp_path: Path) -> None:
    program = Path(STDLIB[-1]).read_text().replace("found = answers(body, number)", "found = [sum(scores(body))]")
    command = [sys.executable, str(written(tmp_path / "whole.py", program.encode()))]
    check = replace(stdlib(tmp_path), train=[], serve=[*command, "serve"], port=free_port(), limits=LIMITS)
    report = check_container(replace(check, phases=["invocations"]))
    assert not report.failed, report.failed
    assert {one.rule for one in report.of("skip")} == {"serve.rows", "serve.row_order"}


@pytest.mark.parametrize(
    ("payload", "head", "rows"),
    [
        (Payload(b"a,b\n1,2\n3,4\n", "text/csv"), 1, 2),
        (Payload(b"1,2\r\n\r\n3,4", "text/csv; charset=utf-8"), 0, 2),
        (Payload(b"red,small\nblue,large\n", "text/csv"), 0, 2),
        (Payload(b"red,small\nblue,large\n", "text/csv", True), 1, 1),
        (Payload(b"a,b\n1,2\n", "text/csv; header=absent"), 0, 2),
        (Payload(b"1 1:2 3:4\n0 2:1\n", "text/libsvm"), 0, 2),
        (Payload(b'{"a": 1}\n{"a": 2}\n', "application/jsonlines"), 0, 2),
        (Payload(b'{"instances": [[1], [2], [3]]}', "application/json"), 0, 3),
        (Payload(b'[{"a": 1}]', "application/json"), 0, 1),
        (Payload(b'{"a": 1, "b": [2]}', "application/json"), 0, 0),
        (Payload(b"[1, 2, 3]", "application/json"), 0, 0),
        (Payload(b"not JSON", "application/json"), 0, 0),
        (Payload(b"\x89PNG", "image/png"), 0, 0),
    ],
)
def test_a_payload_is_divided_into_the_rows_it_has(payload: Payload, head: int, rows: int) -> None:
    assert (len(payload.head), len(payload.rows)) == (head, rows)
    if not rows:
        assert payload.enlarged(10_000) is None
        return
    again = replace(payload, body=payload.of(payload.rows))
    assert (again.head, again.rows) == (payload.head, payload.rows)
    body, count = payload.enlarged(10_000) or (b"", 0)
    assert 9_000 < len(body) <= 10_000
    assert len(replace(payload, body=body).rows) == count


def test_the_command_line_prints_what_to_mend_and_tells_by_its_code(tmp_path: Path) -> None:
    runner, out, rows = CliRunner(), tmp_path / "report.json", written(tmp_path / "rows.csv", ROWS)
    common = ["container", "check", "--no-isolation", "--port", str(free_port()), "--out", str(out)]
    training = ["--channel", f"train={rows}", "--hyperparameter", "rounds=2"]
    good = runner.invoke(app, [*common, *training, "--train", " ".join([*STDLIB, "train"])])
    assert good.exit_code == 0, good.output
    assert "11 held, 0 broken, 0 not tested" in good.output
    bad = runner.invoke(app, [*common, *training, "--train", " ".join([*STDLIB, "train", "writes-input"])])
    assert bad.exit_code == 1
    broken = [f for f in json.loads(out.read_text())["findings"] if f["status"] == "fail"]
    assert [f["rule"] for f in broken] == ["train.tree"]
    assert broken[0]["fix"].startswith("leave /opt/ml/input alone")
    needy = [*common, *training, "--phase", "training", "--train", " ".join([*STDLIB, "train", "needs-shell"])]
    assert runner.invoke(app, needy).exit_code == 1
    assert runner.invoke(app, [*needy, "--env", "SPARRING_TEST_SECRET=x"]).exit_code == 0
    late = runner.invoke(
        app, [*common, *training, "--time-limit", "1", "--train", " ".join([*STDLIB, "train", "hangs"])]
    )
    assert late.exit_code == 1
    assert "0 held, 0 broken, 0 not tested, 11 not run for want of time" in " ".join(late.output.split())
    assert PHASE_NAMES == PHASES
    wrong = runner.invoke(app, [*common, *training, "--phase", "lunch", "--train", "true"])
    assert isinstance(wrong.exception, ConfigError)


def test_without_a_command_or_a_free_port_nothing_is_run() -> None:
    assert "no command was given" in str(CliRunner().invoke(app, ["container", "check", "--no-isolation"]).exception)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        check = ContainerCheck(serve=[*STDLIB, "serve"], port=taken.getsockname()[1], isolate=False)
        with pytest.raises(PlatformError, match="is in use"):
            check_container(check)


def test_the_guide_names_every_rule() -> None:
    folder = Path(__file__).parents[3]
    sources = (folder / "python/sparring/container/check").glob("*.py")
    rules = {name for path in sources for name in re.findall(r'@rule\(\s*"([\w.]+)"', path.read_text())}
    named = set(re.findall(r"^\| `((?:train|serve)\.\w+)`", (folder / "docs/guide/container.md").read_text(), re.M))
    assert len(rules) == 40
    assert named == rules
    assert {rule for _, rule, _ in FAULTS.values()} <= rules


@needs_isolation
def test_isolated_programs_find_their_tree_at_opt_ml(tmp_path: Path) -> None:
    before = sorted(Path("/opt").iterdir())
    (tmp_path / "ml" / "model").mkdir(parents=True)
    done = subprocess.run(
        isolated(["sh", "-c", "echo found > /opt/ml/model/it; ls /opt; exit 7"], tmp_path / "ml"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7
    assert (tmp_path / "ml" / "model" / "it").read_text() == "found\n"
    assert done.stdout.split() == sorted({"ml", *(path.name for path in before)})
    assert sorted(Path("/opt").iterdir()) == before
    report = check_container(replace(stdlib(tmp_path), isolate=True, port=free_port(), limits=LIMITS))
    assert report.passed, report.findings
