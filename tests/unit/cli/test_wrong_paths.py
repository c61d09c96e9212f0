"""A path that is not what a command needs: each is told what it is, and no other cause is made up."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from sparring.errors import PlatformError
from sparring.run.exit_codes import ExitCode
from sparring.run.preflight import check_disk


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """A folder that is no run, a file, a run that has not ended, nothing."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("hello")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "manifest.json").write_text('{"config": {}, "stages": {}}')
    return {name: str(tmp_path / name) for name in ("empty", "file", "begun", "nothing")}


@pytest.mark.parametrize(
    "words", [("predict", "t.csv", "--run"), ("serve",), ("package",), ("sagemaker", "cleanup", "--run")]
)
@pytest.mark.parametrize(
    ("place", "said"), [("empty", "no run"), ("file", "o run|Not a directory"), ("nothing", "no folder")]
)
def test_what_is_no_run_is_called_so(
    sparring: Callable, places: dict[str, str], words: tuple[str, ...], place: str, said: str
) -> None:
    done = sparring(*words, places[place])
    assert done.returncode in (ExitCode.PACKAGE, ExitCode.PLATFORM)
    assert any(word in done.stderr for word in said.split("|"))
    assert places[place] in done.stderr


@pytest.mark.parametrize("words", [("predict", "t.csv", "--run"), ("serve",), ("package",)])
def test_a_run_that_has_not_ended_is_called_so(sparring: Callable, places: dict[str, str], words: tuple) -> None:
    done = sparring(*words, places["begun"])
    assert done.returncode == ExitCode.PACKAGE
    assert "has not come to its end" in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe\x00", "not text in UTF-8"), (b"name: [", "line 1, column 8"), (None, "directory"), (b"7", "no keys")],
)
def test_a_configuration_that_cannot_be_read_is_told_why(
    sparring: Callable, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.mkdir() if content is None else path.write_bytes(content)
    done = sparring("run", str(path))
    assert done.returncode == ExitCode.CONFIG
    assert words in done.stderr


@pytest.mark.parametrize("override", ["a={b", "a=[1", "a='b"])
def test_an_override_that_is_not_yaml_is_told_so(sparring: Callable, small_run: Path, override: str) -> None:
    done = sparring("run", str(small_run), "--set", override)
    assert done.returncode == ExitCode.CONFIG
    assert "is not YAML" in done.stderr


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOENT])
def test_a_folder_that_cannot_be_written_is_not_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(code, "refused", str(tmp_path))

    monkeypatch.setattr("sparring.run.preflight.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(PlatformError, match="cannot be written") as error:
        check_disk(str(tmp_path / "run"), 0)
    assert "GiB" not in str(error.value)


def test_a_port_is_one_that_exists(sparring: Callable) -> None:
    assert sparring("serve", "run", "--port", "99999").returncode == ExitCode.CONFIG
