"""One process at a time in a run's folder: who works there says so in ``lock.json``.

What is guaranteed depends on where the folder lies.  On a local disk, and on S3 with boto3 installed, the file is made
only where none is, by the system itself: of two processes that begin together exactly one gets it.  On other storage it
is written, and read again after a moment: whoever wrote last has it.  The holder renews the file's ``beat``; a lock
without one for five minutes is left over, and so is one whose process is known to be gone from this machine.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from sparring.errors import FolderInUseError
from sparring.io import storage
from sparring.run.manifest import now

NAME = "lock.json"
BEAT_SECONDS = 30.0
STALE_SECONDS = 300.0


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the lock of ``folder`` while the body runs.

    Parameters
    ----------
    folder : str
        Made if it is missing; any path of :mod:`sparring.io.storage`.

    Raises
    ------
    FolderInUseError
        If another process holds it; the message says which, where and since when.
    """
    path, mine = storage.join(folder, NAME), _claim()
    _take(path, mine)
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, mine, ended), daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join(timeout=BEAT_SECONDS)
        if _read(path).get("token") == mine["token"]:
            storage.delete(path)


def _claim() -> dict[str, Any]:
    process = psutil.Process()
    return {
        "token": uuid.uuid4().hex,
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": process.pid,
        "process_started": process.create_time(),
        "since": now(),
        "beat": time.time(),
    }


def _machine() -> str:
    """Return what makes a process number one of this machine: its boot, and its space of process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _take(path: str, mine: dict[str, Any]) -> None:
    """Make the lock, in the place of one that is left over."""
    for _ in range(3):
        if storage.create_bytes(path, json.dumps(mine).encode()):
            return
        holder = _read(path)
        if not holder:
            # Just gone, or just being written.
            time.sleep(1.0)
            holder = _read(path)
        if not is_stale(holder):
            raise _in_use(path, holder)
        _remove_stale(path, holder)
    raise _in_use(path, _read(path))


def _read(path: str) -> dict[str, Any]:
    """Return what the lock says; nothing where it is gone or half-written."""
    try:
        found: dict[str, Any] = storage.read_json(path)
        return found
    except (OSError, ValueError):
        return {}


def is_stale(holder: dict[str, Any]) -> bool:
    """Return whether a lock is left over: its process is gone, or has long given no sign of life."""
    if holder.get("machine") == _machine():
        try:
            return psutil.Process(holder["pid"]).create_time() != holder["process_started"]
        except psutil.NoSuchProcess:
            return True
    return time.time() - holder.get("beat", 0.0) > STALE_SECONDS


def _remove_stale(path: str, holder: dict[str, Any]) -> None:
    """Remove a left-over lock, unless another process was quicker to do so and holds one by now."""
    aside = f"{path}.{uuid.uuid4().hex}"
    try:
        storage.move(path, aside)
    except OSError:
        return
    if _read(aside).get("token") != holder.get("token"):
        storage.move(aside, path)
        return
    storage.delete(aside)


def _beat(path: str, mine: dict[str, Any], ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        # A store that is out of reach for a moment does not end the run.
        if _read(path).get("token") == mine["token"]:
            try:
                storage.write_json(path, {**mine, "beat": time.time()})
            except OSError:
                continue


def _in_use(path: str, holder: dict[str, Any]) -> FolderInUseError:
    who = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'an unknown host')}"
    return FolderInUseError(
        f"{storage.plain(path.removesuffix('/' + NAME))} is in use by {who}, since {holder.get('since', 'unknown')}",
        f"Wait for its end, or name another folder with --output; if it is gone, delete {storage.plain(path)}.",
    )
