"""The container's server over real HTTP: statuses, limits, concurrency, workers, an orderly end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import urllib3

from sparring.container import AcceptError, media_type, negotiate, serve
from sparring.errors import MissingDependencyError

MIB = 2**20


class Server:
    """A running toy server and a client of it."""

    def __init__(self, process: subprocess.Popen, port: int) -> None:
        self.process, self.port = process, port
        self.http = urllib3.PoolManager(maxsize=16, retries=False, timeout=30)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return self.http.request("GET", f"http://127.0.0.1:{self.port}{path}")

    def post(self, body: bytes, content_type: str = "text/csv", accept: str = "*/*") -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": content_type, "Accept": accept}
        return self.http.request("POST", f"http://127.0.0.1:{self.port}/invocations", body=body, headers=headers)


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port), **variables}
    command = [sys.executable, str(Path(__file__).with_name("toy_server.py")), *arguments]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    server = Server(process, port)
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                assert server.get("/ping").status == 200
                break
            except urllib3.exceptions.HTTPError:
                continue
        yield server
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def test_a_ping_is_answered_with_an_empty_body_within_two_seconds(server: Server) -> None:
    start = time.monotonic()
    answer = server.get("/ping")
    assert (answer.status, answer.data) == (200, b"")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "said"),
    [
        (b"abc", "text/csv", "*/*", 200, b"3"),
        (b"abc", "text/csv", "text/csv;q=0.1, application/json", 200, b"[3]"),
        (b"abc", "image/png", "*/*", 415, b"content type 'image/png' is not text/csv"),
        (b"abc", "text/csv", "image/png", 406, b"accept 'image/png' names none of text/csv, application/json"),
        (b"bad", "text/csv", "*/*", 400, b"row 1, column 'x': 'bad' is not a number"),
        (b"bug", "text/csv", "*/*", 500, b"KeyError: 'a bug'"),
        (b"", "text/csv", "*/*", 200, b"0"),
    ],
)
def test_each_request_has_its_status_and_reason(
    server: Server, body: bytes, content_type: str, accept: str, status: int, said: bytes
) -> None:
    answer = server.post(body, content_type, accept)
    assert (answer.status, answer.data) == (status, said)


def test_other_paths_and_methods_are_refused(server: Server) -> None:
    assert server.get("/models").status == 404
    assert server.get("/invocations").status == 405


def test_an_endpoint_takes_six_mebibytes_and_no_byte_more(server: Server) -> None:
    assert server.post(b"x" * 6 * MIB).data == str(6 * MIB).encode()
    refused = server.post(b"x" * (6 * MIB + 1))
    assert refused.status == 413
    assert b"6291457 bytes is larger than 6291456" in refused.data
    chunked = server.http.request(
        *("POST", f"http://127.0.0.1:{server.port}/invocations"),
        body=iter([b"x" * MIB] * 7),
        headers={"Content-Type": "text/csv"},
        chunked=True,
    )
    assert chunked.status == 413
    assert server.post(b"abc").status == 200


def test_requests_are_answered_at_the_same_time_and_pings_among_them(server: Server) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(9) as pool:
        answers = [pool.submit(server.post, b"sleep 1") for _ in range(8)]
        assert pool.submit(server.get, "/ping").result().status == 200
        assert not any(answer.done() for answer in answers)
        assert [answer.result().data for answer in answers] == [b"7"] * 8
    assert time.monotonic() - start < 8 * 1


def test_a_transform_takes_a_hundred_mebibytes_and_says_so() -> None:
    with serving(SAGEMAKER_BATCH="true") as server:
        parameters = json.loads(server.get("/execution-parameters").data)
        assert parameters == {"MaxConcurrentTransforms": 8, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 100}
        assert server.post(b"x" * 100 * MIB).data == str(100 * MIB).encode()
        assert server.post(b"x" * (100 * MIB + 1)).status == 413


def test_sigterm_lets_the_request_in_progress_finish() -> None:
    with serving(SPARRING_MAX_BODY_BYTES="10") as server, ThreadPoolExecutor(1) as pool:
        assert server.post(b"x" * 11).status == 413
        pending = pool.submit(server.post, b"sleep 1")
        while not any(c.status == "ESTABLISHED" for c in psutil.Process(server.process.pid).net_connections()):
            assert not pending.done()
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        assert pending.result().data == b"7"
        assert server.process.wait(10) == 0
        with pytest.raises(urllib3.exceptions.HTTPError):
            server.get("/ping")


def test_several_workers_share_the_port_and_end_together() -> None:
    with serving("2") as server:
        workers: set[bytes] = set()
        deadline = time.monotonic() + 30
        with ThreadPoolExecutor(8) as pool:
            while len(workers) < 2 and time.monotonic() < deadline:
                workers |= {answer.data for answer in pool.map(server.post, [b"pid"] * 16)}
                # A connection stays with the worker that took it.
                server.http.clear()
        assert len(workers) == 2
        assert server.process.pid not in map(int, workers)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert not any(psutil.pid_exists(int(pid)) for pid in workers)


def test_workers_do_not_outlive_a_parent_that_was_killed() -> None:
    with serving("2") as server:
        workers = psutil.Process(server.process.pid).children()
        assert len(workers) >= 2
        server.process.kill()
        _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


@pytest.mark.parametrize(("variables", "reached"), [({}, True), ({"SPARRING_BIND_TO_HOST": "127.0.0.1"}, False)])
def test_it_listens_on_all_interfaces_unless_an_emulator_keeps_it_to_loopback(
    variables: dict[str, str], reached: bool
) -> None:
    with serving(**variables) as server:
        listening = psutil.Process(server.process.pid).net_connections("tcp")
        addresses = {one.laddr.ip for one in listening if one.status == psutil.CONN_LISTEN}
    assert addresses == {"0.0.0.0" if reached else "127.0.0.1"}


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        serving(SAGEMAKER_BIND_TO_PORT=str(taken.getsockname()[1])) as server,
    ):
        assert server.process.wait(20) != 0
        assert server.process.stderr is not None
        assert b"cannot be listened on: Address already in use" in server.process.stderr.read()


def test_without_the_extra_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'sparring\[serving\]'"):
        serve(lambda body, content_type, accept: (b"", ""))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/csv"),
        ("*/*", "text/csv"),
        ("application/json", "application/json"),
        ("application/*;q=0.9, text/csv;q=0.5", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
        ("application/x-ndjson, */*;q=0.1", "text/csv"),
    ],
)
def test_the_best_accepted_type_is_chosen(accept: str, expected: str) -> None:
    assert negotiate(accept, ["text/csv", "application/json"]) == expected


def test_nothing_acceptable_is_an_error_and_synonyms_are_one_type() -> None:
    for accept in ("image/*", "text/csv;q=0", "text/csv;q=much"):
        with pytest.raises(AcceptError):
            negotiate(accept, ["text/csv"])
    assert media_type('CSV; header="Present"') == ("text/csv", {"header": "Present"})
