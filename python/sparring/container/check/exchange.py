"""Requests to the program under test, each with one deadline for all of it: a server that dribbles gains nothing."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from sparring.container.media import media_type

HOST = "127.0.0.1"
# What a broken answer raises, or one that does not come.
BROKEN = (OSError, EOFError, http.client.HTTPException)
# More is no answer to what is asked here.
MOST_BYTES = 256 * 2**20
CHUNK_BYTES = 16_384


@dataclass(frozen=True)
class Answer:
    """An answer in full.

    Attributes
    ----------
    status : int
    headers : Message
    body : bytes
    seconds : float
        From the request's first byte to the answer's last.
    closes : bool
        Whether it announces the connection's end.
    """

    status: int
    headers: Message
    body: bytes
    seconds: float
    closes: bool

    @property
    def content_type(self) -> str:
        """Its media type by its usual name, or nothing."""
        return media_type(self.headers.get("Content-Type") or "")[0]

    def __str__(self) -> str:
        """Return status and first bytes, on one line."""
        words = self.body[:80].decode("utf-8", errors="replace").split()
        return f"{self.status}: {' '.join(words) or '(empty)'}"


class Connection:
    """A connection to the program, as a context.

    Parameters
    ----------
    port : int
    seconds : float
        For everything that happens on it.
    """

    def __init__(self, port: int, seconds: float, host: str = HOST) -> None:
        self.deadline = time.monotonic() + seconds
        self.socket = socket.create_connection((host, port), timeout=seconds)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request and return its answer; ``Content_Type="text/csv"`` becomes a header."""
        start = time.monotonic()
        self.send(method, path, body, headers)
        return self.receive(method, start)

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a request: in chunks if its headers say so, else with its length."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = named.get("Transfer-Encoding") == "chunked"
        if method == "POST" and not chunked:
            named["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in named.items())]
        self.socket.settimeout(self._left())
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + (_chunks(body) if chunked else body))

    def receive(self, method: str, start: float) -> Answer:
        """Return the answer to what was sent."""
        response = http.client.HTTPResponse(self, method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        return Answer(response.status, response.msg, body, time.monotonic() - start, response.will_close)

    def makefile(self, mode: str) -> Any:
        """Return what the parser of answers reads from."""
        return io.BufferedReader(_Timed(self))

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class _Timed(io.RawIOBase):
    """The connection's bytes until its deadline."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.size = connection, 0

    def readable(self) -> bool:
        """Return True: ``io`` asks before it buffers."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with what comes next."""
        self.connection.socket.settimeout(self.connection._left())
        count = self.connection.socket.recv_into(buffer)
        self.size += count
        if self.size > MOST_BYTES:
            raise ConnectionError(f"the answer is longer than {MOST_BYTES:,} bytes")
        return count


def _chunks(body: bytes) -> bytes:
    pieces = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
