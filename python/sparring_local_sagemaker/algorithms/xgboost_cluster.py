"""XGBoost on several hosts: its collective, with the tracker on the first one.

The platform says where hosts are in ``SPARRING_HOST_ADDRESSES``, JSON ``{"algo-1": "127.0.0.2", ...}``; without it
they are found by their names, as in SageMaker's own network.
"""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from xgboost import collective
from xgboost.tracker import RabitTracker

from sparring_local_sagemaker.algorithms.channels import Hosts

FIRST_PORT, PORTS = 20_000, 10_000
PATIENCE_SECONDS = 120.0


def tracker_port(job: str) -> int:
    """Return the port of a job's tracker, which all of its hosts know without asking."""
    return FIRST_PORT + zlib.crc32(job.encode()) % PORTS


@contextmanager
def cluster(hosts: Hosts) -> Iterator[None]:
    """Join the other hosts for the body of the ``with`` statement; nothing happens on a single one.

    Raises
    ------
    TimeoutError
        If the first host's tracker does not answer within two minutes.
    """
    if len(hosts.names) == 1:
        yield
        return
    address, port = socket.gethostbyname(hosts.leader_address), tracker_port(os.environ.get("TRAINING_JOB_NAME", ""))
    tracker = None
    if hosts.leads:
        tracker = RabitTracker(n_workers=len(hosts.names), host_ip=address, port=port, sortby="task")
        tracker.start()
    else:
        _wait_for(address, port)
    # Task numbers decide ranks, hence the order in which sums are formed.
    settings: dict[str, Any] = {
        "dmlc_tracker_uri": address,
        "dmlc_tracker_port": port,
        "dmlc_task_id": f"{hosts.names.index(hosts.current):05d}",
    }
    with collective.CommunicatorContext(**settings):
        yield
    if tracker is not None:
        tracker.wait_for()


def largest(value: int) -> int:
    """Return the largest of all hosts' values."""
    return int(collective.allreduce(np.array([value], np.int64), collective.Op.MAX)[0])


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
