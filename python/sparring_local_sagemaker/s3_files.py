"""What of a bucket and of an object is written down, and how both are made again of it.

A key has one note, a JSON file that lists its versions, and a file of bytes a version.  The note counts: bytes that no
note names are of a call that was never answered.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.durable import flush_folder, read_json, unreadable, write_whole
from sparring_local_sagemaker.s3_backend import NULL, KeptBackend
from sparring_local_sagemaker.secret import REGION

SETTINGS = "bucket.json"
# The name under which an object in memory remembers its file of bytes.
BODY = "_sparring_body"
OF_BUCKET = (
    "versioning_status", "encryption", "ownership_rule", "accelerate_configuration", "payer",
    "object_lock_enabled", "default_lock_mode", "default_lock_days", "default_lock_years",
)  # fmt: skip
OF_VERSION = (
    "encryption", "kms_key_id", "bucket_key_enabled", "lock_mode", "lock_legal_status", "lock_until",
    "checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts", "website_redirect_location",
)  # fmt: skip
Note = dict[str, Any]


# -- buckets -----------------------------------------------------------------------------------------


def settings_of(backend: KeptBackend, bucket: FakeBucket) -> Note:
    """Return what is written down of a bucket."""
    return {
        "created": bucket.creation_date.isoformat(),
        "policy": None if bucket.policy is None else bucket.policy.decode(),
        "tags": backend.tagger.get_tag_dict_for_resource(bucket.arn),
        **{name: getattr(bucket, name) for name in OF_BUCKET},
    }


def apply_settings(backend: KeptBackend, bucket: FakeBucket, settings: Note) -> None:
    """Give a bucket what was written down of it."""
    for name in OF_BUCKET:
        if name in settings:
            setattr(bucket, name, settings[name])
    if "created" in settings:
        bucket.creation_date = datetime.fromisoformat(settings["created"])
    bucket.policy = settings["policy"].encode() if settings.get("policy") is not None else None
    _set_tags(backend, bucket.arn, settings.get("tags", {}))


def _set_tags(backend: KeptBackend, arn: str, tags: dict[str, str]) -> None:
    backend.tagger.delete_all_tags_for_resource(arn)
    if tags:
        backend.tagger.tag_resource(arn, backend.tagger.convert_dict_to_tags_input(tags))


# -- objects -----------------------------------------------------------------------------------------


def note_path(folder: Path, key: str) -> Path:
    """Return where the note of a key is; the key itself may be longer than a file's name, or lead elsewhere."""
    return folder / f"{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}.json"


def bodies_of(note: Note) -> set[str]:
    """Return the names of the files that a note names."""
    return {entry["body"] for entry in note.get("versions", []) if "body" in entry}


def write_versions(backend: KeptBackend, path: Path, key: str, versions: list[Any]) -> None:
    """Write the versions of a key down: their bytes first, then the note; then remove what the note before named.

    Raises
    ------
    OSError
        If it cannot be written; then the note is the one before, and nothing else is left.
    """
    before = read_json(path) if path.exists() else {}
    fresh: dict[str, Any] = {}
    try:
        entries = [_entry(backend, path.parent, version, fresh) for version in versions]
        note = {"key": key, "versions": entries}
        if note != before:
            _replace(path, note)
    except BaseException:
        for name in fresh:
            (path.parent / name).unlink(missing_ok=True)
        raise
    for name, version in fresh.items():
        setattr(version, BODY, name)
    for name in bodies_of(before) - bodies_of(note):
        (path.parent / name).unlink(missing_ok=True)


def _replace(path: Path, note: Note) -> None:
    if note["versions"]:
        write_whole(path, json.dumps(note).encode())
    elif path.exists():
        path.unlink()
        flush_folder(path.parent)


def _entry(backend: KeptBackend, folder: Path, version: Any, fresh: dict[str, Any]) -> Note:
    """Return what is written down of a version, its bytes already being so; of a delete marker there are none."""
    about = {"id": version.version_id, "modified": version.last_modified.isoformat()}
    if isinstance(version, FakeDeleteMarker):
        return about
    name = getattr(version, BODY, None)
    if name is None:
        name = f"{uuid.uuid4().hex}.bin"
        fresh[name] = version
        write_whole(folder / name, version.value, name_too=False)
    return {
        **about,
        "body": name,
        "etag": version.etag.strip('"'),
        "metadata": dict(version.metadata),
        "storage_class": version.storage_class,
        "is_versioned": version._is_versioned,
        "tags": backend.tagger.get_tag_dict_for_resource(version.arn),
        **{member: getattr(version, member) for member in OF_VERSION},
    }


def read_versions(backend: KeptBackend, bucket: FakeBucket, path: Path, note: Note) -> list[Any]:
    """Return the versions that a note names.

    Raises
    ------
    SageMakerError
        If the note is not as it was written, or a file is missing that it names.
    """
    versions: list[Any] = []
    try:
        for entry in note["versions"]:
            if "body" in entry:
                versions.append(_version(backend, bucket, note["key"], entry, path.parent))
            else:
                versions.append(_marker(note["key"], entry, versions))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise unreadable(path, repr(error)) from error
    return versions


def _version(backend: KeptBackend, bucket: FakeBucket, key: str, entry: Note, folder: Path) -> FakeKey:
    found = FakeKey(
        key,
        (folder / entry["body"]).read_bytes(),
        account_id=ACCOUNT,
        region_name=REGION,
        storage=entry["storage_class"],
        etag=entry["etag"],
        is_versioned=entry["is_versioned"],
        version_id=entry["id"],
        bucket_name=bucket.name,
    )
    found.last_modified = datetime.fromisoformat(entry["modified"])
    found._metadata.clear()
    found._metadata.update(entry["metadata"])
    for member in OF_VERSION:
        setattr(found, member, entry[member])
    setattr(found, BODY, entry["body"])
    _set_tags(backend, found.arn, entry["tags"])
    return found


def _marker(key: str, entry: Note, before: list[Any]) -> FakeDeleteMarker:
    # moto's marker wants the version that it hides, which may have been deleted since.
    hidden = before[-1] if before else FakeKey(key, b"", account_id=ACCOUNT, region_name=REGION, version_id=NULL)
    marker = FakeDeleteMarker(key=hidden)
    marker._version_id = entry["id"]
    marker.last_modified = datetime.fromisoformat(entry["modified"])
    return marker
