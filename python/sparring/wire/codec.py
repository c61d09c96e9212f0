"""One registry: content type -> how rows are written, cut into bodies and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sparring.wire import csv, json, libsvm, parquet, recordio
from sparring.wire.media import (
    CSV,
    JSON,
    JSON_LINES,
    LIBSVM,
    PARQUET,
    RECORDIO,
    UnknownContentType,
    media_type,
)
from sparring.wire.media import label_size as label_size
from sparring.wire.records import cuts, joined, offsets_of
from sparring.wire.rows import Rows

Decode = Callable[[bytes, int, bool], Rows]


@dataclass(frozen=True)
class Codec(ABC):
    """A format of rows.

    Attributes
    ----------
    content_type : str
        Its name in SageMaker.
    suffix : str
        Ends the names of its files.
    decode : callable
        Takes the bytes, the number of labels in front (0 or 1) and whether a weight follows; the last two mean
        something in CSV and Parquet, where nothing else says so.
    """

    content_type: str
    suffix: str
    decode: Decode

    @abstractmethod
    def encode(self, rows: Rows) -> bytes:
        """Return all rows as one body or file."""

    @abstractmethod
    def bodies(self, rows: Rows, most_bytes: int, most_rows: int) -> Iterator[tuple[bytes, int]]:
        """Yield bodies of consecutive rows and how many rows each holds, within both limits.

        A single row larger than ``most_bytes`` has a body of its own, which the receiver may refuse.
        """


@dataclass(frozen=True)
class RecordCodec(Codec):
    """A format whose rows stand side by side, each on its own.

    Attributes
    ----------
    records : callable
        Takes rows, returns the bytes of each.
    head, tail : bytes
        Around a body.
    separators : int
        Bytes at the end of the last record that the tail replaces.
    """

    records: Callable[[Rows], pa.LargeBinaryArray]
    head: bytes = b""
    tail: bytes = b""
    separators: int = 0

    def encode(self, rows: Rows) -> bytes:
        """Return all rows as one body or file."""
        return self._body(self.records(rows))

    def bodies(self, rows: Rows, most_bytes: int, most_rows: int) -> Iterator[tuple[bytes, int]]:
        """Yield bodies of consecutive rows; every row is encoded once."""
        records = self.records(rows)
        sizes = np.diff(offsets_of(records)) if len(records) else np.empty(0, np.int64)
        for part in cuts(sizes, most_bytes - len(self.head) - len(self.tail), most_rows):
            yield self._body(records[part]), part.stop - part.start

    def _body(self, records: pa.LargeBinaryArray) -> bytes:
        inner = joined(records)
        return self.head + inner[: len(inner) - self.separators] + self.tail if self.head else inner


@dataclass(frozen=True)
class FileCodec(Codec):
    """A format whose rows make sense only together."""

    whole: Callable[[Rows], bytes]

    def encode(self, rows: Rows) -> bytes:
        """Return all rows as one body or file."""
        return self.whole(rows)

    def bodies(self, rows: Rows, most_bytes: int, most_rows: int) -> Iterator[tuple[bytes, int]]:
        """Yield bodies of consecutive rows, halved until they fit."""
        for start in range(0, rows.count, most_rows):
            yield from self._halved(rows[start : start + most_rows], most_bytes)

    def _halved(self, rows: Rows, most_bytes: int) -> Iterator[tuple[bytes, int]]:
        body = self.whole(rows)
        if len(body) <= most_bytes or rows.count == 1:
            yield body, rows.count
            return
        half = rows.count // 2
        yield from self._halved(rows[:half], most_bytes)
        yield from self._halved(rows[half:], most_bytes)


CODECS: dict[str, Codec] = {
    codec.content_type: codec
    for codec in (
        RecordCodec(RECORDIO, "pbr", lambda body, _labels, _weights: recordio.decode(body), recordio.encode),
        RecordCodec(LIBSVM, "libsvm", lambda body, _labels, _weights: libsvm.decode(body), libsvm.encode),
        RecordCodec(CSV, "csv", csv.decode, csv.encode),
        RecordCodec(
            JSON,
            "json",
            lambda body, _labels, _weights: json.decode(body),
            lambda rows: json.encode(rows, ","),
            b'{"instances":[',
            b"]}",
            1,
        ),
        RecordCodec(JSON_LINES, "jsonl", lambda body, _labels, _weights: json.decode_lines(body), json.encode),
        FileCodec(PARQUET, "parquet", parquet.decode, parquet.encode),
    )
}


def codec(content_type: str) -> Codec:
    """Return the format of a content type, whatever its parameters.

    Raises
    ------
    UnknownContentType
        If there is none.

    Examples
    --------
    >>> codec("text/csv; label_size=1").encode(Rows(np.array([[0.5, 2]], np.float32), np.array([1.0])))
    b'1,0.5,2\\n'
    """
    name = media_type(content_type)
    if name not in CODECS:
        raise UnknownContentType(f"content type {content_type!r} is none of {', '.join(CODECS)}")
    return CODECS[name]
