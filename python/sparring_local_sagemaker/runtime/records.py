"""Records of batch transform's inputs: how a file is split, batched and put together again."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import IO, Protocol

RECORDIO_MAGIC = 0xCED7230A


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""


def split(stream: IO[bytes] | _Readable, kind: str) -> Iterator[bytes]:
    """Yield the records of a file, each as it goes to the container.

    Parameters
    ----------
    kind : {"None", "Line", "RecordIO", "TFRecord"}
        With ``None`` the file is one record; a line keeps no line end.

    Raises
    ------
    ValueError
        If the file ends within a record or is not of the kind.
    """
    if kind == "None":
        yield stream.read()
    elif kind == "Line":
        yield from _lines(stream)
    elif kind == "RecordIO":
        yield from _framed(stream, 8, _recordio_rest)
    else:
        yield from _framed(stream, 12, lambda head: struct.unpack("<Q", head[:8])[0] + 4)


def _lines(stream: _Readable) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(1 << 20):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.removesuffix(b"\r") for line in whole)
    if rest:
        yield rest


def _recordio_rest(head: bytes) -> int:
    magic, length = struct.unpack("<II", head)
    if magic != RECORDIO_MAGIC:
        raise ValueError("ClientError: the input is not RecordIO")
    return int(length + -length % 4)


def _framed(stream: _Readable, head_size: int, rest_size: object) -> Iterator[bytes]:
    assert callable(rest_size)
    while head := _exactly(stream, head_size, may_end=True):
        yield head + _exactly(stream, rest_size(head))


def _exactly(stream: _Readable, size: int, may_end: bool = False) -> bytes:
    parts = b""
    while len(parts) < size:
        chunk = stream.read(size - len(parts))
        if not chunk:
            if may_end and not parts:
                return b""
            raise ValueError("ClientError: the input ends within a record")
        parts += chunk
    return parts


def batches(records: Iterable[bytes], strategy: str, limit: int, separator: bytes) -> Iterator[list[bytes]]:
    """Yield records in mini-batches: one each, or as many as fit ``limit`` bytes with their separators.

    Raises
    ------
    ValueError
        If one record alone is larger.
    """
    waiting: list[bytes] = []
    size = 0
    for record in records:
        if len(record) > limit:
            raise ValueError(
                f"ClientError: a record of {len(record)} bytes is larger than the payload limit of {limit}. "
                "Raise MaxPayloadInMB or set SplitType."
            )
        if waiting and (strategy == "SingleRecord" or size + len(separator) + len(record) > limit):
            yield waiting
            waiting, size = [], 0
        size += len(record) + (len(separator) if waiting else 0)
        waiting.append(record)
    if waiting:
        yield waiting
