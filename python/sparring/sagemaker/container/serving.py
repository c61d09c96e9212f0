"""The serving side of the contract: ``/ping`` and ``/invocations`` over HTTP.

Source: Amazon SageMaker developer guide, "Use Your Own Inference Code with Hosting Services".
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
DEFAULT_PORT = 8080

Predict = Callable[[bytes, str, str], tuple[bytes, str]]


class ContentError(ValueError):
    """Raised by a predictor for a content type that it does not read; answered with 415."""


def serve(predict: Predict) -> None:
    """Answer requests until SIGTERM.

    Parameters
    ----------
    predict : callable
        Takes the request's body, content type and ``Accept`` (empty without one), returns the answer's body and
        content type.  Any exception is answered with 500 and its message, :class:`ContentError` with 415.
    """
    port = int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT))
    # Only a stand-in sets the port: a container must listen on all of its interfaces.
    host = "127.0.0.1" if PORT_VARIABLE in os.environ else "0.0.0.0"
    server = _Server((host, port), _handler(predict))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)


class _Server(ThreadingHTTPServer):
    # With five, the default, a burst of connections waits a second for its second attempt.
    request_queue_size = 128


def _handler(predict: Predict) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: in two, the second waits 40 ms for the first to be acknowledged.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(200 if self.path == "/ping" else 404, b"", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path != "/invocations":
                self._answer(404, b"", "text/plain")
                return
            try:
                content_type = self.headers.get("Content-Type", "text/csv")
                answer, content_type = predict(body, content_type, self.headers.get("Accept", ""))
            except ContentError as error:
                self._answer(415, str(error).encode(), "text/plain")
            except Exception as error:
                self._answer(500, f"{type(error).__name__}: {error}".encode(), "text/plain")
            else:
                self._answer(200, answer, content_type)

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            print(format % args, file=sys.stderr)

    return Handler
