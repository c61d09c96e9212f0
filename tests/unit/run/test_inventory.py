"""What a stage left is told apart from all that may become of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sparring.run import inventory as module
from sparring.run.inventory import inventory

LARGE = module.WHOLE_BYTES + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "matrix").mkdir()
    (tmp_path / "matrix" / "small").write_bytes(b"a" * 10)
    (tmp_path / "matrix" / "large").write_bytes(b"b" * LARGE)
    (tmp_path / "encoding.json").write_text("{}")
    (tmp_path / "other").write_text("of another stage")
    return tmp_path


def found(folder: Path) -> dict:
    return inventory(f"file:{folder}", ["matrix", "encoding.json", "absent"])


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def change(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"x")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is gone": lambda folder: (folder / "matrix" / "small").unlink(),
    "one more": lambda folder: (folder / "matrix" / "more").write_bytes(b""),
    "renamed": lambda folder: (folder / "matrix" / "small").rename(folder / "matrix" / "smaller"),
    "longer": lambda folder: append(folder / "matrix" / "large"),
    "a byte of a small file": lambda folder: change(folder / "matrix" / "small", 5),
    "the head of a large file": lambda folder: change(folder / "matrix" / "large", 5),
    "the foot of a large file": lambda folder: change(folder / "matrix" / "large", LARGE - 5),
    "a file that is named": lambda folder: (folder / "encoding.json").write_text("[]"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_seen(folder: Path, what: str) -> None:
    before = found(folder)
    CHANGES[what](folder)
    assert found(folder) != before


def test_what_is_no_content_does_not_count(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = found(folder)
    assert (before["files"], before["bytes"]) == (3, 12 + LARGE)
    (folder / "matrix" / "_SUCCESS").touch()
    (folder / "matrix" / ".small.crc").touch()
    (folder / "other").unlink()
    assert found(folder) == before
    moved = tmp_path_factory.mktemp("elsewhere") / "run"
    folder.rename(moved)
    assert found(moved) == before
    moved.rename(folder)


def test_of_very_many_files_some_are_read_and_all_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_READ", 3)
    for number in range(10):
        (tmp_path / str(number)).write_bytes(b"a")
    before = inventory(f"file:{tmp_path}", [""])
    assert before["files"] == 10
    (tmp_path / "0").write_bytes(b"b")
    assert inventory(f"file:{tmp_path}", [""]) != before
    (tmp_path / "9").unlink()
    assert inventory(f"file:{tmp_path}", [""])["files"] == 9


def test_nothing_is_an_inventory_too(tmp_path: Path) -> None:
    assert inventory(f"file:{tmp_path}/absent", [""])["files"] == 0
