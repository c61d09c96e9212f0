"""Answers as AWS's event streams: the binary framing ``application/vnd.amazon.eventstream``.

A message is its length, its headers' length, a CRC-32 of these two, the headers, the payload, and a CRC-32 of all
before (Smithy's specification of Amazon Event Stream).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
# Bytes of one part, which no model names.
PART = 65_536
EVENT = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


def payload_parts(body: bytes) -> Iterator[bytes]:
    """Yield a body as events ``PayloadPart``."""
    for begin in range(0, len(body), PART):
        yield message(EVENT, body[begin : begin + PART])


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Return one message; every header is a string."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    # Two lengths, two checksums: 16 bytes beside headers and payload.
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    whole = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", STRING, len(text)) + text
