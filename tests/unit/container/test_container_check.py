"""The check of a container: a program that keeps the contract passes, and for each rule one that breaks it fails it."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from sparring.cli import app
from sparring.container.check import ContainerCheck, Limits, Payload, Report, check_container
from sparring.container.isolation import can_isolate, isolated
from sparring.errors import PlatformError

PROGRAMS = [sys.executable, "-S", str(Path(__file__).with_name("contract_programs.py"))]
# Shorter than the contract's: a program of a test need not be slow for long.
LIMITS = Limits(ping=0.5, connect=0.25, invoke=1.5, start=20, train=60, stop_training=1.0, stop_serving=2.0)
TRAINING = ["train.exit", "train.model", "train.tree", "train.failure", "train.sigterm"]
SERVING = ["start", "ping", "unknown_type", "execution_parameters", "invocation", "large", "concurrent", "connect"]
SERVING = [f"serve.{rule}" for rule in [*SERVING, "sigterm"]]


needs_isolation = pytest.mark.skipif(not can_isolate(), reason="this machine lets nobody mount: not root on Linux")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    return path


def statuses(report: Report) -> dict[str, str]:
    return {finding.rule: finding.status for finding in report.findings}


def checked(half: str, fault: str, rows: Path, isolate: bool = False) -> Report:
    command = [*PROGRAMS, half, fault]
    return check_container(
        ContainerCheck(
            train=command if half == "train" else [],
            serve=command if half == "serve" else [],
            hyperparameters={"rounds": "3"},
            channels={"train": rows},
            payload=Payload(rows.read_bytes(), "text/csv"),
            port=free_port(),
            isolate=isolate,
            limits=LIMITS,
        )
    )


@pytest.mark.parametrize(("half", "rules"), [("train", TRAINING), ("serve", SERVING)])
def test_a_program_that_keeps_the_contract_passes_every_rule(half: str, rules: list[str], rows: Path) -> None:
    report = checked(half, "", rows)
    assert statuses(report) == dict.fromkeys(rules, "pass"), report.failed
    assert [f.fix for f in report.findings] == [""] * len(rules)


@pytest.mark.parametrize(
    ("half", "fault", "rules", "words"),
    [
        ("train", "crash", ["train.exit", "train.model"], "ended with code 1"),
        ("train", "cries", ["train.exit"], "yet wrote output/failure"),
        ("train", "elsewhere", ["train.model"], "0 files in model/"),
        ("train", "scribbles", ["train.tree"], "cache.bin"),
        ("train", "swallows", ["train.failure"], "ended with code 0"),
        ("train", "silent", ["train.failure"], "output/failure: none"),
        ("train", "default", ["train.sigterm"], "no handler for SIGTERM"),
        ("train", "ignores", ["train.sigterm"], "still running"),
        ("serve", "dies", ["serve.start"], "ended with code 3"),
        ("serve", "ping-204", ["serve.start"], "no ping was answered with 200"),
        ("serve", "ping-body", ["serve.ping"], "200 with 4 bytes"),
        ("serve", "any-type", ["serve.unknown_type"], "200 for Content-Type"),
        ("serve", "parameters", ["serve.execution_parameters"], "Threads"),
        ("serve", "error", ["serve.invocation"], "500"),
        ("serve", "slow", ["serve.invocation"], "timed out"),
        ("serve", "small", ["serve.large"], "413"),
        ("serve", "state", ["serve.concurrent"], "differ"),
        ("serve", "one-at-a-time", ["serve.concurrent"], "took"),
        ("serve", "backlog", ["serve.connect", "serve.concurrent"], "slowest of 16"),
        ("serve", "ignores", ["serve.sigterm"], "still running"),
        ("serve", "default", ["serve.sigterm"], "no handler for SIGTERM"),
        ("serve", "drops", ["serve.sigterm"], "in progress was lost"),
    ],
)
def test_each_rule_is_failed_by_the_program_that_breaks_it(
    half: str, fault: str, rules: list[str], words: str, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"ping-204": Limits(start=0.6)}.get(fault, LIMITS)
    monkeypatch.setattr(sys.modules[__name__], "LIMITS", limits)
    report = checked(half, fault, rows)
    assert {finding.rule for finding in report.failed} == set(rules), report.findings
    assert words in " ".join(finding.found for finding in report.failed)
    assert all(finding.fix for finding in report.failed)
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(rows.parent) in " ".join(p.info["cmdline"] or [])]


def test_the_command_line_prints_what_to_mend_and_tells_by_its_code(rows: Path, tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "report.json"
    common = ["container", "check", "--no-isolation", "--port", str(free_port()), "--out", str(out)]
    training = ["--channel", f"train={rows}", "--hyperparameter", "rounds=6"]
    good = runner.invoke(app, [*common, *training, "--train", " ".join([*PROGRAMS, "train"])])
    assert good.exit_code == 0, good.output
    assert "5 held, 0 broken, 0 not tested" in good.output
    bad = runner.invoke(app, [*common, *training, "--train", " ".join([*PROGRAMS, "train", "scribbles"])])
    assert bad.exit_code == 1
    broken = [f for f in json.loads(out.read_text())["findings"] if f["status"] == "fail"]
    assert [f["rule"] for f in broken] == ["train.tree"]
    assert broken[0]["fix"].startswith("leave /opt/ml/input alone")


def test_without_a_command_or_a_free_port_nothing_is_run(rows: Path) -> None:
    assert "no command was given" in str(CliRunner().invoke(app, ["container", "check", "--no-isolation"]).exception)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        check = ContainerCheck(serve=[*PROGRAMS, "serve"], port=taken.getsockname()[1], isolate=False)
        with pytest.raises(PlatformError, match="is in use"):
            check_container(check)


@needs_isolation
def test_isolated_programs_find_their_tree_at_opt_ml(rows: Path, tmp_path: Path) -> None:
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
    report = checked("train", "", rows, isolate=True)
    assert statuses(report) == dict.fromkeys(TRAINING, "pass"), report.failed
