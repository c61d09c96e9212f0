"""What a contender uses on a cluster: the processes of the executors, read where they run, and what Spark lost.

Spark tells the seconds of its tasks, not those of the Python workers beside them, of the garbage collector or of the
compiler.  So a task on each executor reads the kernel's record of the processes around it, before the contender and
after it: their difference is the contender's, and neither reading is inside its time.  Linux only; where the record
cannot be read, the figures are unknown, and said to be.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sparring.spark.cluster import task_slots

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A task sleeps so long that no executor can take the next one's place.
TASK_SECONDS = 0.2
ROUNDS = 5
# Spark's own record is a moment behind.
RECORD_SECONDS = 0.5
PROC = Path("/proc")
# Tells the kernel to forget how large a process once was.
FORGET_PEAK = "5"


@dataclass(frozen=True)
class Reading:
    """An executor's processes at one moment.

    Attributes
    ----------
    host, pid, born : str, int, int
        Which JVM it is: its host, and its id and birth, by the kernel's clock, there.
    cpu_seconds : float
        User and system time of the JVM and of all that it started, ended ones too.
    peak_bytes : int
        Sum of the largest resident memory of each living process since the last reading, an upper bound.
    """

    host: str
    pid: int
    born: int
    cpu_seconds: float
    peak_bytes: int

    @property
    def executor(self) -> tuple[str, int, int]:
        """Which executor it is of."""
        return self.host, self.pid, self.born


@dataclass(frozen=True)
class ClusterUsage:
    """What a contender used on a cluster's executors, and what happened to them.

    Attributes
    ----------
    executors : int
        Those that were there at its end.
    cores : int
        Tasks that could run at the same time.
    cpu_seconds, peak_memory_bytes : float, int or None
        Of all executors together; None where the kernel's record could not be read.
    failed_tasks : int or None
        Tasks that failed and were tried again.
    lost_executors : int or None
        Those that ended while the contender ran.
    gc_seconds, input_bytes, shuffle_read_bytes, shuffle_write_bytes : float, int or None
        Of the executors, as Spark recorded them.
    """

    executors: int
    cores: int
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    failed_tasks: int | None = None
    lost_executors: int | None = None
    gc_seconds: float | None = None
    input_bytes: int | None = None
    shuffle_read_bytes: int | None = None
    shuffle_write_bytes: int | None = None

    @property
    def disturbed(self) -> bool:
        """Whether a loss made its time longer than it would be."""
        return bool(self.failed_tasks or self.lost_executors)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        return asdict(self)


@dataclass
class ExecutorMeter:
    """Read the executors of a cluster before and after the body of a ``with`` statement.

    Parameters
    ----------
    spark : SparkSession
        Of a cluster.

    Attributes
    ----------
    usage : ClusterUsage
        Known afterwards.

    Notes
    -----
    Cost: a job of short tasks before and one after, about a second each.

    Examples
    --------
    >>> with ExecutorMeter(spark) as meter:                         # doctest: +SKIP
    ...     model = estimator.fit(train)
    >>> meter.usage.cpu_seconds, meter.usage.failed_tasks           # doctest: +SKIP
    (30.1, 0)
    """

    spark: SparkSession
    usage: ClusterUsage = field(init=False)

    def __enter__(self) -> ExecutorMeter:
        """Read the executors, and have the kernel forget their peaks; where that fails the figures are unknown."""
        self._slots, self._before = task_slots(self.spark), dict[tuple[str, int, int], Reading]()
        self._recorded = _recorded(self.spark)
        with suppress(Exception):
            # The first tasks of an executor start its Python, which is nobody's: only then does its account begin.
            read_executors(self.spark, self._slots)
            self._before = {reading.executor: reading for reading in read_executors(self.spark, self._slots)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read them again; a context that has ended with its executors leaves the figures unknown."""
        self.usage = ClusterUsage(len(self._before), self._slots)
        with suppress(Exception):
            self.usage = self._used()

    def _used(self) -> ClusterUsage:
        after = read_executors(self.spark, self._slots, latest=False)
        time.sleep(RECORD_SECONDS)
        seen = {reading.executor for reading in after}
        lost = [executor for executor in self._before if executor not in seen]
        known = bool(after) and bool(self._before)
        cpu = sum(reading.cpu_seconds - self._cpu_before(reading) for reading in after)
        return ClusterUsage(
            executors=len(after) or len(_active(self.spark)),
            cores=self._slots,
            # What a lost executor used is known to nobody.
            cpu_seconds=cpu if known and not lost else None,
            peak_memory_bytes=sum(reading.peak_bytes for reading in after) if known and not lost else None,
            **_since(self._recorded, _recorded(self.spark)),
        )

    def _cpu_before(self, reading: Reading) -> float:
        known = self._before.get(reading.executor)
        return known.cpu_seconds if known else 0.0


def read_executors(spark: SparkSession, slots: int, latest: bool = True) -> list[Reading]:
    """Return a reading of every executor that is there; none where the kernel has no such record.

    Parameters
    ----------
    spark : SparkSession
    slots : int
        Tasks that run at the same time.
    latest : bool, default True
        Of several readings of an executor return the last, else the first: the reading itself takes a little, too.

    Notes
    -----
    Cost: one job of two short tasks a slot, up to five where executors are busy.
    """
    found: dict[tuple[str, int, int], Reading] = {}
    for _ in range(ROUNDS):
        tasks = spark.sparkContext.parallelize(range(2 * slots), 2 * slots)
        for reading in tasks.mapPartitions(read_own_executor).collect():
            known = found.get(reading.executor)
            better = known is None or (known.cpu_seconds <= reading.cpu_seconds) == latest
            found[reading.executor] = _with_larger_peak(*((reading, known) if better else (known, reading)))
        if len(found) >= len(_active(spark)):
            break
    return list(found.values())


def _with_larger_peak(reading: Reading, other: Reading | None) -> Reading:
    """Return a reading with the larger peak of two: each of them had the kernel begin anew."""
    return reading if other is None else replace(reading, peak_bytes=max(reading.peak_bytes, other.peak_bytes))


def read_own_executor(rows: Iterable[Any]) -> Iterator[Reading]:
    """Yield a reading of the executor that this task runs on; nothing where that cannot be known."""
    time.sleep(TASK_SECONDS)
    jvm = _jvm_above(os.getpid())
    if jvm is None:
        return
    children = _children()
    tree, waiting = [], [jvm]
    while waiting:
        tree.append(waiting.pop())
        waiting += children.get(tree[-1], [])
    stats = [stat for pid in tree if (stat := _stat(pid)) is not None]
    tick = os.sysconf("SC_CLK_TCK")
    # Fields 14 to 17: own user and system time, and that of ended children that were waited for.
    cpu = sum(int(value) for stat in stats for value in stat[11:15]) / tick
    peak = sum(_peak(pid) for pid in tree)
    born = _stat(jvm)
    if born is not None:
        yield Reading(socket.gethostname(), jvm, int(born[19]), cpu, peak)


def _jvm_above(pid: int) -> int | None:
    """Return the nearest process above this one that is a JVM."""
    while pid > 1:
        stat = _stat(pid)
        if stat is None:
            return None
        with suppress(OSError):
            if (PROC / str(pid) / "comm").read_text().strip() == "java":
                return pid
        pid = int(stat[1])
    return None


def _stat(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` from the third on: a name before them may hold spaces."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (stat := _stat(int(folder.name))) is not None:
            found.setdefault(int(stat[1]), []).append(int(folder.name))
    return found


def _peak(pid: int) -> int:
    """Return the largest resident memory of a process since it was last asked, in bytes."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
        (PROC / str(pid) / "clear_refs").write_text(FORGET_PEAK)
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


# What Spark records of an executor: ours, the record's, and how many of its unit are one of ours.
RECORDED = {
    "failed_tasks": ("failedTasks", 1),
    "gc_seconds": ("totalGCTime", 1_000),
    "input_bytes": ("totalInputBytes", 1),
    "shuffle_read_bytes": ("totalShuffleRead", 1),
    "shuffle_write_bytes": ("totalShuffleWrite", 1),
}


def _recorded(spark: SparkSession) -> dict[str, dict[str, Any]]:
    """Return Spark's own record of every executor, ended ones too; empty where it is not to be had."""
    found = {}
    with suppress(Exception):
        summaries = spark.sparkContext._jsc.sc().statusStore().executorList(False)
        for at in range(summaries.size()):
            one = summaries.apply(at)
            if one.id() != "driver":
                counts = {name: getattr(one, theirs)() / unit for name, (theirs, unit) in RECORDED.items()}
                found[str(one.id())] = {"active": bool(one.isActive()), **counts}
    return found


def _active(spark: SparkSession) -> list[str]:
    return [name for name, one in _recorded(spark).items() if one["active"]]


def _since(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what was recorded between two moments; nothing where there is no record."""
    if not after:
        return {}
    grown = {
        name: sum(one[name] - before.get(executor, {}).get(name, 0) for executor, one in after.items())
        for name in RECORDED
    }
    ended = [executor for executor, one in before.items() if one["active"] and not after[executor]["active"]]
    whole = {name: value if name == "gc_seconds" else int(value) for name, value in grown.items()}
    return {**whole, "lost_executors": len(ended)}
