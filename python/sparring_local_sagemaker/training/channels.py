"""Input channels: which objects a host gets, as files or through named pipes."""

from __future__ import annotations

import gzip
import json
import os
import random
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sparring.io.s3_uri import split_s3_uri
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.storage import S3Object, download, nothing_found, objects_below

MAGIC = 0xCED7230A
CHUNK = 1 << 20


def check_channels(request: dict[str, Any]) -> None:
    """Raise ``ValidationException`` for what no job could read, or this emulator cannot."""
    channels = request.get("InputDataConfig", [])
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) < len(names):
        raise AwsError("ValidationException", f"Channel names must be unique, got {', '.join(names)}")
    for channel in channels:
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise AwsError("ValidationException", f"Channel {channel['ChannelName']} needs an S3DataSource")
        if not source["S3Uri"].startswith("s3://"):
            raise AwsError("ValidationException", f"S3Uri must begin with s3://, got {source['S3Uri']}")


class Channel:
    """One channel of a job.

    Parameters
    ----------
    channel : dict
        Its entry in ``InputDataConfig``.
    job_mode : str
        The job's ``TrainingInputMode``: a channel's own counts more.
    """

    def __init__(self, channel: dict[str, Any], job_mode: str) -> None:
        self.name: str = channel["ChannelName"]
        self.source = channel["DataSource"]["S3DataSource"]
        self.mode: str = channel.get("InputMode", job_mode)
        self.content_type: str = channel.get("ContentType", "")
        self.wrapper: str = channel.get("RecordWrapperType", "None")
        self.gzipped = channel.get("CompressionType") == "Gzip"
        self.shuffle_seed: int | None = channel.get("ShuffleConfig", {}).get("Seed")
        self.distribution: str = self.source.get("S3DataDistributionType", "FullyReplicated")

    def config(self) -> dict[str, str]:
        """Return the entry in ``inputdataconfig.json``."""
        return {
            "ContentType": self.content_type,
            "TrainingInputMode": "File" if self.mode == "FastFile" else self.mode,
            "S3DistributionType": self.distribution,
            "RecordWrapperType": self.wrapper,
        }

    def objects(self, s3: Any) -> list[S3Object]:
        """Return every object of the channel, by key, or by place in its manifest.

        Raises
        ------
        RuntimeError
            If there is none.
        """
        uri = self.source["S3Uri"]
        found = manifest_objects(s3, uri) if self.source["S3DataType"] == "ManifestFile" else objects_below(s3, uri)
        if not found:
            raise RuntimeError(f"ClientError: Data download failed: {nothing_found(uri)}")
        return found

    def shard(self, objects: Sequence[S3Object], host: int, hosts: int) -> list[S3Object]:
        """Return the objects of one host: all, or each n-th of them."""
        return list(objects[host::hosts] if self.distribution == "ShardedByS3Key" else objects)


def manifest_objects(s3: Any, uri: str) -> list[S3Object]:
    """Return the objects that a manifest names: ``[{"prefix": "s3://..."}, "key", ...]``."""
    bucket, key = split_s3_uri(uri)
    entries = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    prefix, found = "", []
    for entry in entries:
        if isinstance(entry, dict):
            prefix = entry["prefix"]
            continue
        inner, inner_key = split_s3_uri(prefix + entry)
        size = s3.head_object(Bucket=inner, Key=inner_key)["ContentLength"]
        found.append(S3Object(inner, inner_key, size, entry.lstrip("/")))
    return found


class Feeder:
    """Writes a channel into ``<channel>_<epoch>``, a named pipe an epoch, for as long as somebody reads.

    The next epoch's pipe is there before the one before has ended, so a program can go on at once.
    """

    def __init__(self, s3: Any, channel: Channel, objects: Sequence[S3Object], folder: Path) -> None:
        self.s3, self.channel, self.objects, self.folder = s3, channel, list(objects), folder
        self._stop = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        os.mkfifo(self._pipe(0))
        self._thread = threading.Thread(target=self._feed, name=f"pipe-{channel.name}", daemon=True)

    def start(self) -> None:
        """Begin to wait for a reader."""
        self._thread.start()

    def stop(self) -> None:
        """End; the program has ended already, so nothing is being written."""
        self._stop.set()

    def _pipe(self, epoch: int) -> Path:
        return self.folder / f"{self.channel.name}_{epoch}"

    def _feed(self) -> None:
        epoch = 0
        while (descriptor := self._reader(self._pipe(epoch))) is not None:
            os.mkfifo(self._pipe(epoch + 1))
            # A reader that leaves early has seen enough.
            with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
                for piece in self._pieces(epoch):
                    pipe.write(piece)
            epoch += 1

    def _reader(self, pipe: Path) -> int | None:
        """Return a descriptor once somebody reads the pipe, None at the end."""
        while not self._stop.wait(0.01):
            try:
                descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                continue
            os.set_blocking(descriptor, True)
            return descriptor
        return None

    def _pieces(self, epoch: int) -> Iterator[bytes]:
        ordered = list(self.objects)
        if self.channel.shuffle_seed is not None:
            random.Random(self.channel.shuffle_seed + epoch).shuffle(ordered)
        for entry in ordered:
            body = self.s3.get_object(Bucket=entry.bucket, Key=entry.key)["Body"]
            stream = gzip.GzipFile(fileobj=body) if self.channel.gzipped else body
            if self.channel.wrapper == "RecordIO":
                yield record(stream.read())
                continue
            while chunk := stream.read(CHUNK):
                yield chunk


def record(payload: bytes) -> bytes:
    """Return a payload as a RecordIO record: magic, length, payload, zeros up to a multiple of four."""
    return struct.pack("<II", MAGIC, len(payload)) + payload + b"\0" * (-len(payload) % 4)


def fill(s3: Any, channel: Channel, objects: Sequence[S3Object], data: Path) -> Feeder | None:
    """Give a host its part of a channel; return the feeder of a channel that is a pipe.

    ``FastFile`` streams on AWS; here its files are copied as in ``File``, with the same bytes at the same paths.
    """
    if channel.mode == "Pipe":
        return Feeder(s3, channel, objects, data)
    download(s3, objects, data / channel.name)
    return None
