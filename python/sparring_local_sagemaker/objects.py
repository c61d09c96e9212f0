"""S3 on disk: moto keeps buckets and objects in memory, and a restart finds them again.

What a call has touched is written before the call is answered; where that fails the call is an error, and memory is
made again of what the disk has.  Not kept are lists of access rights, rules of life cycles and of other origins'
requests, notifications, and uploads that were never completed.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TypeVar

from moto.s3.models import s3_backends

from sparring.errors import SageMakerError
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker import s3_files
from sparring_local_sagemaker.calls import is_bucket_name
from sparring_local_sagemaker.durable import flush_folder, read_json, remove_partial, write_whole
from sparring_local_sagemaker.s3_backend import install, keys_of, noting
from sparring_local_sagemaker.secret import REGION

Answer = TypeVar("Answer")
Place = tuple[str, str | None]
# A folder of this beginning is what a deletion had not yet removed; no bucket is called so.
DELETED = ".deleted-"
STRIPES = 64


class Objects:
    """The buckets and objects of one server.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing: the state ends with the server.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._backend = install()
        # moto has no locks of its own: two puts of one key would forget one of its versions.
        self._order = threading.RLock()
        self._stripes = [threading.RLock() for _ in range(STRIPES)]
        self._restored: defaultdict[Place, int] = defaultdict(int)
        self._epoch = 0

    # -- at start ------------------------------------------------------------------------------------

    def load(self) -> None:
        """Give moto what an earlier server of this state had.

        Raises
        ------
        SageMakerError
            Naming a file that is not as this program wrote it.
        """
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            if folder.name.startswith(DELETED):
                shutil.rmtree(folder)
            elif is_bucket_name(folder.name):
                self._load_bucket(folder)
            else:
                raise SageMakerError(f"The state's folder {folder} has no bucket's name", "Move it away.")

    def _load_bucket(self, folder: Path) -> None:
        remove_partial(folder)
        if not (folder / s3_files.SETTINGS).exists() and not any(folder.glob("*.bin")):
            # The server ended before it had answered CreateBucket.
            shutil.rmtree(folder)
            return
        bucket = self._backend.create_bucket(folder.name, REGION)
        named: set[str] = set()
        for path in sorted(folder.glob("*.json")):
            note = read_json(path)
            if path.name == s3_files.SETTINGS:
                s3_files.apply_settings(self._backend, bucket, note)
                continue
            versions = s3_files.read_versions(self._backend, bucket, path, note)
            keys_of(bucket).put_back(note["key"], versions)
            named |= s3_files.bodies_of(note)
        for path in folder.glob("*.bin"):
            if path.name not in named:
                path.unlink()

    # -- at each call --------------------------------------------------------------------------------

    def answer(self, changes: bool, ordered: bool, work: Callable[[], Answer]) -> Answer:
        """Return the answer of ``work``, a call to moto's S3, once what it has changed is on disk.

        Parameters
        ----------
        changes : bool
            Whether the call is one that may change what it reads, such as tags.
        ordered : bool
            Whether it must not run beside others.
        work : callable

        Raises
        ------
        AwsError
            ``InternalError`` if it could not be written; then it has not happened.
        """
        with noting(reads=changes) as touched, self._order if ordered else nullcontext():
            answer = work()
            epoch = self._epoch
        if self.folder is not None:
            places: list[Place] = [(bucket, None) for bucket in sorted(touched.buckets)]
            self._keep_all([*places, *sorted(touched.keys)], epoch)
        return answer

    def _keep_all(self, places: list[Place], epoch: int) -> None:
        try:
            for place in places:
                with self._lock(place):
                    if self._restored[place] > epoch:
                        raise OSError("another call's failure has undone it")
                    self._keep(place)
        except Exception as error:
            for place in places:
                self._restore(place)
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise AwsError("InternalError", f"The state folder could not be written: {why}", 500) from error

    def _lock(self, place: Place) -> threading.RLock:
        return self._stripes[hash(place) % STRIPES]

    def _keep(self, place: Place) -> None:
        name, key = place
        bucket = self._backend.buckets.get(name)
        if not is_bucket_name(name):
            return
        if key is None:
            self._keep_bucket(name)
        elif bucket is not None:
            path = s3_files.note_path(self._folder(name), key)
            s3_files.write_versions(self._backend, path, key, list(bucket.keys.getlist(key, [])))

    def _folder(self, bucket: str) -> Path:
        assert self.folder is not None
        assert is_bucket_name(bucket), bucket
        return self.folder / bucket

    def _keep_bucket(self, name: str) -> None:
        """Make or remove a bucket's folder, or write its settings."""
        folder, bucket = self._folder(name), self._backend.buckets.get(name)
        if bucket is None:
            if folder.exists():
                aside = folder.with_name(f"{DELETED}{uuid.uuid4().hex}")
                folder.rename(aside)
                flush_folder(folder.parent)
                shutil.rmtree(aside, ignore_errors=True)
            return
        path, settings = folder / s3_files.SETTINGS, s3_files.settings_of(self._backend, bucket)
        if not path.exists() or read_json(path) != settings:
            folder.mkdir(exist_ok=True)
            write_whole(path, json.dumps(settings).encode())
            flush_folder(folder.parent)

    # -- when it could not be written ------------------------------------------------------------------

    def _restore(self, place: Place) -> None:
        """Give moto what the disk has; who has touched the same place since learns that it is undone."""
        name, key = place
        with self._lock(place), self._order:
            self._epoch += 1
            self._restored[place] = self._epoch
            if key is None:
                self._restore_bucket(name)
            elif name in self._backend.buckets:
                bucket, path = self._backend.buckets[name], s3_files.note_path(self._folder(name), key)
                known = path.exists()
                note = read_json(path) if known else {}
                versions = s3_files.read_versions(self._backend, bucket, path, note) if known else []
                keys_of(bucket).put_back(key, versions)

    def _restore_bucket(self, name: str) -> None:
        if not is_bucket_name(name):
            return
        folder, known = self._folder(name), self._backend.buckets.get(name)
        if (folder / s3_files.SETTINGS).exists():
            bucket = known or self._backend.create_bucket(name, REGION)
            s3_files.apply_settings(self._backend, bucket, read_json(folder / s3_files.SETTINGS))
        elif known is not None:
            # Its creation could not be written, so it holds nothing.
            self._backend.buckets.pop(name)
            s3_backends.bucket_accounts.pop(name, None)
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
