"""Files wherever they lie: what is written is what is there and what is read, whatever it is called."""

from pathlib import Path

import pytest

from sparring.io import storage


@pytest.mark.parametrize("name", ["model.tar.gz", "a.gz", "a.bz2", "a.zst", "a.lz4", "a.snappy", "a.json", "a"])
def test_bytes_stay_as_they_are_whatever_the_name_says_of_them(tmp_path: Path, name: str) -> None:
    body = b"\x1f\x8b not compressed, or compressed twice" * 3
    storage.write_bytes(str(tmp_path / name), body)
    assert (tmp_path / name).read_bytes() == body
    assert storage.read_bytes(str(tmp_path / name)) == body
