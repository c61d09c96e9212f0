"""Moving files between the local S3 and a container's tree, in which nothing may lead out."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session as BotocoreSession

from sparring.io.archives import tarfile

REGION = "us-east-1"
ACCOUNT = "123456789012"
CREDENTIALS = {"aws_access_key_id": "sparring-local", "aws_secret_access_key": "sparring-local"}
# botocore's settings that name the user's profile and files: here they are read from nowhere.
OWN_VARIABLES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# How the server tells its own calls from a client's.
PLATFORM_AGENT = "sparring-platform"


def client(service: str, endpoint_url: str, agent: str | None = None) -> Any:
    """Return a boto3 client of the local server; the user's profiles, files and proxies do not change it."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}, user_agent_extra=agent, proxies={})
    session = boto3.Session(botocore_session=BotocoreSession(session_vars=OWN_VARIABLES))
    return session.client(service, endpoint_url=endpoint_url, region_name=REGION, config=config, **CREDENTIALS)


class S3Object(NamedTuple):
    """An object, and its name relative to the prefix it was found by."""

    bucket: str
    key: str
    size: int
    name: str


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``."""
    parsed = urlparse(uri)
    return parsed.netloc, parsed.path.lstrip("/")


def objects_below(s3: Any, uri: str) -> list[S3Object]:
    """Return the objects below a prefix, by key; keys that end in ``/`` mark folders and are left out."""
    bucket, prefix = split_uri(uri)
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
    """Copy objects into ``folder`` by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in objects:
        target = inside(folder, entry.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(entry.bucket, entry.key, str(target))


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
    bucket, key = split_uri(uri)
    archive = scratch / key.rsplit("/", 1)[-1]
    with tarfile.open(archive, "w:gz", dereference=True) as packed:
        for name, path in files.items():
            packed.add(path, name)
    s3.upload_file(str(archive), bucket, key)
    archive.unlink()


def upload_files(s3: Any, files: dict[str, Path], uri: str) -> None:
    """Put files below the prefix ``uri``."""
    bucket, prefix = split_uri(uri)
    for name, path in files.items():
        s3.upload_file(str(path), bucket, f"{prefix.rstrip('/')}/{name}")


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
    """Unpack the ``tar.gz`` at ``uri`` into ``folder``; members that lead out of it are refused."""
    bucket, key = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / "model.tar.gz"
    try:
        s3.download_file(bucket, key, str(archive))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NoSuchBucket"):
            raise
        raise RuntimeError(f"Could not find model data at {uri}.") from error
    try:
        with tarfile.open(archive, "r:gz") as packed:
            packed.extractall(folder, filter="data")
    except (tarfile.ReadError, EOFError, zlib.error) as error:
        raise RuntimeError(
            f'Failed to extract model data archive from URL "{uri}". Please ensure that the object located at the '
            "URL is a valid tar.gz archive."
        ) from error
    finally:
        archive.unlink()


def nothing_found(uri: str) -> str:
    """Return what AWS says where a channel or a transform finds no object."""
    bucket, _ = split_uri(uri)
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f"in the selected region ({REGION}), that objects exist under that S3 prefix, and that the role has "
        f'"s3:ListBucket" permissions on bucket "{bucket}".'
    )
