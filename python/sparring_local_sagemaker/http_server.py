"""HTTP/1.1 as AWS clients speak it: persistent connections, chunked bodies, ``Expect: 100-continue``."""

from __future__ import annotations

import io
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from sparring_local_sagemaker.guard import guarded
from sparring_local_sagemaker.signatures import SignedRequest

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
SILENCE_SECONDS = 60.0
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
WITHOUT_BODY = (204, 304)
# In the environment of each request: a list; an answer ends after the number of bytes that is put there.
CUT = "sparring.cut"
# In the environment of each request: the request as it came, which is what clients sign.
REQUEST = "sparring.request"


def listen(host: str, port: int, application: Application) -> BaseWSGIServer:
    """Return a server that listens on ``host`` and ``port`` (0: a free one), with a thread a connection."""
    server = make_server(host, port, application, threaded=True, request_handler=_Handler)
    server.daemon_threads = True  # type: ignore[attr-defined]
    return server


class _BadRequest(Exception):
    """Raised when a request's framing is wrong: what follows on the connection cannot be told from its body."""


class _Handler(WSGIRequestHandler):
    """Reads a whole body before it answers, and so can keep the connection, which werkzeug always closes.

    AWS answers in whole bodies too, and moto keeps them in memory anyway.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    # Of silence, after which a connection is closed: a client that promised more than it sends must not stay.
    timeout = SILENCE_SECONDS

    def handle_expect_100(self) -> bool:
        """Ask for the body at once."""
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Answer one request."""
        try:
            environ = self.make_environ()
        except ValueError as error:
            return self.send_error(400, "Bad Request", str(error))
        try:
            body = self._body(environ)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
            environ[REQUEST] = SignedRequest(self.command, self.path, self.headers, body)
            cuts: list[int] = []
            environ[CUT] = cuts
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
            self._answer(status, list(headers), b"".join(chunks), cuts[0] if cuts else None)
        except (ConnectionError, EOFError):
            self.close_connection = True
        except _BadRequest as wrong:
            self._answer(
                "400 Bad Request", [("Content-Type", "text/plain"), ("Connection", "close")], str(wrong).encode()
            )
            self.close_connection = True
        except Exception:
            traceback.print_exc(file=sys.stderr)
            self._answer("500 Internal Server Error", [], b"")

    def _body(self, environ: dict[str, Any]) -> bytes:
        """Return the whole body.

        Raises
        ------
        EOFError
            If the client vanished before its end: half an object must not be stored.
        _BadRequest
            If the body's length is not told well, or its end does not come.
        """
        lengths = self.headers.get_all("Content-Length", [])
        if any(not _LENGTH.fullmatch(text) for text in lengths) or len(set(lengths)) > 1:
            raise _BadRequest("Content-Length must be one number that is not negative")
        if lengths and "Transfer-Encoding" in self.headers:
            raise _BadRequest("Content-Length and Transfer-Encoding exclude each other")
        try:
            return self._read(environ)
        except TimeoutError as error:
            raise _BadRequest(f"The body did not end within {self.timeout} seconds of silence") from error

    def _read(self, environ: dict[str, Any]) -> bytes:
        if "wsgi.input_terminated" in environ:
            try:
                return io.BufferedReader(environ["wsgi.input"]).read()
            except TimeoutError:
                raise
            except OSError as error:
                raise EOFError from error
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            raise EOFError
        return body

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes, cut: int | None = None) -> None:
        number, _, phrase = status.partition(" ")
        self.send_response(int(number), phrase)
        for name, value in guarded(headers):
            self.send_header(name, value)
        has_body = self.command != "HEAD" and int(number) not in WITHOUT_BODY
        if has_body and not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True

    def log_request(self, *args: object) -> None:
        """Say nothing of good requests."""
