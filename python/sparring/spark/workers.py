"""Spark's Python workers, without what each of their tasks repeats in vain.

Spark's own daemon prepares every task of a worker by reading the directories of all archives on Python's path anew,
the largest jar of Spark among them, and cleans up after it by looking at every object of every imported library:
0.1 s of processor a task, as much as a small task's work.  Local sessions start this daemon instead; on a cluster
that has Sparring on its nodes, ``--conf spark.python.daemon.module=sparring.spark.workers`` does.
"""

from __future__ import annotations

import gc
from socket import socket
from zipimport import zipimporter

from pyspark import daemon


def patch_daemon() -> None:
    """Change this process, which is a daemon to be: archives are read once, libraries are no garbage."""
    # An archive that Spark adds later has a path, and so an importer, of its own.
    zipimporter.invalidate_caches = lambda self: None  # type: ignore[method-assign]
    work = daemon.worker

    def worker(sock: socket, authenticated: bool) -> int:
        code: int = work(sock, authenticated)
        if not authenticated:
            # The first task has imported what the next ones need.
            gc.collect()
            gc.freeze()
        return code

    daemon.worker = worker


if __name__ == "__main__":
    patch_daemon()
    daemon.manager()
