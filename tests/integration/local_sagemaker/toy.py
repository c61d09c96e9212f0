"""An image of one's own, small and quick to start: what its programs do is told by their settings."""

import json
import mmap
import os
import re
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def config(name):
    return json.loads((BASE / "input" / "config" / f"{name}.json").read_text())


def listing():
    """Say what this host sees."""
    host, data = config("resourceconfig"), BASE / "input" / "data"
    seen = {
        "host": host,
        "channels": config("inputdataconfig"),
        "files": {
            path.relative_to(data).as_posix(): path.read_text() for path in sorted(data.rglob("*")) if path.is_file()
        },
        "environment": dict(os.environ),
    }
    (BASE / "model" / f"{host['current_host']}.json").write_text(json.dumps(seen))
    (BASE / "model" / "same.txt").write_text(host["current_host"])
    (BASE / "output" / "data" / f"{host['current_host']}.txt").write_text("data")
    print("no line end", end="", flush=True)


def piped():
    """Read two epochs of a pipe."""
    for epoch in (0, 1):
        pipe = BASE / "input" / "data" / f"train_{epoch}"
        (BASE / "model" / f"epoch-{epoch}").write_bytes(pipe.read_bytes())


def stepwise():
    """Count to twenty; after each step save where to go on."""
    saved = BASE / "checkpoints" / "at"
    at = int(saved.read_text()) if saved.exists() else 0
    print(f"begins at {at}", flush=True)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while at < 20:
        at += 1
        print(f"step={at} loss={1 / at:.4f};", flush=True)
        saved.parent.mkdir(exist_ok=True)
        saved.write_text(str(at))
        if stopped:
            print("saved and went", flush=True)
            sys.exit(0)
        time.sleep(0.05)
    (BASE / "model" / "sum").write_text(str(at))


def fails():
    (BASE / "output" / "failure").write_text("x" * 2_000)
    sys.exit(3)


def fails_on_one_host():
    if config("resourceconfig")["current_host"] == "algo-2":
        sys.exit("the second host has enough")
    time.sleep(60)


def escapes():
    (BASE / "model" / "secret").symlink_to("/etc/hostname")


def greedy():
    """Ask for 6 GiB and then for 6 more; the pages are never touched."""
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    first = mmap.mmap(-1, 6 << 30, private)
    print("had", len(first) >> 30, flush=True)
    mmap.mmap(-1, 6 << 30, private)


def sleeps():
    time.sleep(60)


class Serving(BaseHTTPRequestHandler):
    """Answers the sum of each line's numbers, or what the header asks for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/execution-parameters":
            told = os.environ.get("TOY_PARAMETERS", "")
            return self.say(200 if told else 404, told.encode())
        return self.say(200 if not os.environ.get("TOY_SICK") else 500, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body.startswith("die"):
            os._exit(1)
        if body.startswith("refuse"):
            return self.say(400, b"no such feature")
        if body.startswith("wait"):
            time.sleep(float(body.split()[1]))
        if self.headers["Content-Type"] == "application/jsonlines":
            rows = [json.loads(line) for line in body.splitlines()]
            return self.say(200, "\n".join(json.dumps({"sum": sum(row["x"])}) for row in rows).encode())
        numbers = [sum(map(float, re.findall(r"-?\d+\.?\d*", line))) for line in body.splitlines()]
        offset = float(os.environ.get("TOY_OFFSET", 0))
        mark = os.environ.get("TOY_MARK")
        answer = mark if mark else "\n".join(f"{number + offset:g}" for number in numbers)
        return self.say(200, answer.encode(), "text/csv")

    def say(self, status, body, kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "X-Amzn-SageMaker-Custom-Attributes", self.headers.get("X-Amzn-SageMaker-Custom-Attributes") or "none"
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(format % args, flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


def serve():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("serving starts", flush=True)
    Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Serving).serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        globals()[config("hyperparameters")["do"]]()
