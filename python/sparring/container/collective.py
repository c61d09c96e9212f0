"""XGBoost's collective among the hosts of a job, with its tracker on the first one."""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xgboost import collective
from xgboost.tracker import RabitTracker

FIRST_PORT, PORTS = 20_000, 10_000
PATIENCE_SECONDS = 120.0


def tracker_port(job: str) -> int:
    """Return the port of a job's tracker, which all of its hosts know without asking."""
    return FIRST_PORT + zlib.crc32(job.encode()) % PORTS


@contextmanager
def joined(names: Sequence[str], current: str, addresses: dict[str, str], round_number: int = 0) -> Iterator[None]:
    """Join the other hosts for the body of the ``with`` statement; nothing happens on a single one.

    Parameters
    ----------
    names : sequence of str
        Of all hosts that join, the first of which leads.
    current : str
    addresses : dict of str to str
        Host -> IP address; a host without one is found by its name.
    round_number : int, default 0
        Of a job that joins several times: each has a port of its own.

    Raises
    ------
    TimeoutError
        If the first host's tracker does not answer within two minutes.
    """
    if len(names) == 1:
        yield
        return
    address = socket.gethostbyname(addresses.get(names[0], names[0]))
    port = tracker_port(os.environ.get("TRAINING_JOB_NAME", "")) + round_number
    tracker = None
    if current == names[0]:
        tracker = RabitTracker(n_workers=len(names), host_ip=address, port=port, sortby="task")
        tracker.start()
    else:
        _wait_for(address, port)
    # Task numbers decide ranks, hence the order in which sums are formed.
    settings: dict[str, Any] = {
        "dmlc_tracker_uri": address,
        "dmlc_tracker_port": port,
        "dmlc_task_id": f"{names.index(current):05d}",
    }
    with collective.CommunicatorContext(**settings):
        yield
    if tracker is not None:
        tracker.wait_for()


def _wait_for(address: str, port: int) -> None:
    """Return when somebody listens there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with socket.create_connection((address, port), timeout=1.0):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the tracker of the first host does not answer at {address}:{port}") from error
            time.sleep(0.1)
