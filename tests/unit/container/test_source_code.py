"""Script mode: what is packed is what was there, and the toolkit reads the hyperparameters as they were given."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.errors import ConfigError
from sparring.sagemaker.source_code import pack, script_hyperparameters


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    (folder / "lib" / "__pycache__").mkdir(parents=True)
    (folder / "train.py").write_text("print('train')")
    (folder / "lib" / "net.py").write_text("NET = 1")
    (folder / "lib" / "__pycache__" / "net.pyc").write_bytes(b"x")
    return folder


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar.getmembers()}  # type: ignore[union-attr]


def test_the_folder_is_packed_whole_but_for_caches(source: Path) -> None:
    found = unpacked(pack("train.py", str(source)))
    assert found == {"train.py": b"print('train')", "lib/net.py": b"NET = 1"}


def test_a_program_alone_and_its_requirements(source: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages.txt"
    packages.write_text("numpy")
    found = unpacked(pack(str(source / "train.py"), requirements=str(packages)))
    assert found == {"train.py": b"print('train')", "requirements.txt": b"numpy"}


def test_the_same_files_make_the_same_bytes(source: Path) -> None:
    first = pack("train.py", str(source))
    os.utime(source / "train.py", (1, 1))
    assert pack("train.py", str(source)) == first
    (source / "train.py").write_text("print('other')")
    assert pack("train.py", str(source)) != first


def test_what_is_missing_doubled_or_leads_out_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="entryPoint: there is no file"):
        pack("absent.py", str(source))
    (source / "requirements.txt").write_text("a")
    with pytest.raises(ConfigError, match=r"holds requirements\.txt already"):
        pack("train.py", str(source), str(source / "requirements.txt"))
    (tmp_path / "secret").write_text("s")
    (source / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigError, match="leads out of"):
        pack("train.py", str(source))


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.integers())


@settings(max_examples=50)
@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), VALUES, max_size=5))
def test_every_hyperparameter_comes_back_as_the_toolkit_decodes_it(configured: dict[str, object]) -> None:
    found = script_hyperparameters(configured, "train.py", "s3://b/k/sourcedir.tar.gz", "job-1")
    decoded = {name: json.loads(value) for name, value in found.items()}
    own = {name: value for name, value in decoded.items() if name.startswith("sagemaker_")}
    assert {name: value for name, value in decoded.items() if name not in own} == configured
    assert own["sagemaker_program"] == "train.py"
    assert own["sagemaker_submit_directory"] == "s3://b/k/sourcedir.tar.gz"


def test_a_name_of_the_toolkits_own_is_refused() -> None:
    with pytest.raises(ConfigError, match="sagemaker_program would hide"):
        script_hyperparameters({"sagemaker_program": "x"}, "train.py", "s3://b/k", "job")
