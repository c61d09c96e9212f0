"""One scoring request against a small real HTTP server that answers what each test wants."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sparring.errors import EndpointError
from sparring.inference.realtime import invoke
from sparring.sagemaker.target import AwsTarget, Endpoint

BODY = b"0 1:1\n0 2:1\n0 "
MODEL_ERROR = json.dumps({"Message": "the model said no", "ErrorCode": "ModelError"}).encode()


class Server:
    """Answers requests in turn with ``answers``: status, body and error type; keeps what it received."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, str]] = []
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.received.append((self.path, dict(self.headers), body))
                status, answer, error = owner.answers[min(len(owner.received), len(owner.answers)) - 1]
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                if error:
                    self.send_header("x-amzn-ErrorType", error)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        stand_in = Endpoint(f"http://127.0.0.1:{self.http.server_port}", "key", "secret")
        target = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "us-east-1", stand_in)
        self.client = target.client("sagemaker-runtime")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.mark.parametrize("text", [b"0.25,0.5,1e-07", b"0.25\n0.5\n1e-07", b"0.25\n0.5\n1e-07\n", b"0.25, 0.5, 1e-07\n"])
def test_scores_joined_by_commas_or_lines_are_read_alike(server: Server, text: bytes) -> None:
    server.answers = [(200, text, "")]
    assert np.array_equal(invoke(server.client, "churn", BODY), [0.25, 0.5, 1e-07])
    ((path, headers, body),) = server.received
    assert (path, body) == ("/endpoints/churn/invocations", BODY)
    assert headers["Content-Type"] == "text/libsvm"


@pytest.mark.parametrize(("text", "count"), [(b"0.1,0.2", 2), (b"0.1\n0.2\n0.3\n0.4", 4), (b"", 0)])
def test_another_number_of_scores_than_rows_is_an_error(server: Server, text: bytes, count: int) -> None:
    server.answers = [(200, text, "")]
    with pytest.raises(EndpointError, match=f"churn answered {count} scores to 3 rows"):
        invoke(server.client, "churn", BODY)


@pytest.mark.parametrize("text", [b"a,b,c", b"<html>no</html>", b"0.1,,0.3", b"1,\xff,3"])
def test_an_answer_that_is_no_numbers_is_an_error_of_the_endpoint(server: Server, text: bytes) -> None:
    server.answers = [(200, text, "")]
    with pytest.raises(EndpointError, match="churn"):
        invoke(server.client, "churn", BODY)


@pytest.mark.parametrize(
    ("status", "error"), [(500, "InternalFailure"), (503, "ServiceUnavailable"), (400, "ThrottlingException")]
)
def test_a_server_error_or_throttling_is_tried_again(server: Server, status: int, error: str) -> None:
    server.answers = [(status, json.dumps({"Message": "later"}).encode(), error), (200, b"1,2,3", "")]
    assert np.array_equal(invoke(server.client, "churn", BODY), [1, 2, 3])
    assert [body for _, _, body in server.received] == [BODY, BODY]


def test_an_error_of_the_model_is_not_tried_again(server: Server) -> None:
    server.answers = [(424, MODEL_ERROR, "ModelError"), (200, b"1,2,3", "")]
    with pytest.raises(EndpointError, match=r"churn did not score 3 rows.*the model said no"):
        invoke(server.client, "churn", BODY)
    assert len(server.received) == 1


def test_a_server_that_is_gone_is_an_error_of_the_endpoint(server: Server, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(EndpointError, match="churn did not score 3 rows"):
        invoke(server.client, "churn", BODY)
