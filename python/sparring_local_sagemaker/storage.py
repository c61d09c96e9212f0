"""Moving files between the local S3 and a container's tree, in which nothing may lead out."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from sparring.io.archives import ArchiveError, tarfile, unpack
from sparring.io.s3_uri import split_s3_uri
from sparring_local_sagemaker.secret import REGION

# What file systems allow of a name, and how much of a key a message shows.
NAME_BYTES = 255
SHOWN = 100


class S3Object(NamedTuple):
    """An object, and its name relative to the prefix it was found by."""

    bucket: str
    key: str
    size: int
    name: str


def objects_below(s3: Any, uri: str) -> list[S3Object]:
    """Return the objects below a prefix, by key; keys that end in ``/`` mark folders and are left out."""
    bucket, prefix = split_s3_uri(uri)
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            key = entry["Key"]
            if not key.endswith("/"):
                name = key[len(prefix) :].lstrip("/") or key.rsplit("/", 1)[-1]
                found.append(S3Object(bucket, key, entry["Size"], name))
    return found


def inside(folder: Path, name: str) -> Path:
    """Return ``folder / name``.

    Raises
    ------
    ValueError
        If that leads out of ``folder``, by dots or by a link on the way.
    """
    target = (folder / name).resolve()
    if folder.resolve() not in target.parents:
        raise ValueError(f"ClientError: key {name!r} leads out of its folder")
    return target


def download(s3: Any, objects: Sequence[S3Object], folder: Path) -> None:
    """Copy objects into ``folder`` by their names.

    Raises
    ------
    ValueError
        Naming a key that cannot be a file beside the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for entry, target in _targets(objects, folder):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(entry.bucket, entry.key, str(target))
        except OSError as error:
            raise _no_file(entry, error.strerror or str(error)) from error


def _targets(objects: Sequence[S3Object], folder: Path) -> list[tuple[S3Object, Path]]:
    """Return where each object goes: no two to one place, and none to where another needs a folder."""
    found: dict[Path, S3Object] = {}
    for entry in objects:
        _check_name(entry)
        target = inside(folder, entry.name)
        if target in found and found[target] != entry:
            raise _no_file(entry, f"{found[target].key!r} is a file of the same name")
        found[target] = entry
    for target, entry in found.items():
        above = next((parent for parent in target.parents if parent in found), None)
        if above is not None:
            raise _no_file(found[above], f"{entry.key!r} needs a folder of that name")
    return [(entry, target) for target, entry in found.items()]


def _check_name(entry: S3Object) -> None:
    parts = entry.name.split("/")
    longest = max(len(part.encode(errors="surrogatepass")) for part in parts)
    if longest > NAME_BYTES:
        raise _no_file(entry, f"it has a part of {longest} bytes, and a file's name has at most {NAME_BYTES}")
    if "\0" in entry.name:
        raise _no_file(entry, "it holds the character 0")


def _no_file(entry: S3Object, why: str) -> ValueError:
    shown = entry.key if len(entry.key) <= SHOWN else f"{entry.key[:SHOWN]}..."
    return ValueError(f"ClientError: Data download failed: the key {shown!r} cannot be a file: {why}")


def tree_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a tree and their names in it, by name.

    Raises
    ------
    ValueError
        At a link that leads out of the tree: a program must not get at what is not its own.
    """
    root = folder.resolve()
    for here, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *(f for f in folders if (Path(here) / f).is_symlink())]):
            path = Path(here) / name
            if path.is_symlink() and root not in path.resolve().parents:
                raise ValueError(f"AlgorithmError: {path.relative_to(folder)} is a link that leads out of its folder")
            if path.is_file():
                yield path, path.relative_to(folder).as_posix()


def merged(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the files of several hosts' folders by name; of two of one name the first host's counts."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path, name in tree_files(folder):
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def upload_archive(s3: Any, files: dict[str, Path], uri: str, scratch: Path) -> None:
    """Pack files as ``tar.gz`` and put it at ``uri``."""
    bucket, key = split_s3_uri(uri)
    archive = scratch / key.rsplit("/", 1)[-1]
    with tarfile.open(archive, "w:gz", dereference=True) as packed:
        for name, path in files.items():
            packed.add(path, name)
    s3.upload_file(str(archive), bucket, key)
    archive.unlink()


def upload_files(s3: Any, files: dict[str, Path], uri: str) -> None:
    """Put files below the prefix ``uri``."""
    bucket, prefix = split_s3_uri(uri)
    for name, path in files.items():
        s3.upload_file(str(path), bucket, f"{prefix.rstrip('/')}/{name}")


def upload_living(s3: Any, files: dict[str, Path], uri: str, scratch: Path) -> list[str]:
    """Put files that a program may be writing below the prefix ``uri``; return the names of those that were there.

    A copy is sent: what is signed, or announced by its length, must be what is sent.  A file that its program removes
    or replaces by another meanwhile is no error.
    """
    sent = []
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        still = Path(folder) / "still"
        for name, path in files.items():
            try:
                shutil.copyfile(path, still)
            except FileNotFoundError:
                continue
            upload_files(s3, {name: still}, uri)
            sent.append(name)
    return sent


def download_model(s3: Any, uri: str, folder: Path) -> None:
    """Put a model in ``folder``: what is below a prefix that ends with ``/``, else the archive at ``uri``.

    Raises
    ------
    RuntimeError
        If there is nothing, or the archive is no ``tar.gz``; in AWS's words.
    """
    if not uri.endswith("/"):
        return download_archive(s3, uri, folder)
    objects = objects_below(s3, uri)
    if not objects:
        raise RuntimeError(f"Could not find model data at {uri}.")
    download(s3, objects, folder)


def download_archive(s3: Any, uri: str, folder: Path) -> None:
    """Unpack the ``tar.gz`` at ``uri`` into ``folder``.

    Raises
    ------
    ValueError
        If it is none, a member leads out of ``folder``, or it unpacks to more than is allowed.
    """
    bucket, key = split_s3_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / "model.tar.gz"
    try:
        s3.download_file(bucket, key, str(archive))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise
        raise RuntimeError(f"Could not find model data at {uri}.") from error
    try:
        with archive.open("rb") as packed:
            unpack(packed, folder, mode="r:gz")
    except ArchiveError as error:
        raise RuntimeError(
            f'Failed to extract model data archive from URL "{uri}". Please ensure that the object located at the '
            f"URL is a valid tar.gz archive: {error}."
        ) from error
    finally:
        archive.unlink()


def nothing_found(uri: str) -> str:
    """Return what AWS says where a channel or a transform finds no object."""
    bucket, _ = split_s3_uri(uri)
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({REGION}), that objects exist under that S3 prefix, and that the role has "
        f'"s3:ListBucket" permissions on bucket "{bucket}".'
    )
