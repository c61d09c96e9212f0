"""An image that starts at once: its model is the sum of its rows' first column, a score is that sum and the row's x.

A row lost or doubled on the way to the job changes every score.
"""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train() -> None:
    """Write a checkpoint, work for a second, write the model."""
    (BASE / "checkpoints").mkdir(exist_ok=True)
    (BASE / "checkpoints" / "at").write_text("1")
    time.sleep(1)
    files = [path for path in (BASE / "input" / "data" / "train").rglob("*") if path.is_file()]
    lines = [line for path in files for line in path.read_text().splitlines()]
    (BASE / "model" / "model.json").write_text(json.dumps(sum(float(line.split(",")[0]) for line in lines)))


class Handler(BaseHTTPRequestHandler):
    """Answers a score a line."""

    protocol_version = "HTTP/1.1"
    total = 0.0

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().split()
        self.answer("\n".join(repr(self.total + float(line)) for line in lines).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve() -> None:
    """Serve the model until it is told to end."""
    Handler.total = json.loads((BASE / "model" / "model.json").read_text())
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "serve": serve}[sys.argv[1]]()
