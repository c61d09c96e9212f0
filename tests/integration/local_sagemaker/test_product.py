"""The emulator on its own: its command line, its profile, its fixtures for other people's tests."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

COMMAND = [sys.executable, "-m", "sparring_local_sagemaker"]
LIST = "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"


def elsewhere() -> dict[str, str]:
    """An environment whose AWS is another one, or none at all."""
    return {**os.environ, "AWS_PROFILE": "none-of-ours", "AWS_ACCESS_KEY_ID": "theirs", "AWS_SESSION_TOKEN": "theirs"}


def ran(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**elsewhere(), **environment}
    return subprocess.run([*COMMAND, *command], env=given, capture_output=True, text=True, timeout=120, check=False)


def test_a_command_runs_with_an_aws_of_its_own() -> None:
    done = ran("exec", "--", sys.executable, "-c", LIST)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\['sparring-local-\w+'\]\n", done.stdout)


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -TERM $$", 143)])
def test_its_exit_code_is_the_commands(script: str, code: int) -> None:
    assert ran("exec", "--", "sh", "-c", script).returncode == code


def test_sagemakers_sdk_is_told_a_default_bucket() -> None:
    done = ran("exec", "--", "sh", "-c", 'cat "$SAGEMAKER_USER_CONFIG_OVERRIDE"; echo "$SPARRING_LOCAL_BUCKET"')
    text, _, bucket = done.stdout.strip().rpartition("\n")
    assert yaml.safe_load(text)["SageMaker"]["PythonSDK"]["Modules"]["Session"]["DefaultS3Bucket"] == bucket


def test_a_command_that_is_none_and_settings_that_are_wrong_say_so_in_a_line() -> None:
    done = ran("exec", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, "no-such-command cannot be run: No such file or directory\n")
    done = ran("up", "--faults", "nowhere.yaml")
    assert done.returncode not in (0, 1)
    assert "nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[list[str]]:
    """The lines that a server prints at its start."""
    server = subprocess.Popen([*COMMAND, "up", "--state", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield [server.stdout.readline().strip() for _ in range(5)]
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0


def test_both_lines_that_are_handed_out_lead_clients_here(served: list[str], tmp_path: Path) -> None:
    assert "not AWS" in served[0]
    assert stat.S_IMODE((tmp_path / "aws-config").stat().st_mode) == 0o600
    for line in served[3:]:
        names = dict(word.split("=", 1) for word in line.removeprefix("export ").split())
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        program = f"{LIST}; print(boto3.client('s3').generate_presigned_url('head_bucket', Params=dict(Bucket='bbb')))"
        done = subprocess.run([sys.executable, "-c", program], env={**clean, **names}, capture_output=True, text=True)
        assert done.stdout.startswith("[]\nhttp://127.0.0.1:"), done.stderr
    assert "X-Amz-Signature" in done.stdout or "AWS_CONFIG_FILE" not in line


def tutorial(number: int) -> str:
    """A block of Python in the tutorial, as a reader would copy it."""
    text = (Path(__file__).parents[3] / "docs" / "guide" / "local-sagemaker-tutorial.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, flags=re.S)[number]


def test_fixtures_come_with_the_package(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(tutorial(1))
    command = [sys.executable, "-m", "pytest", "-q", str(tmp_path), "--rootdir", str(tmp_path), "-c", os.devnull]
    done = subprocess.run(command, env=elsewhere(), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(tutorial(0))
    done = ran("exec", "--", sys.executable, str(tmp_path / "train.py"))
    assert done.returncode == 0, done.stderr
    near_one, near_zero = (float(text) for text in done.stdout.split())
    assert near_one > 0.9
    assert near_zero < 0.1
