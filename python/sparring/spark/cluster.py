"""Where Spark runs: on this machine alone, or on executors, how many and how large."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What says how many executors there are and how large, in the order they are shown.
SETTINGS = (
    "spark.executor.instances",
    "spark.executor.cores",
    "spark.executor.memory",
    "spark.cores.max",
    "spark.task.cpus",
    "spark.dynamicAllocation.enabled",
    "spark.dynamicAllocation.maxExecutors",
)
SHUFFLE_PIECES = "spark.sql.shuffle.partitions"
# A piece of a shuffle; what rows take there beside what they take in a compressed file; pieces a task.
PIECE_BYTES, GROWTH, PIECES_A_TASK = 64 << 20, 4, 2
# Executors register one by one; these many seconds without a new one, and all have.
QUIET_SECONDS, MOST_SECONDS = 1.0, 15.0


def is_local_master(master: str) -> bool:
    """Return whether Spark runs in one process of this machine.

    Examples
    --------
    >>> is_local_master("local[2]"), is_local_master("yarn"), is_local_master("local-cluster[2,1,1024]")
    (True, False, False)
    """
    return master == "local" or master.startswith("local[")


@dataclass(frozen=True)
class Cluster:
    """What a session was started with; the same whichever of its executors are there at the moment.

    Attributes
    ----------
    master : str
        As Spark names it, such as ``yarn``.
    settings : dict of str to str
        Those of :data:`SETTINGS` that are set.
    """

    master: str
    settings: dict[str, str]

    @classmethod
    def of(cls, spark: SparkSession) -> Cluster:
        """Return where ``spark`` runs."""
        conf = spark.sparkContext.getConf()
        found = {name: str(conf.get(name)) for name in SETTINGS if conf.contains(name)}
        return cls(str(spark.sparkContext.master), found)

    @property
    def is_local(self) -> bool:
        """Whether it is one process of this machine."""
        return is_local_master(self.master)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        return asdict(self)


def fit_shuffles(spark: SparkSession, table_bytes: int | None) -> None:
    """Have shuffles make as many pieces as a cluster's tasks and the table call for, unless its user said how many.

    Spark's own 200 are too many for a small table, which then waits for empty tasks, and too few for a large one,
    whose pieces do not fit into memory.

    Parameters
    ----------
    spark : SparkSession
    table_bytes : int or None
        Of the table as it lies; None where that is not known, and nothing is changed.
    """
    if table_bytes is None or spark.sparkContext.getConf().contains(SHUFFLE_PIECES):
        return
    pieces = max(PIECES_A_TASK * task_slots(spark), GROWTH * table_bytes // PIECE_BYTES)
    spark.conf.set(SHUFFLE_PIECES, str(pieces))


def task_slots(spark: SparkSession) -> int:
    """Return how many tasks run at the same time, once the executors have registered.

    That is executors times cores by the cores of a task: what is there, and with dynamic allocation what may come.

    Notes
    -----
    Cost: on a cluster a wait of a second, until no further executor registers.
    """
    context = spark.sparkContext
    if is_local_master(str(context.master)):
        return int(context.defaultParallelism)
    conf = context.getConf()
    may_come = 0
    if conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        most = int(str(conf.get("spark.dynamicAllocation.maxExecutors", "0")))
        may_come = most * int(str(conf.get("spark.executor.cores", "1"))) // int(str(conf.get("spark.task.cpus", "1")))
    return max(_settled_slots(context), may_come, 1)


def _settled_slots(context: Any) -> int:
    end, quiet, slots = time.monotonic() + MOST_SECONDS, time.monotonic(), -1
    while time.monotonic() < end:
        found = _slots_now(context)
        if found != slots:
            slots, quiet = found, time.monotonic()
        if slots > 0 and time.monotonic() - quiet >= QUIET_SECONDS:
            break
        time.sleep(0.1)
    return slots


def _slots_now(context: Any) -> int:
    """Return what Spark itself counts before a stage whose tasks need each other."""
    try:
        scala = context._jsc.sc()
        return int(scala.maxNumConcurrentTasks(scala.resourceProfileManager().defaultResourceProfile()))
    except Exception:
        # Some platforms let nobody ask the JVM: this is the same, unless its user set it.
        return int(context.defaultParallelism)
