"""What a process and everything it started used: wall time, CPU time, peak memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

import psutil

from sparring.errors import ComparisonError

# Proportional memory is read again only when the resident sum has grown by this much: the kernel walks the
# page tables for it, which for a large heap costs milliseconds during which the process cannot map memory.
GROWTH = 1.02


@dataclass(frozen=True)
class Usage:
    """What a process tree used while it was watched.

    Attributes
    ----------
    wall_seconds : float
    cpu_seconds : float
        User and system time of all processes of the tree, ended ones too.  What a process used after its last
        sample is missing unless its parent waited for it.
    peak_memory_bytes : int
        Largest sum over the tree at one moment, of ``memory_measure``.
    memory_measure : {"pss", "rss"}
        ``"pss"`` divides pages shared by several processes among them (Linux), accurate to 2% of the sum;
        ``"rss"``, where the kernel offers no better, counts them in each.
    peak_resident_bytes : int
        The same in resident memory (RSS), an upper bound.
    processes : int
        Distinct processes seen.
    samples : int
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    memory_measure: str
    peak_resident_bytes: int
    processes: int
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)


class ProcessTreeMeter:
    """Watch a process and its descendants from a thread of this one.

    Parameters
    ----------
    pid : int, optional
        Root of the tree; this process by default.  It may end at any time.
    interval : float, default 0.1
        Seconds between samples.  A sample reads the process table: 3 ms of CPU for 140 processes.
    also : int, optional
        Another process that is watched with all below it: of spark-submit's job, the JVM that started it.
    without : int, optional
        One that is left out with all below it: a JVM that a contender does not use.

    Raises
    ------
    ComparisonError
        If there is no such process.

    Examples
    --------
    >>> with ProcessTreeMeter() as meter:
    ...     total = sum(range(100_000))
    >>> meter.usage.wall_seconds > 0 and meter.usage.processes >= 1
    True
    """

    usage: Usage

    def __init__(
        self, pid: int | None = None, interval: float = 0.1, also: int | None = None, without: int | None = None
    ) -> None:
        try:
            self._root = psutil.Process(pid or os.getpid())
        except psutil.Error as error:
            raise ComparisonError(
                f"ProcessTreeMeter: there is no process {pid} to watch",
                "Start the meter before the process ends.",
            ) from error
        self._interval, self._also, self._without = interval, also, without
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="process-tree-meter", daemon=True)
        # psutil's processes are equal when both id and birth are: an id may be given to another process
        # later.
        self._own: dict[psutil.Process, float] = {}
        self._before = 0.0
        self._waited_before = 0.0
        self._with_waited = 0.0
        self._resident = self._proportional = self._read_at = self._samples = 0

    def __enter__(self) -> ProcessTreeMeter:
        """Start to watch."""
        self._start = time.perf_counter()
        tree = self._tree()
        cpu = {process: _cpu(process) for process in tree}
        self._own = {process: own for process, (own, _) in cpu.items()}
        self._before = sum(self._own.values())
        self._waited_before = sum(waited for _, waited in cpu.values())
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take a last sample and settle :attr:`usage`."""
        self._stop.set()
        self._thread.join()
        self._sample()
        self.usage = Usage(
            time.perf_counter() - self._start,
            self._cpu_seconds(),
            self._proportional or self._resident,
            "pss" if self._proportional else "rss",
            self._resident,
            len(self._own),
            self._samples,
        )

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._sample()

    def _tree(self) -> list[psutil.Process]:
        """Return all that is watched, each once and parents before children; empty once the root has gone."""
        own, left_out = _with_children(self._root.pid), set(_with_children(self._without))
        if self._root in left_out:
            # What is not wanted started this process, and is no part of its tree.
            left_out = set()
        found = [*_with_children(self._also), *own]
        return [process for process in dict.fromkeys(found) if process not in left_out]

    def _sample(self) -> None:
        tree = self._tree()
        cpu = {process: _cpu(process) for process in tree}
        for process, (own, _) in cpu.items():
            self._own[process] = max(own, self._own.get(process, 0.0))
        self._with_waited = max(self._with_waited, sum(own + waited for own, waited in cpu.values()))
        self._sample_memory(tree)
        self._samples += 1

    def _sample_memory(self, tree: Iterable[psutil.Process]) -> None:
        resident = sum(_resident(process) for process in tree)
        self._resident = max(self._resident, resident)
        if resident > self._read_at * GROWTH:
            self._read_at = resident
            self._proportional = max(self._proportional, sum(_proportional(process) for process in tree))

    def _cpu_seconds(self) -> float:
        """Return the larger of two counts that each miss something.

        Last seen times of every process miss processes shorter than the interval; the times that parents hold
        of children they waited for miss children that nobody waited for.  Neither counts anything twice.
        """
        last_seen = sum(self._own.values())
        return max(0.0, last_seen - self._before, self._with_waited - self._waited_before - self._before)


def _with_children(pid: int | None) -> list[psutil.Process]:
    """Return a process and its descendants; none once it has gone."""
    if pid is None:
        return []
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _cpu(process: psutil.Process) -> tuple[float, float]:
    """Return seconds of the process itself, and of ended children that it waited for; 0 once it has gone."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0, 0.0
    return times.user + times.system, getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    """Return the proportional set size, or 0 where the platform has none or denies it."""
    try:
        return int(getattr(process.memory_full_info(), "pss", 0))
    except psutil.Error:
        return 0
