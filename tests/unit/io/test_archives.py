"""Python without the filter of archives gets the backport's."""

import importlib.util
import io
import tarfile as standard
from pathlib import Path
from types import ModuleType

import pytest

from sparring.io import archives


@pytest.fixture
def backported(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``archives`` as Python 3.11.2 imports it; a module of its own, for others hold the classes of the usual one."""
    monkeypatch.delattr(standard, "data_filter", raising=False)
    spec = importlib.util.spec_from_file_location("older_archives", str(archives.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_python_without_the_filter_unpacks_and_refuses_all_the_same(backported: ModuleType, tmp_path: Path) -> None:
    if not importlib.util.find_spec("backports"):
        pytest.skip("Python 3.12 and later have the filter: backports.tarfile is not installed")
    tarfile = backported.tarfile
    assert tarfile.__name__ == "backports.tarfile"
    for name, refused in (("model", False), ("../evil", True)):
        stream = io.BytesIO()
        with standard.open(fileobj=stream, mode="w:gz") as packed:
            packed.addfile(standard.TarInfo(name), io.BytesIO())
        stream.seek(0)
        with tarfile.open(fileobj=stream) as packed:
            if refused:
                with pytest.raises(tarfile.FilterError):
                    packed.extractall(tmp_path / "in", filter="data")
            else:
                packed.extractall(tmp_path / "in", filter="data")
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "model"]
