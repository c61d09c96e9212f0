"""An endpoint of a few lines that really speaks HTTP and misbehaves as each test asks."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest

from sparring.sagemaker.target import AwsTarget, Endpoint


@dataclass
class Received:
    """One request, and the how-manieth of its body it is."""

    path: str
    headers: dict[str, str]
    body: bytes
    attempt: int


@dataclass
class Answer:
    """What the endpoint answers; ``closes`` promises a whole body and breaks off in the middle of it."""

    status: int = 200
    body: bytes = b""
    error: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    closes: bool = False


def refuse(status: int, error: str, message: str = "later", **more: object) -> Answer:
    """Return an error in the form of SageMaker's runtime."""
    return Answer(status, json.dumps({"Message": message, "ErrorCode": error, **more}).encode(), error)


def column_x(request: Received) -> list[float]:
    """Return what the model answers: column ``x`` of a Parquet body, or each line's first value of a libsvm one."""
    if request.headers["Content-Type"] == "application/x-parquet":
        return pq.read_table(io.BytesIO(request.body)).column("x").to_pylist()
    lines = request.body.decode().strip("\n").split("\n")
    return [float(line.split(" ")[1].partition(":")[2] or 0) for line in lines]


def scores(request: Received) -> Answer:
    """Answer well."""
    variant = request.headers.get("X-Amzn-SageMaker-Target-Variant", "all")
    body = "\n".join(repr(value) for value in column_x(request)).encode()
    return Answer(200, body, headers=(("x-Amzn-Invoked-Production-Variant", variant), ("Content-Type", "text/csv")))


class FakeEndpoint:
    """Answers as ``behave`` says and keeps what it received."""

    def __init__(self) -> None:
        self.behave: Callable[[Received], Answer] = scores
        self.received: list[Received] = []
        self.most_at_a_time = self._now = 0
        lock, owner = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    attempt = 1 + sum(request.body == body for request in owner.received)
                    request = Received(self.path, dict(self.headers), body, attempt)
                    owner.received.append(request)
                    owner._now += 1
                    owner.most_at_a_time = max(owner.most_at_a_time, owner._now)
                try:
                    self._answer(owner.behave(request))
                finally:
                    with lock:
                        owner._now -= 1

            def _answer(self, answer: Answer) -> None:
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body) + (5 if answer.closes else 0)))
                if answer.error:
                    self.send_header("x-amzn-ErrorType", answer.error)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = answer.closes

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        emulator = Endpoint(f"http://127.0.0.1:{self.http.server_port}", "key", "secret")
        self.target = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "us-east-1", emulator)

    def stop(self) -> None:
        """Stop listening."""
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint()
    yield endpoint
    endpoint.stop()
