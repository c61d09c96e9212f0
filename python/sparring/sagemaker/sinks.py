"""Where files go: a local folder or a prefix in S3.  Either way a file is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from sparring.errors import ParamError
from sparring.io.s3_uri import split_s3_uri
from sparring.sagemaker.target import AwsTarget


class Sink(Protocol):
    """A place for files; it is pickled to the executors."""

    def put(self, name: str, file: IO[bytes]) -> None:
        """Store a file, in place of one of the same name."""

    def names(self) -> list[str]:
        """Return what is there; at least one name if there is anything."""

    def delete(self) -> None:
        """Delete everything that is there."""


@dataclass(frozen=True)
class FolderSink:
    """A folder on a disk that driver and executors share."""

    folder: str

    def put(self, name: str, file: IO[bytes]) -> None:
        """Write beside the folder's files under another name, then rename."""
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        unfinished = Path(self.folder) / f".{name}.{os.getpid()}"
        try:
            with unfinished.open("wb") as out:
                shutil.copyfileobj(file, out)
            unfinished.replace(Path(self.folder) / name)
        finally:
            unfinished.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Return the files of the folder."""
        folder = Path(self.folder)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def delete(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class S3Sink:
    """A prefix in S3; an object appears when its upload is complete."""

    target: AwsTarget
    bucket: str
    prefix: str

    def put(self, name: str, file: IO[bytes]) -> None:
        """Upload in one request or in parts, which are aborted together."""
        self.target.client("s3").upload_fileobj(file, self.bucket, self.prefix + name)

    def names(self) -> list[str]:
        """Return the first key below the prefix."""
        found = self.target.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def delete(self) -> None:
        """Delete every object below the prefix."""
        client = self.target.client("s3")
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if keys:
                client.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})


def sink_of(uri: str, target: AwsTarget | None) -> Sink:
    """Return the place that a URI names.

    Raises
    ------
    ParamError
        If it is in S3 and there is no target, or neither local nor in S3.

    Examples
    --------
    >>> sink_of("/tmp/channel", None)
    FolderSink(folder='/tmp/channel')
    """
    scheme = uri.split(":", 1)[0] if ":/" in uri else ""
    if scheme in ("", "file"):
        return FolderSink(uri.removeprefix("file://").removeprefix("file:"))
    if scheme not in ("s3", "s3a"):
        raise ParamError(
            f"write_channel.uri must be s3://, s3a:// or a local folder, got {uri!r}",
            "SageMaker reads from S3: give a prefix there.",
        )
    if target is None:
        raise ParamError(
            f"write_channel.target is missing for {uri}", "Give AwsTarget.on_aws(...) or AwsTarget.on(...)."
        )
    bucket, prefix = split_s3_uri(uri)
    if not prefix.strip("/"):
        raise ParamError(f"write_channel.uri must have a prefix after the bucket, got {uri!r}", "Add one.")
    return S3Sink(target, bucket, prefix.strip("/") + "/")
