"""What the data half runs on: Spark, or one machine without it; the rows are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import psutil

from sparring.config.schema import RunConfig
from sparring.data.source import source_bytes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK, ONE_MACHINE = "spark", "one_machine"
# Bytes of memory that a byte of the table's files takes at most, of every kind of file, and what may be taken.
MEMORY_PER_BYTE, MOST_MEMORY = 20, 0.5


class Engine(NamedTuple):
    """What the data half runs on.

    Attributes
    ----------
    name : {"spark", "one_machine"}
    reason : str
    """

    name: str
    reason: str


def engine_of(config: RunConfig, folder: str, owns_session: bool) -> Engine:
    """Return what a run's data half runs on.

    Parameters
    ----------
    config : RunConfig
    folder : str
        The run's folder.
    owns_session : bool
        Whether no session of Spark was there before the run.
    """
    if config.engine != "auto":
        return Engine(config.engine, "the configuration says so")
    if not owns_session:
        return Engine(SPARK, "a session of Spark is there")
    size = 0 if config.table.builtin else source_bytes(config.table)
    if size is None:
        return Engine(SPARK, "the table lies where only Spark can read it")
    room = psutil.virtual_memory().total * MOST_MEMORY
    if size * MEMORY_PER_BYTE > room:
        return Engine(SPARK, f"the table has {size / 2**30:.1f} GiB, too much for this machine's memory")
    return Engine(ONE_MACHINE, "the table fits in this machine's memory")


def one_machine() -> SparkSession:
    """Return what stands for a session where Spark is not needed."""
    from sparring.one_machine.session import OneMachine

    return cast("SparkSession", OneMachine())
