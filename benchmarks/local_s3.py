"""A large object through the local S3: up, down, equal; and what the server needs for it.

::

    uv run python benchmarks/local_s3.py [--mebibytes 1024]

Written with boto3's own transfer manager (parts of 8 MiB, ten at a time), as ``upload_file`` does everywhere.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from pages import save, table

from sparring_local_sagemaker import LocalAws

CHUNK = 1 << 20


def fill(path: Path, mebibytes: int) -> str:
    """Write random bytes; return their digest."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(mebibytes):
            chunk = os.urandom(CHUNK)
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Return the digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def measure(folder: Path, mebibytes: int, state: bool) -> dict[str, Any]:
    """Send a file there and back; with ``state`` also through a restart of the server."""
    given = fill(folder / "given", mebibytes)
    where = str(folder / "state") if state else None
    results: dict[str, Any] = {"mebibytes": mebibytes, "kept on disk": state}
    with LocalAws(where) as aws:
        s3, server = aws.client("s3"), psutil.Process(aws._process.pid)  # type: ignore[union-attr]
        results["upload s"] = timed(lambda: s3.upload_file(str(folder / "given"), aws.bucket, "large"))
        if not state:
            results["download s"] = timed(lambda: s3.download_file(aws.bucket, "large", str(folder / "back")))
        results["server GiB"] = round(server.memory_info().rss / 2**30, 2)
        bucket = aws.bucket
    if state:
        began = time.monotonic()
        with LocalAws(where) as again:
            results["restart s"] = round(time.monotonic() - began, 1)
            s3 = again.client("s3")
            results["download s"] = timed(lambda: s3.download_file(bucket, "large", str(folder / "back")))
    assert digest_of(folder / "back") == given, "the bytes that came back are others"
    return results


def timed(work: Any) -> float:
    """Return the seconds that ``work`` takes."""
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 1)


def main() -> None:
    """Measure both kinds of server and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=1_024)
    size = parser.parse_args().mebibytes
    results = []
    for state in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(Path(folder), size, state))
    head = ["kept on disk", "MiB", "upload s", "restart s", "download s", "server GiB"]
    rows = [[str(r.get(name, "")) for name in ("kept on disk", "mebibytes", *head[2:])] for r in results]
    save("local_s3", results, f"# A large object through the local S3\n\n{table(head, rows)}\n")


if __name__ == "__main__":
    main()
