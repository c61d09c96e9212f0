"""Ends what a server leaves behind when it is killed: the server holds the other end of this one's input.

Every program of a server carries the server's token in its environment, and so do the programs it starts, in
whatever group or session.  Run as ``python watchdog.py TOKEN [FOLDER]``; the folder, if any, is deleted too.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

TOKEN_VARIABLE = "SPARRING_LOCAL_AWS_TOKEN"


def marked(token: str) -> list[int]:
    """Return the ids of the living processes that carry ``token`` in their environment."""
    mark = f"{TOKEN_VARIABLE}={token}".encode()
    found: list[int] = []
    # Without /proc (macOS) nothing is found: programs end with a server that ends well.
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else []:
        if entry.name.isdigit():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def main(token: str, folder: str | None = None) -> None:
    """Wait for the server's end, then leave nothing of it."""
    # An interrupt is for the server.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4_096):
        pass
    while left := marked(token):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
