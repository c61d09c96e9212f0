"""Modules of other packages that add to Sparring."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from sparring.config import extensions
from sparring.errors import ConfigError


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of modules, all of them entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        extensions,
        "entry_points",
        lambda group: [EntryPoint(path.stem, path.stem, group) for path in tmp_path.glob("*.py")],
    )
    extensions.load_extensions.cache_clear()
    yield tmp_path
    extensions.load_extensions.cache_clear()


def test_modules_are_imported_once_in_the_order_of_their_names(points: Path) -> None:
    for name in ("added_two", "added_one"):
        (points / f"{name}.py").write_text("import added_log\nadded_log.seen.append(__name__)\n")
    (points / "added_log.py").write_text("seen = []\n")
    assert extensions.load_extensions() == ("added_log", "added_one", "added_two")
    assert extensions.load_extensions() == ("added_log", "added_one", "added_two")
    assert sys.modules["added_log"].seen == ["added_one", "added_two"]


def test_one_that_is_broken_is_named_with_its_cause(points: Path) -> None:
    (points / "added_broken.py").write_text("raise RuntimeError('no such thing')\n")
    with pytest.raises(ConfigError, match=r"added_broken.*RuntimeError: no such thing"):
        extensions.load_extensions()
