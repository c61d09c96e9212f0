"""S3's objects on disk: moto keeps them in memory, and a restart finds them again.

Kept are buckets, and of each object its newest bytes and its metadata.  Not kept are versions, policies, lists of
access rights and uploads that were never completed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path
from typing import Any

from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.secret import REGION

WRITES = {"PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject", "PostObject"}


class Objects:
    """The spool of one server.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing: the state ends with the server.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    @property
    def _backend(self) -> Any:
        return s3_backends[ACCOUNT]["aws"]

    def load(self) -> None:
        """Give moto what an earlier server of this state had."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for bucket in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            self._backend.create_bucket(bucket.name, REGION)
            for note in sorted(bucket.glob("*.json")):
                about = json.loads(note.read_text())
                body = note.with_suffix(".bin").read_bytes()
                key = self._backend.put_object(bucket.name, about["key"], body, etag=about["etag"])
                key.set_metadata(about["metadata"], replace=True)

    def keep(self, operation: str, name: str) -> None:
        """Write down what a call has changed."""
        if self.folder is None:
            return
        bucket, _, key = name.partition("/")
        with self._lock:
            if operation.removeprefix("s3:") in WRITES:
                self._keep_object(bucket, key)
            elif not key:
                self._keep_bucket(bucket)

    def _keep_object(self, bucket: str, key: str) -> None:
        assert self.folder is not None
        found = self._current(bucket).get(key)
        data = self.folder / bucket / f"{hashlib.sha256(key.encode()).hexdigest()}.bin"
        if found is None:
            data.with_suffix(".json").unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            return
        data.parent.mkdir(exist_ok=True)
        about = {"key": key, "etag": found.etag.strip('"'), "metadata": dict(found.metadata)}
        # The note comes last: without it there is no object.
        for path, content in ((data, found.value), (data.with_suffix(".json"), json.dumps(about).encode())):
            partial = path.with_suffix(".partial")
            partial.write_bytes(content)
            partial.replace(path)

    def _keep_bucket(self, bucket: str) -> None:
        """Make or remove a bucket's folder; remove the objects that a call has deleted together."""
        assert self.folder is not None
        folder = self.folder / bucket
        try:
            keys = self._current(bucket)
        except MissingBucket:
            shutil.rmtree(folder, ignore_errors=True)
            return
        folder.mkdir(exist_ok=True)
        for note in list(folder.glob("*.json")):
            key = json.loads(note.read_text())["key"]
            if key not in keys:
                self._keep_object(bucket, key)

    def _current(self, bucket: str) -> Any:
        return self._backend.get_bucket(bucket).keys
