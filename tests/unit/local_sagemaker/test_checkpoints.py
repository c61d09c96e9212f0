"""What a living program writes goes to S3 as one state of each file, whatever it does meanwhile."""

import threading
import time
from pathlib import Path

import pytest

from sparring_local_sagemaker.storage import upload_living


class ReadsTwice:
    """An S3 client that signs what it reads first and sends what it reads next, as real ones do."""

    def __init__(self) -> None:
        self.sent: dict[str, bytes] = {}

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        signed = Path(path).read_bytes()
        time.sleep(0.002)
        assert Path(path).read_bytes() == signed
        self.sent[key] = signed


def rewrite(path: Path, at: int) -> None:
    path.write_text(str(at) * (at % 7 + 1))


def replace(path: Path, at: int) -> None:
    other = path.with_name("other")
    other.write_text(str(at))
    other.replace(path)


def remove(path: Path, at: int) -> None:
    path.unlink(missing_ok=True)
    if at % 2:
        path.write_text(str(at))


@pytest.mark.parametrize("change", [rewrite, replace, remove])
def test_a_file_that_changes_while_it_is_sent_is_sent_as_it_was_at_one_moment(tmp_path, change):
    path, ended, s3 = tmp_path / "at", threading.Event(), ReadsTwice()

    def write() -> None:
        at = 0
        while not ended.is_set():
            change(path, at := at + 1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            upload_living(s3, {"at": path}, "s3://bucket/checkpoints", tmp_path)
    finally:
        ended.set()
        writer.join()
    assert "checkpoints/at" in s3.sent
    assert {file.name for file in tmp_path.iterdir()} <= {"at", "other"}


def test_a_file_that_is_gone_is_not_said_to_be_saved(tmp_path):
    (tmp_path / "here").write_text("1")
    files = {name: tmp_path / name for name in ("gone", "here")}
    assert upload_living(ReadsTwice(), files, "s3://bucket/checkpoints", tmp_path) == ["here"]
