"""Moving files between the local S3 and a container's tree."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "123456789012"
CREDENTIALS = {"aws_access_key_id": "sparring-local", "aws_secret_access_key": "sparring-local"}


def client(service: str, endpoint_url: str) -> Any:
    """Return a boto3 client of the local server."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3})
    return boto3.client(service, endpoint_url=endpoint_url, region_name=REGION, config=config, **CREDENTIALS)


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``."""
    parsed = urlparse(uri)
    return parsed.netloc, parsed.path.lstrip("/")


def download_prefix(s3: Any, uri: str, folder: Path) -> int:
    """Copy every object below the prefix ``uri`` into ``folder`` and return their number.

    Keys that end in ``/`` mark folders and are skipped; a key may not leave ``folder``.
    """
    bucket, prefix = split_uri(uri)
    count = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            key = entry["Key"]
            if key.endswith("/"):
                continue
            name = key[len(prefix) :].lstrip("/") or key.rsplit("/", 1)[-1]
            target = (folder / name).resolve()
            if folder.resolve() not in target.parents:
                raise ValueError(f"ClientError: key {key!r} leads out of its channel")
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(target))
            count += 1
    return count


def upload_archive(s3: Any, folder: Path, uri: str, scratch: Path) -> None:
    """Pack the content of ``folder`` as ``tar.gz`` and put it at ``uri``."""
    bucket, key = split_uri(uri)
    archive = scratch / key.rsplit("/", 1)[-1]
    with tarfile.open(archive, "w:gz") as packed:
        for path in sorted(folder.iterdir()):
            packed.add(path, path.name)
    s3.upload_file(str(archive), bucket, key)
    archive.unlink()


def download_archive(s3: Any, uri: str, folder: Path) -> None:
    """Unpack the ``tar.gz`` at ``uri`` into ``folder``; members that lead out of it are refused."""
    bucket, key = split_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / "model.tar.gz"
    s3.download_file(bucket, key, str(archive))
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
