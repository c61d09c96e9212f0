"""A server with a predictor that does as the body says: ``python toy_server.py [WORKERS]``."""

import os
import sys
import time

from sparring.container import BodyError, ContentError, negotiate, serve


def predict(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    if content_type != "text/csv":
        raise ContentError(f"content type {content_type!r} is not text/csv")
    kind = negotiate(accept, ["text/csv", "application/json"])
    word, _, value = body.decode()[:100].partition(" ")
    if word == "sleep":
        time.sleep(float(value))
    if word == "pid":
        time.sleep(0.02)
        return str(os.getpid()).encode(), kind
    if word == "bad":
        raise BodyError("row 1, column 'x': 'bad' is not a number")
    if word == "bug":
        raise KeyError("a bug")
    return (str(len(body)) if kind == "text/csv" else f"[{len(body)}]").encode(), kind


if __name__ == "__main__":
    serve(predict, int(sys.argv[1]) if len(sys.argv) > 1 else None)
