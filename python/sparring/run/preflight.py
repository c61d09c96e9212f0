"""Checks that need no data, done before any work: contenders, output folder, disk space, memory."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import psutil

from sparring.config.schema import RunConfig
from sparring.data.source import source_bytes
from sparring.errors import ConfigError, PlatformError
from sparring.io import storage
from sparring.task import Task
from sparring.training.registry import check_contenders

# A run writes the table four times (ingest, deduplicate, split, prepare) and the naive matrix once more.
COPIES = 5
LEAST_FREE_BYTES = 1 << 30
# Where Databricks shows its shared storage as a local disk.
SHARED_MOUNTS = ("/dbfs/", "/Volumes/")


def check_before_work(config: RunConfig, folder: str) -> None:
    """Raise for the first thing that would stop the run later.

    Raises
    ------
    ConfigError, MissingDependencyError
        From a contender that cannot be trained here.
    PlatformError
        If the output folder cannot be written, or disk space or memory will not do.
    """
    check_contenders(config)
    check_memory(config.resources.memory)
    if storage.is_local(folder):
        check_disk(storage.local_path(folder), source_bytes(config.table) or 0)


def check_task(config: RunConfig, task: Task) -> None:
    """Raise for what the configuration asks for and ``task`` does not have; the task is known once the table is read.

    Raises
    ------
    ConfigError
        From a contender that does not know the task, a metric that it does not have, or a majority among numbers.
    """
    check_contenders(config, task.name)
    task.metric(config.evaluation.metric)
    if task.name == "regression" and config.deduplicate.conflicts == "majority":
        raise ConfigError(
            "deduplicate.conflicts is majority, and numbers have none", "Set it to keep (the survivor's) or drop."
        )


def check_shared(folder: str, master: str, shared_disk: bool) -> None:
    """Raise if ``folder`` is on this machine's disk while Spark's executors run on other machines.

    Each of them would write its rows to a disk of its own, and the driver would find its own alone.

    Parameters
    ----------
    folder : str
        The run's folder.
    master : str
        Spark's; ``local[...]`` and ``local-cluster[...]`` are on this machine.
    shared_disk : bool
        The user's word that all machines see the folder, such as on NFS.

    Raises
    ------
    PlatformError
    """
    path = storage.local_path(folder) if storage.is_local(folder) else ""
    if not path or shared_disk or master.startswith("local") or path.startswith(SHARED_MOUNTS):
        return
    raise PlatformError(
        f"The output folder {path!r} is on this machine's disk, and Spark's executors at {master} have disks of their "
        "own, so that rows would be lost",
        "Pass --output with a folder that all of them see, such as s3a://bucket/run, hdfs:///run or dbfs:/run, or "
        "--set resources.shared_disk=true if this one is shared, such as over NFS.",
    )


def check_memory(heap: str) -> None:
    """Raise if the machine has less memory than Spark's heap is to take."""
    wanted = int(heap[:-1]) << (30 if heap.endswith("g") else 20)
    total = psutil.virtual_memory().total
    if wanted > total:
        raise PlatformError(
            f"resources.memory is {heap}, the machine has {total / 2**30:.1f} GiB",
            "Set resources.memory lower.",
        )


def check_writable(folder: Path) -> None:
    """Raise unless something can be made in ``folder``; rights alone do not tell, for some systems are read-only."""
    try:
        tempfile.TemporaryDirectory(dir=folder, prefix=".sparring-").cleanup()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return  # Said by the check of the disk, with figures.
        raise PlatformError(
            f"The output folder {str(folder)!r} cannot be written: {os.strerror(error.errno or 0)}",
            "Choose another with --output, or fix your rights to it.",
        ) from error


def check_disk(folder: str, table_bytes: int) -> None:
    """Raise if ``folder`` cannot be written or its disk has too little room for the run's tables."""
    existing = Path(folder)
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise ConfigError(f"The output {folder!r} lies below {str(existing)!r}, a file", "Choose another folder.")
    check_writable(existing)
    need, free = max(LEAST_FREE_BYTES, COPIES * table_bytes), shutil.disk_usage(existing).free
    if free < need:
        raise PlatformError(
            f"The disk of {str(existing)!r} has {free / 2**30:.1f} GiB free, the run needs about {need / 2**30:.1f}",
            "Free some, or choose a folder elsewhere with --output.",
        )
