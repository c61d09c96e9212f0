"""A training and a serving program that keep the contract, and one for each rule that breaks that rule alone.

Run as ``python contract_programs.py train|serve [FAULT]``.
"""

import http.server
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
FAULT = sys.argv[2] if len(sys.argv) > 2 else ""
LIMIT = 6_291_456


def train() -> None:
    if FAULT != "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_DFL if FAULT == "default" else lambda *_: sys.exit(143))
    if FAULT == "ignores":
        signal.signal(signal.SIGTERM, lambda *_: time.sleep(30))
    try:
        rounds = int(json.loads((BASE / "input/config/hyperparameters.json").read_text())["rounds"])
        rows = (BASE / "input/data/train/rows.csv").read_text().splitlines()
        if FAULT == "crash":
            raise ValueError("made to crash")
        if FAULT == "scribbles":
            (BASE / "input/data/train/cache.bin").write_bytes(b"x")
        for _ in range(rounds):
            time.sleep(0.05)
        folder = BASE / ("models" if FAULT == "elsewhere" else "model")
        folder.mkdir(exist_ok=True)
        (folder / "sum.json").write_text(json.dumps(len(rows)))
    except Exception as error:
        if FAULT == "swallows":
            return
        if FAULT != "silent":
            (BASE / "output/failure").write_text(str(error))
        sys.exit(1)
    if FAULT == "cries":
        (BASE / "output/failure").write_text("all is well")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if FAULT == "slow-ping":
            time.sleep(0.7)
        if self.path == "/execution-parameters":
            body = b'{"Threads": 3}' if FAULT == "parameters" else b'{"MaxConcurrentTransforms": 8}'
            self.answer(200, body)
            return
        self.answer(204 if FAULT == "ping-204" else 200, b"pong" if FAULT == "ping-body" else b"")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if self.headers["Content-Type"] != "text/csv" and FAULT != "any-type":
            self.answer(415, b"only text/csv")
        elif FAULT == "error" or (FAULT == "small" and size > LIMIT // 2):
            self.answer(500 if FAULT == "error" else 413, b"no")
        else:
            time.sleep({"drops": 0.3, "backlog": 0.15, "one-at-a-time": 0.06, "slow": 2}.get(FAULT, 0))
            with SEEN:
                COUNT.append(1)
                number = len(COUNT)
            rows = body.count(b"\n")
            self.answer(200, str(rows + (number if FAULT == "state" else 0)).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


COUNT: list[int] = []
SEEN = threading.Lock()


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1 if FAULT == "backlog" else 128
    daemon_threads = FAULT == "drops"
    if FAULT in ("one-at-a-time", "backlog"):
        process_request = http.server.HTTPServer.process_request


def serve() -> None:
    if FAULT == "dies":
        print("no model here")
        sys.exit(3)
    server = Server(("127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler)
    if FAULT == "ignores":
        signal.signal(signal.SIGTERM, lambda *_: None)
    elif FAULT == "drops":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    elif FAULT != "default":
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.02)
    server.server_close()


if __name__ == "__main__":
    train() if sys.argv[1] == "train" else serve()
