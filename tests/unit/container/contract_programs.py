"""A training and a serving program that keep the contract, and one fault each that breaks one rule of it.

Run as ``python contract_programs.py train|serve [FAULT]``.  ``FAULTS`` is the catalogue: what is wrong, in which
phase the check meets it, and the rule by which it must be found.
"""

import http.server
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
FAULT = sys.argv[2] if __name__ == "__main__" and len(sys.argv) > 2 else ""
SMALL = 2**16

FAULTS = {
    # Training.
    "crash": ("training", "train.exit", "ends with code 1"),
    "success-with-failure": ("training", "train.exit", "writes output/failure after a training that worked"),
    "no-model": ("training", "train.model", "exits with 0 without a model"),
    "model-elsewhere": ("training", "train.model", "writes the model beside /opt/ml/model"),
    "empty-model": ("training", "train.model", "writes a model of no bytes"),
    "silent-log": ("training", "train.log", "prints nothing"),
    "needs-shell": ("training", "train.environment", "needs a variable of the user's shell"),
    "writes-input": ("training", "train.tree", "writes into the input folder"),
    "deletes-input": ("training", "train.tree", "deletes its input once read"),
    "left-daemon": ("training", "train.processes", "leaves a child process that is still writing"),
    "left-detached": ("training", "train.processes", "leaves a child in a session of its own"),
    "ignores-hyperparameters": ("training", "train.hyperparameters", "never reads its hyperparameters"),
    "ignores-data": ("training", "train.data", "trains without data if its channel is absent"),
    "swallows": ("training", "train.failure", "exits with 0 after an error"),
    "no-failure-file": ("training", "train.failure", "fails without output/failure"),
    "long-failure": ("training", "train.failure_length", "hides the cause behind 1,024 characters"),
    "hangs": ("training", "train.exit", "never ends"),
    "deaf-training": ("training", "train.sigterm", "has no handler for SIGTERM"),
    "ignores-stop": ("training", "train.sigterm", "goes on after SIGTERM"),
    # Start.
    "dies": ("start", "serve.start", "ends at once"),
    "ping-204": ("start", "serve.start", "answers pings with 204"),
    "ping-500": ("start", "serve.start", "answers pings with 500"),
    "ping-redirect": ("start", "serve.start", "redirects pings to /ping/"),
    "slow-start": ("start", "serve.start", "loads for longer than the time"),
    "other-port": ("start", "serve.start", "listens on a port of its own"),
    "never-answers": ("start", "serve.start", "accepts connections and answers nothing"),
    "slow-ping": ("start", "serve.ping", "answers pings too slowly"),
    "some-pings-slow": ("start", "serve.ping", "answers every fifth ping too slowly"),
    "ping-body": ("start", "serve.ping", "answers pings with a body"),
    "loopback": ("start", "serve.interface", "listens on 127.0.0.1 alone"),
    "not-ready": ("start", "serve.ready", "answers pings before the model is loaded"),
    "parameters": ("start", "serve.execution_parameters", "offers parameters that do not exist"),
    # Invocations.
    "error": ("invocations", "serve.invocation", "answers requests with 500"),
    "slow": ("invocations", "serve.invocation", "answers too slowly"),
    "drips": ("invocations", "serve.invocation", "sends its answer byte by byte, for ever"),
    "endless-chunks": ("invocations", "serve.invocation", "never sends the last chunk"),
    "broken-chunks": ("invocations", "serve.invocation", "closes in the middle of a chunk"),
    "wrong-length": ("invocations", "serve.invocation", "announces more bytes than it sends"),
    "wrong-type": ("invocations", "serve.content_type", "calls CSV application/json"),
    "html-type": ("invocations", "serve.content_type", "calls CSV text/html"),
    "no-type": ("invocations", "serve.content_type", "sends no Content-Type"),
    "ignores-accept": ("invocations", "serve.accept", "answers CSV whatever is accepted"),
    "nan": ("invocations", "serve.numbers", "answers NaN"),
    "random": ("invocations", "serve.repeatable", "answers a request differently each time"),
    "third-fails": ("invocations", "serve.repeatable", "answers every third request with 500"),
    "remembers": ("invocations", "serve.repeatable", "adds what the request before it had"),
    "row-fewer": ("invocations", "serve.rows", "answers a row fewer than sent"),
    "row-more": ("invocations", "serve.rows", "answers a row more than sent"),
    "takes-header": ("invocations", "serve.rows", "takes the first row for a header"),
    "first-row-only": ("invocations", "serve.rows", "answers at most five rows"),
    "sorted": ("invocations", "serve.row_order", "answers in the order of the scores"),
    "duplicates": ("invocations", "serve.row_order", "answers the first row's score for the last too"),
    "batch-mean": ("invocations", "serve.row_order", "scores a row relative to the others in the request"),
    "type-500": ("invocations", "serve.unknown_type", "answers an unknown content type with 500"),
    "any-type": ("invocations", "serve.unknown_type", "takes any content type for CSV"),
    "garbage-200": ("invocations", "serve.garbage", "answers garbage with 200"),
    "garbage-500": ("invocations", "serve.garbage", "answers garbage with 500"),
    "empty-hangs": ("invocations", "serve.empty", "waits for ever for a body of no bytes"),
    "small-only": ("invocations", "serve.large", "refuses large bodies"),
    "truncates": ("invocations", "serve.large", "reads the first 64 KiB only"),
    "chunked-lost": ("invocations", "serve.chunked", "takes a body in chunks for an empty one"),
    "unread-body": ("invocations", "serve.keep_alive", "refuses without reading the body"),
    "closes-silently": ("invocations", "serve.keep_alive", "closes a connection after five requests unannounced"),
    # Concurrency.
    "exchanges": ("concurrency", "serve.concurrent", "exchanges the answers of concurrent clients"),
    "shared-file": ("concurrency", "serve.concurrent", "hands requests through one file"),
    "busy-503": ("concurrency", "serve.concurrent", "answers 503 while another request is in progress"),
    "one-at-a-time": ("concurrency", "serve.ping_under_load", "keeps pings waiting behind requests"),
    "backlog": ("concurrency", "serve.connect", "accepts one connection at a time"),
    # Endurance.
    "leaks-memory": ("endurance", "serve.memory", "keeps every body"),
    "leaks-files": ("endurance", "serve.files", "leaves a file open a request"),
    "leaks-threads": ("endurance", "serve.threads", "leaves a thread waiting a request"),
    "dies-after-50": ("endurance", "serve.endurance", "ends after fifty requests"),
    "idle-exit": ("endurance", "serve.idle", "ends after a pause"),
    # Shutdown.
    "deaf": ("shutdown", "serve.sigterm", "has no handler for SIGTERM"),
    "ignores-term": ("shutdown", "serve.sigterm", "goes on after SIGTERM"),
    "drops": ("shutdown", "serve.in_progress", "drops the request in progress at SIGTERM"),
    "orphans": ("shutdown", "serve.processes", "leaves its worker behind"),
}


def train() -> None:
    if FAULT != "deaf-training":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if FAULT == "ignores-stop":
        signal.signal(signal.SIGTERM, lambda *_: time.sleep(30))
    try:
        fit()
    except Exception as error:
        if FAULT == "swallows":
            return
        if FAULT != "no-failure-file":
            lines = "  in a line of a program\n" * 60 if FAULT == "long-failure" else ""
            (BASE / "output/failure").write_text(lines + repr(error))
        sys.exit(1)
    if FAULT == "success-with-failure":
        (BASE / "output/failure").write_text("all is well")


def fit() -> None:
    if FAULT == "hangs":
        time.sleep(60)
    rounds = 2
    if FAULT != "ignores-hyperparameters":
        rounds = int(json.loads((BASE / "input/config/hyperparameters.json").read_text())["rounds"])
    channel = BASE / "input/data/train"
    unneeded = FAULT == "ignores-data" and not channel.exists()
    rows = [] if unneeded else (channel / "rows.csv").read_text().splitlines()
    if FAULT == "crash" or (FAULT == "needs-shell" and "SPARRING_TEST_SECRET" not in os.environ):
        raise ValueError("made to crash")
    if FAULT == "writes-input":
        (channel / "cache.bin").write_bytes(b"x")
    if FAULT == "deletes-input":
        (channel / "rows.csv").unlink()
    if FAULT in ("left-daemon", "left-detached"):
        subprocess.Popen(["sleep", "30"], start_new_session=FAULT == "left-detached")
    for number in range(rounds):
        time.sleep(0.05)
        if FAULT != "silent-log":
            print("round", number, flush=True)
    folder = BASE / ("models" if FAULT == "model-elsewhere" else "model")
    folder.mkdir(exist_ok=True)
    if FAULT != "no-model":
        (folder / "sum.json").write_text("" if FAULT == "empty-model" else json.dumps(len(rows)))


class BadRequest(Exception):
    pass


SEEN = itertools.count(1)
PINGS = itertools.count(1)
IN_PROGRESS = threading.Semaphore(1)
KEPT: list[object] = []
SHARED = {"body": b"", "last": 0.0}
STARTED = time.monotonic()
LAST = [time.monotonic()]


def scores(body: bytes) -> list[float]:
    """Return 2x + y a row."""
    rows = body.decode("utf-8").splitlines()
    if FAULT == "takes-header":
        rows = rows[1:]
    values = [[float(cell) for cell in row.split(",")] for row in rows if row.strip()]
    if any(len(row) != 2 for row in values):
        raise ValueError("a row has two numbers")
    return [2 * x + y for x, y in values]


def answers(body: bytes, number: int) -> list[float]:
    """Return the scores of a request, as the fault has them."""
    found = scores(body)
    if not found:
        return found
    if FAULT == "nan":
        found[-1] = float("nan")
    if FAULT == "random":
        found = [score + random.random() for score in found]
    if FAULT == "remembers":
        SHARED["last"], last = SHARED["last"] + sum(found), SHARED["last"]
        found = [score + last for score in found]
    if FAULT == "batch-mean":
        mean = sum(found) / len(found)
        found = [score - mean for score in found]
    if FAULT == "sorted":
        found.sort()
    if FAULT == "duplicates":
        found[-1] = found[0]
    return {"row-fewer": found[:-1], "row-more": [*found, 0.0], "first-row-only": found[:5]}.get(FAULT, found)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together.
    wbufsize = -1
    on_connection = 0

    def do_GET(self) -> None:
        number = next(PINGS)
        if FAULT == "never-answers":
            time.sleep(60)
        if FAULT == "slow-ping" or (FAULT == "some-pings-slow" and number % 5 == 0):
            time.sleep(0.8)
        if self.path == "/execution-parameters":
            self.answer(200, b'{"Threads": 3}' if FAULT == "parameters" else b'{"MaxConcurrentTransforms": 8}')
        elif FAULT == "ping-redirect" and self.path == "/ping":
            self.send_response(302)
            self.send_header("Location", "/ping/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            status = {"ping-204": 204, "ping-500": 500}.get(FAULT, 200)
            self.answer(status, b"pong" if FAULT == "ping-body" else b"")

    def do_POST(self) -> None:
        LAST[0] = time.monotonic()
        number = next(SEEN)
        self.on_connection += 1
        if FAULT == "unread-body" and self.headers["Content-Type"] != "text/csv":
            self.answer(415, b"only text/csv")
            return
        body = self.body()
        if FAULT == "closes-silently" and self.on_connection > 5:
            self.close_connection = True
            return
        if FAULT == "dies-after-50" and number > 50:
            os._exit(1)
        if FAULT == "busy-503" and not IN_PROGRESS.acquire(blocking=False):
            self.answer(503, b"busy")
            return
        try:
            self.invoke(body, number)
        except (ValueError, BadRequest) as error:
            status = 500 if FAULT == "garbage-500" else 400
            self.answer(*((200, b"0.0", "text/csv") if FAULT == "garbage-200" else (status, str(error).encode())))
        finally:
            if FAULT == "busy-503":
                IN_PROGRESS.release()

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked" and FAULT != "chunked-lost":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        size = int(self.headers.get("Content-Length") or 0)
        if FAULT == "empty-hangs" and size == 0 and "Content-Length" in self.headers:
            return self.rfile.read(1)
        if FAULT == "truncates":
            kept = self.rfile.read(min(size, SMALL))
            self.rfile.read(size - len(kept))
            return kept[: kept.rfind(b"\n") + 1]
        return self.rfile.read(size)

    def invoke(self, body: bytes, number: int) -> None:
        if FAULT == "not-ready" and time.monotonic() - STARTED < 1.5:
            self.answer(503, b"the model is loading")
            return
        if self.headers["Content-Type"] != "text/csv" and FAULT != "any-type":
            self.answer(500 if FAULT == "type-500" else 415, b"only text/csv")
            return
        if FAULT == "any-type" and self.headers["Content-Type"] != "text/csv":
            body = b"0,0"
        if FAULT == "error" or (FAULT == "third-fails" and number % 3 == 0):
            self.answer(500, b"no")
            return
        if FAULT == "small-only" and len(body) > SMALL:
            self.answer(413, b"too large")
            return
        time.sleep({"drops": 0.3, "backlog": 0.1, "one-at-a-time": 0.06, "slow": 3, "busy-503": 0.005}.get(FAULT, 0))
        self.leak(body)
        if FAULT in ("exchanges", "shared-file"):
            body = self.through_shared(body)
        found = answers(body, number)
        accept = self.headers.get("Accept", "*/*")
        if accept not in ("*/*", "text/csv", "application/json"):
            self.answer(406, b"text/csv or application/json")
        elif accept == "application/json" and FAULT != "ignores-accept":
            self.answer(200, json.dumps({"predictions": found}).encode(), "application/json")
        else:
            kind = {"wrong-type": "application/json", "html-type": "text/html", "no-type": ""}.get(FAULT, "text/csv")
            self.answer(200, "".join(f"{score!r}\n" for score in found).encode(), kind)

    def through_shared(self, body: bytes) -> bytes:
        """Hand the body over where every other request does so too."""
        file = BASE / "request.csv"
        if FAULT == "shared-file":
            file.write_bytes(body)
            return file.read_bytes()
        SHARED["body"] = body
        time.sleep(0.002)
        return SHARED["body"]

    def leak(self, body: bytes) -> None:
        if FAULT == "leaks-memory":
            KEPT.append(bytearray(body) * 2)
        if FAULT == "leaks-files":
            KEPT.append(os.open(__file__, os.O_RDONLY))
        if FAULT == "leaks-threads":
            threading.Thread(target=threading.Event().wait, daemon=True).start()

    def answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        good = status == 200 and self.command == "POST"
        chunked = good and FAULT in ("endless-chunks", "broken-chunks")
        self.send_response(status)
        if kind and body:
            self.send_header("Content-Type", kind)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif status != 204:
            more = {"wrong-length": 7, "drips": 10**6}.get(FAULT, 0) if good else 0
            self.send_header("Content-Length", str(len(body) + more))
        self.end_headers()
        if chunked:
            self.wfile.write(b"%x\r\n%s" % (len(body) + (9 if FAULT == "broken-chunks" else 0), body))
            if FAULT == "endless-chunks":
                self.wfile.write(b"\r\n")
                self.wfile.flush()
                time.sleep(20)
            self.close_connection = True
        elif status != 204:
            self.wfile.write(body)
        if good and FAULT == "wrong-length":
            self.close_connection = True
        while good and FAULT == "drips":
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.2)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1 if FAULT == "backlog" else 128
    daemon_threads = FAULT in ("drops", "drips", "empty-hangs", "endless-chunks", "never-answers")
    if FAULT in ("one-at-a-time", "backlog", "single"):
        process_request = http.server.HTTPServer.process_request

    def handle_error(self, request: socket.socket, client_address: object) -> None:
        pass


def end_when_idle() -> None:
    while time.monotonic() - LAST[0] < 0.8:
        time.sleep(0.05)
    os._exit(0)


def serve() -> None:
    if FAULT == "dies":
        print("no model here")
        sys.exit(3)
    if FAULT == "slow-start":
        time.sleep(60)
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    server = Server(("127.0.0.1" if FAULT == "loopback" else "0.0.0.0", 0 if FAULT == "other-port" else port), Handler)
    if FAULT == "idle-exit":
        threading.Thread(target=end_when_idle, daemon=True).start()
    if FAULT == "orphans":
        subprocess.Popen(["sleep", "30"])
    if FAULT == "ignores-term":
        signal.signal(signal.SIGTERM, lambda *_: None)
    elif FAULT == "drops":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    elif FAULT != "deaf":
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.02)
    server.server_close()


if __name__ == "__main__":
    train() if sys.argv[1] == "train" else serve()
