"""What holds for every command: help that a person wrote, exit codes as the guide tells them, errors in a sentence."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import sparring.errors
from sparring import __version__
from sparring.cli import app
from sparring.errors import SparringError
from sparring.run.exit_codes import MEANINGS, ExitCode

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "command-line.md"


def commands(group: Any = None, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, as its words; the program itself has none."""
    group = group or get_command(app)
    yield names
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*names, name))


def errors(kind: type[SparringError] = SparringError) -> Iterator[type[SparringError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from errors(below)


@pytest.mark.parametrize("names", list(commands()), ids=" ".join)
def test_help_names_values_as_a_person_would(names: tuple[str, ...], sparring: Callable) -> None:
    shown = sparring(*names, "-h")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == sparring(*names, "--help").stdout
    assert not re.search(r"<\w|\bTEXT\b|\bINTEGER\b|\bFLOAT\b", shown.stdout)


def test_every_error_has_a_code_that_is_explained() -> None:
    for kind in errors():
        if kind.__module__ == sparring.errors.__name__ and kind is not SparringError:
            assert kind.exit_code in MEANINGS, kind


def test_the_guide_tells_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", GUIDE.read_text(), re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == {int(code): text for code, text in MEANINGS.items()}
    assert set(MEANINGS) == set(ExitCode)


def test_every_option_that_all_share_is_in_the_guide() -> None:
    text = GUIDE.read_text()
    for option in ("--json", "--quiet", "--only", "--version", "--dry-run", "--install-completion"):
        assert option in text


def test_the_version_is_told_by_program_and_module() -> None:
    for program in ([sys.executable, "-m", "sparring"], [str(Path(sys.executable).parent / "sparring")]):
        done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"sparring {__version__}\n"


def test_shells_are_given_a_completion() -> None:
    program = [str(Path(sys.executable).parent / "sparring"), "--show-completion", "bash"]
    # Else the shell is sought among the processes above this one, and there may be none.
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
    assert "_SPARRING_COMPLETE" in done.stdout


def test_an_unforeseen_error_is_a_sentence_and_its_traceback_is_in_the_log(
    sparring: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("the roof\nis on fire")

    monkeypatch.setattr("sparring.spark.doctor.examine", fail)
    done = sparring("doctor")
    assert done.returncode == ExitCode.UNEXPECTED
    (line,) = done.stderr.splitlines()
    assert "RuntimeError: the roof" in line
    log = Path(line.rsplit(" ", 1)[-1])
    assert "Traceback" in log.read_text()
    assert "in fail" in log.read_text()
    log.unlink()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), ["'/root/x': Permission denied", "rights"]),
        (OSError(errno.ENOSPC, "No space left on device", "/full/x"), ["'/full/x': No space left", "Free"]),
        (OSError(errno.EROFS, "Read-only file system", "/cd/x"), ["'/cd/x'", "read-only"]),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/f/x"), ["'/f/x'", "is a file"]),
        (OSError(errno.EADDRINUSE, "Address already in use"), ["Address already in use", "another port"]),
    ],
    ids=lambda value: getattr(value, "strerror", ""),
)
def test_what_the_system_refuses_is_told_in_its_own_words(
    sparring: Callable, monkeypatch: pytest.MonkeyPatch, error: OSError, words: list[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("sparring.spark.doctor.examine", fail)
    done = sparring("doctor")
    assert done.returncode == ExitCode.PLATFORM
    for word in words:
        assert word in done.stderr


def test_doctor_in_json_is_one_document(sparring: Callable) -> None:
    done = sparring("doctor", "--json")
    findings = json.loads(done.stdout)["findings"]
    assert {"Python", "Spark", "Java"} <= {finding["name"] for finding in findings}
