"""An image that starts at once: its score of a row is the row's last number, its manners are told by DO."""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DO = os.environ.get("DO", "")


def score(line):
    if line.startswith("{"):
        return repr(float(json.loads(line)["x"]))
    return repr(float(line.rpartition(",")[2]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().strip("\n").split("\n")
        if DO == "refuse":
            self.answer(400, b"row 1 is odd")
            return
        if DO == "sleep":
            time.sleep(4)
        scores = [score(line) for line in lines]
        if DO == "add":
            scores = [repr(float(text) + 1000) for text in scores]
        if DO == "short":
            scores = scores[:-1]
        if "jsonlines" in self.headers.get("Accept", ""):
            scores = [f'{{"score": {text}}}' for text in scores]
        self.answer(200, "\n".join(scores).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", self.headers.get("Accept") or "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    if DO == "die":
        sys.exit("cannot load the model")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
