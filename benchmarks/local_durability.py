"""Random calls to the local S3, with restarts and kills between them, against a plain dictionary.

::

    uv run python benchmarks/local_durability.py [--sequences 20] [--steps 150] [--seed 0]

Each sequence has a state folder of its own.  After each restart, after each kill (SIGKILL, right after an answer) and
at the end, every version of every key is read and compared with the dictionary.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pages import save, table

from sparring_local_sagemaker import LocalAws

KEYS = (
    "a", "a/b", "a//b", "a/", "/a", "a b", "a+b", "a%20b", "a%2Fb", "%41", "A", "100%", "data", "data#1", "data?x",
    "é/ü", "日本", "ts=2024-01-01 00%3A00%3A00/part-0", "../x", "..", "./y", "x" * 1_000, "bucket.json", "q\"<&>'",
)  # fmt: skip
BUCKET = "durability"
STATUSES = ("Enabled", "Suspended")
# Each kind of step, its weight, and what is drawn for it: numbers of keys, or of other choices.
KINDS = {
    "put": (8, (len(KEYS),)),
    "copy": (3, (len(KEYS), len(KEYS))),
    "multipart": (2, (len(KEYS),)),
    "delete": (4, (len(KEYS),)),
    "delete many": (2, (len(KEYS), len(KEYS), len(KEYS))),
    "delete version": (3, (len(KEYS), 100)),
    "versioning": (2, (len(STATUSES),)),
    "list": (1, ()),
    "restart": (0.5, ()),
    "kill": (0.5, ()),
}
Step = tuple[Any, ...]
# Of one key, oldest first: each version's id and bytes, None for a delete marker.
Versions = list[tuple[str, bytes | None]]


class Driver:
    """One server with a state folder, and the dictionary that says what must be in it."""

    def __init__(self, folder: str) -> None:
        self.folder, self.model, self.status = folder, dict[str, Versions](), ""
        self.count: Counter[str] = Counter()

    def __enter__(self) -> Driver:
        """Start the first server and make the bucket."""
        self._start()
        self.s3.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.aws.stop()

    def _start(self) -> None:
        self.aws = LocalAws(self.folder)
        self.aws.start()
        self.s3 = self.aws.client("s3")

    def do(self, step: Step) -> None:
        """Do a step, such as ``("put", 3)``, to both."""
        self.count[step[0]] += 1
        getattr(self, f"_{step[0].replace(' ', '_')}")(*step[1:])

    def _body(self) -> bytes:
        return f"{sum(self.count.values())}".encode() * 7

    def _added(self, key: str, version: str | None, body: bytes | None) -> None:
        before = self.model.get(key, [])
        if self.status != "Enabled":
            version, before = "null", [entry for entry in before if self.status and entry[0] != "null"]
        assert version is not None, "a versioned bucket answered without an id"
        self.model[key] = [*before, (version, body)]

    def _put(self, at: int) -> None:
        body = self._body()
        answer = self.s3.put_object(Bucket=BUCKET, Key=KEYS[at], Body=body)
        self._added(KEYS[at], answer.get("VersionId"), body)

    def _copy(self, source: int, target: int) -> None:
        found = self.model.get(KEYS[source], [])
        if source != target and found and found[-1][1] is not None:
            origin = {"Bucket": BUCKET, "Key": KEYS[source]}
            answer = self.s3.copy_object(Bucket=BUCKET, Key=KEYS[target], CopySource=origin)
            self._added(KEYS[target], answer.get("VersionId"), found[-1][1])

    def _multipart(self, at: int) -> None:
        place, body = {"Bucket": BUCKET, "Key": KEYS[at]}, self._body()
        upload = self.s3.create_multipart_upload(**place)["UploadId"]
        etag = self.s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=body)["ETag"]
        parts = {"Parts": [{"ETag": etag, "PartNumber": 1}]}
        answer = self.s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
        self._added(KEYS[at], answer.get("VersionId"), body)

    def _deleted(self, key: str, marker: str | None) -> None:
        if key not in self.model:
            return
        if self.status:
            self._added(key, marker, None)
        else:
            del self.model[key]

    def _delete(self, at: int) -> None:
        answer = self.s3.delete_object(Bucket=BUCKET, Key=KEYS[at])
        self._deleted(KEYS[at], answer.get("VersionId"))

    def _delete_many(self, *at: int) -> None:
        keys = sorted({KEYS[number] for number in at})
        answer = self.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
        assert "Errors" not in answer, answer
        for entry in answer["Deleted"]:
            self._deleted(entry["Key"], entry.get("DeleteMarkerVersionId"))

    def _delete_version(self, at: int, which: int) -> None:
        versions = self.model.get(KEYS[at], [])
        if self.status and versions:
            gone = versions[which % len(versions)]
            self.s3.delete_object(Bucket=BUCKET, Key=KEYS[at], VersionId=gone[0])
            self.model[KEYS[at]] = [entry for entry in versions if entry != gone]
            if len(versions) == 1:
                del self.model[KEYS[at]]

    def _versioning(self, at: int) -> None:
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": STATUSES[at]})
        self.status = STATUSES[at]

    def _list(self) -> None:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        listed = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        wanted = sorted(key for key, versions in self.model.items() if versions[-1][1] is not None)
        assert listed == wanted, f"listed {set(listed) ^ set(wanted)}"

    def _restart(self) -> None:
        self.aws.stop()
        self._start()
        self.check()

    def _kill(self) -> None:
        assert self.aws._process is not None
        os.kill(self.aws._process.pid, 9)
        self.aws._process.wait()
        self._restart()

    def check(self) -> None:
        """Compare every version of every key, and what is left on disk."""
        self._list()
        found = self.s3.list_object_versions(Bucket=BUCKET)
        listed = {(e["Key"], e["VersionId"]) for e in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]}
        assert listed == {(key, entry[0]) for key, versions in self.model.items() for entry in versions}
        assert not found["IsTruncated"]
        bodies = 0
        for key, versions in self.model.items():
            for version, body in versions:
                if body is not None:
                    bodies += 1
                    given = self.s3.get_object(Bucket=BUCKET, Key=key, VersionId=version)
                    assert given["Body"].read() == body, (key, version)
            if versions[-1][1] is not None:
                assert self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == versions[-1][1]
        assert self.s3.get_bucket_versioning(Bucket=BUCKET).get("Status", "") == self.status
        folder = Path(self.folder)
        assert len(list((folder / "s3" / BUCKET).glob("*.bin"))) == bodies
        assert not list(folder.rglob("*.partial"))
        self.count["versions compared"] += bodies


def drawn(generator: random.Random, number: int) -> list[Step]:
    """Return steps drawn by chance."""
    kinds = generator.choices(list(KINDS), [weight for weight, _ in KINDS.values()], k=number)
    return [(kind, *(generator.randrange(limit) for limit in KINDS[kind][1])) for kind in kinds]


def main() -> None:
    """Run the sequences and write the page."""
    parser = argparse.ArgumentParser()
    for name, default in (("sequences", 20), ("steps", 150), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(given.sequences):
        with tempfile.TemporaryDirectory() as folder, Driver(folder) as driver:
            for step in [*drawn(random.Random(f"{given.seed}/{number}"), given.steps), ("kill",)]:
                driver.do(step)
            total += driver.count
    seconds = round(time.monotonic() - began, 1)
    results = {**vars(given), "seconds": seconds, "done": dict(sorted(total.items())), "lost": 0}
    rows = [[name, str(count)] for name, count in sorted(total.items())]
    text = (
        f"{given.sequences} sequences of {given.steps} steps over {len(KEYS)} keys (`%XX`, `+`, `#`, `?`, spaces, "
        f"other alphabets, `..`, 1,000 characters), seed {given.seed}, {seconds} s.  The run ends at the first "
        "difference from the dictionary: there was none.\n"
    )
    save("local_durability", results, f"# What the local S3 keeps\n\n{text}\n{table(['step', 'number'], rows)}\n")


if __name__ == "__main__":
    main()
