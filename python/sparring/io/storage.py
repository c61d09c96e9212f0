"""Files of a run, wherever it lives: one way to name, read and write them outside Spark.

Spark reads and writes tables itself; the small files beside them (manifest, results, pages) and the single-machine
contenders, which have no Spark, go through :mod:`pyarrow.fs`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from typing import Any

from pyarrow import fs

from sparring.errors import TableError


def normalize(path: str) -> str:
    """Return ``path`` as Spark wants it: absolute with scheme ``file:`` when local, otherwise unchanged.

    Examples
    --------
    >>> normalize("s3a://bucket/run")
    's3a://bucket/run'
    >>> normalize("/tmp/run")
    'file:/tmp/run'
    """
    scheme = path.split(":", 1)[0] if ":/" in path else ""
    if scheme in ("", "file"):
        local = path.removeprefix("file:").replace("///", "/", 1) if scheme else path
        return "file:" + os.path.abspath(os.path.expanduser(local))
    return path.rstrip("/")


def is_local(path: str) -> bool:
    """Return whether ``path`` is on this machine."""
    return normalize(path).startswith("file:")


def local_path(path: str) -> str:
    """Return the plain path of a local ``path``.

    Raises
    ------
    TableError
        If the path is not local.
    """
    if not is_local(path):
        raise TableError(f"{path} is not a local path", "Give a path on this machine.")
    return normalize(path).removeprefix("file:")


def plain(path: str) -> str:
    """Return ``path`` as its user would write it: without the scheme when it is local."""
    return path.removeprefix("file:")


def join(folder: str, *parts: str) -> str:
    """Return the path of ``parts`` below ``folder``, local or a URI, with or without a slash at its end."""
    return "/".join([folder.rstrip("/"), *parts])


def filesystem(path: str) -> tuple[fs.FileSystem, str]:
    """Return the pyarrow file system of ``path`` and the path within it.

    ``s3a://`` and ``s3://`` follow the AWS conventions for credentials, region and ``AWS_ENDPOINT_URL``;
    ``dbfs:/`` is read through its mount; other schemes go to :meth:`pyarrow.fs.FileSystem.from_uri`.
    """
    path = normalize(path)
    if path.startswith("file:"):
        return fs.LocalFileSystem(), path.removeprefix("file:")
    if path.startswith("dbfs:"):
        return fs.LocalFileSystem(), "/dbfs/" + path.removeprefix("dbfs:").lstrip("/")
    if path.startswith(("s3a://", "s3://", "s3n://")):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        scheme, _, host = (endpoint or "").partition("://")
        options = {"endpoint_override": host, "scheme": scheme} if endpoint else {}
        return fs.S3FileSystem(**options), path.split("://", 1)[1]
    return fs.FileSystem.from_uri(path)


def exists(path: str) -> bool:
    """Return whether a file or folder is at ``path``."""
    system, inner = filesystem(path)
    return system.get_file_info(inner).type != fs.FileType.NotFound


def make_folder(path: str) -> None:
    """Make the folder ``path`` and those above it."""
    system, inner = filesystem(path)
    system.create_dir(inner, recursive=True)


def delete(path: str) -> None:
    """Delete the file or folder at ``path``; nothing there is fine."""
    system, inner = filesystem(path)
    kind = system.get_file_info(inner).type
    if kind == fs.FileType.Directory:
        system.delete_dir(inner)
    elif kind == fs.FileType.File:
        system.delete_file(inner)


def write_bytes(path: str, data: bytes) -> None:
    """Write ``data`` to ``path`` under a temporary name first, so that no reader meets half a file."""
    system, inner = filesystem(path)
    system.create_dir(inner.rsplit("/", 1)[0], recursive=True)
    temporary = f"{inner}.{os.getpid()}.tmp"
    with system.open_output_stream(temporary, compression=None) as stream:
        stream.write(data)
    system.move(temporary, inner)


def create_bytes(path: str, data: bytes) -> bool:
    """Write ``data`` to ``path`` unless a file is there, and return whether that was done.

    On a local disk, and on S3 where boto3 is installed, the system itself sees to it that only one of several
    processes succeeds; elsewhere the last of those that write within a second does.
    """
    system, inner = filesystem(path)
    system.create_dir(inner.rsplit("/", 1)[0], recursive=True)
    if is_local(path):
        return _create_file(inner, data)
    done = _create_object(inner, data) if path.startswith(("s3a://", "s3://", "s3n://")) else None
    return _create_or_lose(path, data) if done is None else done


def _create_file(inner: str, data: bytes) -> bool:
    """Make a file, all of it at once: it gets its name when it is written, where the disk knows links."""
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(inner)) as written:
        written.write(data)
        written.flush()
        try:
            os.link(written.name, inner)
        except FileExistsError:
            return False
        except OSError:
            return _create_or_lose(inner, data)
    os.chmod(inner, 0o644)
    return True


def _create_or_lose(path: str, data: bytes) -> bool:
    if exists(path):
        return False
    write_bytes(path, data)
    time.sleep(1.0)
    return read_bytes(path) == data


def _create_object(inner: str, data: bytes) -> bool | None:
    """Make an object on S3 by a conditional write; None where there is no boto3 or the store knows no conditions."""
    try:
        import boto3
        from botocore.exceptions import ClientError
    except ImportError:
        return None
    bucket, _, key = inner.partition("/")
    try:
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        # Of two conditional writes at once the later one gets 409.
        if status in (409, 412):
            return False
        if status == 501:
            return None
        raise
    return True


def move(path: str, target: str) -> None:
    """Give the file at ``path`` the name ``target`` on the same storage."""
    system, inner = filesystem(path)
    system.move(inner, filesystem(target)[1])


def read_bytes(path: str) -> bytes:
    """Return the content of the file at ``path``."""
    system, inner = filesystem(path)
    # Arrow would unpack what its name says is compressed.
    with system.open_input_stream(inner, compression=None) as stream:
        return stream.read()


def write_text(path: str, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def read_text(path: str) -> str:
    """Return the text of the file at ``path``."""
    return read_bytes(path).decode("utf-8")


def write_json(path: str, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path``; NaN is refused, for it is not JSON."""
    write_text(path, json.dumps(value, indent=2, default=str, allow_nan=False) + "\n")


def read_json(path: str) -> Any:
    """Return the JSON value in the file at ``path``."""
    return json.loads(read_text(path))
