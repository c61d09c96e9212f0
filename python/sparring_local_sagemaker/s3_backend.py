"""moto's S3 with a memory of what each call has touched, and with versions that are kept as S3 keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from moto.s3.exceptions import InvalidBucketName
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, FakeMultipart, S3Backend, s3_backends
from moto.s3.utils import _VersionedKeyStore

from sparring_local_sagemaker.calls import is_bucket_name
from sparring_local_sagemaker.clients import ACCOUNT

NULL = "null"


class Touched(threading.local):
    """What the call in this thread has touched in moto.

    Attributes
    ----------
    buckets : set of str
    keys : set of (str, str)
        Bucket and key.
    """

    def __init__(self) -> None:
        self.active = self.reads = False
        self.buckets: set[str] = set()
        self.keys: set[tuple[str, str]] = set()

    def note(self, bucket: str, key: str | None = None, write: bool = True) -> None:
        """Remember a bucket, or a key in it."""
        if self.active and (write or self.reads):
            if key is None:
                self.buckets.add(bucket)
            else:
                self.keys.add((bucket, key))


TOUCHED = Touched()


@contextmanager
def noting(reads: bool) -> Iterator[Touched]:
    """Note what this thread touches while the body runs; what is only read too, as ``reads`` says.

    A call that changes something reads the place first (moto changes tags and settings in place), so that with
    ``reads`` nothing that a call may have changed is missed.
    """
    TOUCHED.__init__()  # type: ignore[misc]
    TOUCHED.active, TOUCHED.reads = True, reads
    try:
        yield TOUCHED
    finally:
        TOUCHED.active = False


class Keys(_VersionedKeyStore):
    """The versions of each key of a bucket, oldest first.

    Unlike moto's own, it leaves a version that is replaced open: another thread may be reading it, and it is closed
    when nobody holds it any more.
    """

    def __init__(self, bucket: FakeBucket) -> None:
        super().__init__()
        self._bucket = bucket

    def __getitem__(self, key: str) -> Any:
        TOUCHED.note(self._bucket.name, key, write=False)
        return super().__getitem__(key)

    def getlist(self, key: str, default: Any = None) -> Any:
        """Return the versions of a key."""
        TOUCHED.note(self._bucket.name, key, write=False)
        return super().getlist(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        """Add a version."""
        TOUCHED.note(self._bucket.name, key)
        dict.__setitem__(self, key, [*self.getlist(key, []), value])

    def setlist(self, key: str, list_: Any) -> None:
        """Put versions in the place of those there are."""
        TOUCHED.note(self._bucket.name, key)
        if self._bucket.versioning_status == "Suspended":
            # A put replaces the version without an id only; moto would forget all.
            list_ = [*others(self.getlist(key, []), NULL), *list_]
        dict.__setitem__(self, key, list(list_))

    def pop(self, key: str) -> None:  # type: ignore[override]
        """Forget a key and all its versions."""
        TOUCHED.note(self._bucket.name, key)
        dict.pop(self, key)

    def put_back(self, key: str, versions: list[Any]) -> None:
        """Make these the versions of a key, whatever the bucket's versioning says."""
        if versions:
            dict.__setitem__(self, key, versions)
        else:
            dict.pop(self, key, None)


def keys_of(bucket: FakeBucket) -> Keys:
    """Return the keys of a bucket that this backend has made."""
    return cast(Keys, bucket.keys)


def others(versions: list[Any], unwanted: str) -> list[Any]:
    """Return the versions but the one that bears this id."""
    return [version for version in versions if version.version_id != unwanted]


class KeptBackend(S3Backend):
    """S3 of one account; see the module."""

    def create_bucket(self, bucket_name: str, *place: Any, **more: Any) -> FakeBucket:
        """Make a bucket of a name that S3 allows."""
        if not is_bucket_name(bucket_name):
            raise InvalidBucketName()
        bucket = super().create_bucket(bucket_name, *place, **more)
        bucket.keys = Keys(bucket)
        TOUCHED.note(bucket_name)
        return bucket

    def get_bucket(self, bucket_name: str) -> FakeBucket:
        """Return a bucket."""
        TOUCHED.note(bucket_name, write=False)
        return super().get_bucket(bucket_name)

    def delete_bucket(self, bucket_name: str) -> FakeBucket | None:
        """Delete a bucket that is empty."""
        TOUCHED.note(bucket_name)
        return super().delete_bucket(bucket_name)

    def delete_object(
        self, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        """Delete a key or one of its versions; moto forgets all versions where versioning is suspended."""
        bucket = self.get_bucket(bucket_name)
        known = bucket.keys.getlist(key_name, [])
        if bucket.is_versioned or not known or (version_id is None and bucket.versioning_status is None):
            return super().delete_object(bucket_name, key_name, version_id, bypass)
        left = others(known, version_id or NULL)
        if version_id is not None:
            TOUCHED.note(bucket_name, key_name)
            keys_of(bucket).put_back(key_name, left)
            return True, {"version-id": version_id}
        marker = FakeDeleteMarker(key=known[-1])
        marker._version_id = NULL
        TOUCHED.note(bucket_name, key_name)
        keys_of(bucket).put_back(key_name, [*left, marker])
        return True, {"version-id": NULL, "delete-marker": "true"}


class _Forgetful(list[Any]):
    """moto keeps a reference to every object that there ever was, for a reset that is never made here."""

    def append(self, _: Any) -> None:
        """Keep nothing."""


def install() -> KeptBackend:
    """Put a backend of this kind in the place of moto's own and return it."""
    for kind in (FakeKey, FakeMultipart):
        setattr(kind, "instances_tracked", _Forgetful())  # noqa: B010
    backend = KeptBackend("aws", ACCOUNT)
    dict.__setitem__(s3_backends[ACCOUNT], "aws", backend)
    return backend
