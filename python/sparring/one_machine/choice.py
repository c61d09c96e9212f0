"""What the data half runs on: Spark, or one machine without it; the rows are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

import pyarrow.dataset as ds

from sparring.data.location import data_files
from sparring.data.readers import format_of
from sparring.data.source import bytes_of
from sparring.errors import ConfigError
from sparring.io import storage
from sparring.one_machine import csv_rows, json_rows
from sparring.one_machine.memory import own_memory
from sparring.spark.session import SessionSpec, active_session, get_session, stop_session, under_spark_submit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sparring.config.schema import TableConfig

SPARK, ONE_MACHINE, AUTO = "spark", "one_machine", "auto"
ENGINES = (AUTO, SPARK, ONE_MACHINE)
# Formats, and the options that one machine understands.
READ: dict[str, set[str]] = {"parquet": set(), "csv": csv_rows.OPTIONS, "json": json_rows.KNOWN}
# Bytes of memory that a byte of a file takes at most, packed or not, and a cell of Parquet; measured on a million rows
# of 16 columns.  And the share of the machine's memory that may be taken.
BYTE, PACKED_BYTE, CELL, MOST_MEMORY = 20, 200, 120, 0.5


class Engine(NamedTuple):
    """What the data half runs on.

    Attributes
    ----------
    name : {"spark", "one_machine"}
    reason : str
    """

    name: str
    reason: str


class Source(NamedTuple):
    """A table's files, as far as an engine asks.

    Attributes
    ----------
    path : str
        Empty for a table that Sparring brings.
    form : str
        Format, or ``auto``.
    options : mapping of str to str
        The reader's.
    """

    path: str
    form: str = "auto"
    options: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of(cls, table: TableConfig) -> Source:
        """Return the files of a configuration's table."""
        return cls("" if table.builtin is not None else table.path or "", table.format, table.options)


def engine_for(wanted: str, sources: Sequence[Source]) -> Engine:
    """Return what the data half runs on.

    Parameters
    ----------
    wanted : {"auto", "spark", "one_machine"}
    sources : sequence of Source
        What is to be read.

    Raises
    ------
    ConfigError
        If ``wanted`` is none of them.
    """
    if wanted not in ENGINES:
        raise ConfigError(f"The engine {wanted!r} is none of {', '.join(ENGINES)}", "Name one of them.")
    if wanted != AUTO:
        return Engine(wanted, "it was asked for")
    if spark_is_there():
        return Engine(SPARK, "a session of Spark is there")
    for source in sources:
        why = _only_spark_reads(source)
        if why:
            return Engine(SPARK, why)
    wanted_bytes = sum(memory_for(source) for source in sources if source.path)
    if wanted_bytes > own_memory() * MOST_MEMORY:
        return Engine(SPARK, f"{wanted_bytes / 2**30:.0f} GiB may be wanted, too much for this machine's memory")
    return Engine(ONE_MACHINE, "the table fits in this machine's memory")


def spark_is_there() -> bool:
    """Return whether this process has a session of Spark, or was started to make one."""
    return active_session() is not None or under_spark_submit()


def memory_for(source: Source) -> int:
    """Return the bytes of memory that a table takes at most; of Parquet, whose values may be packed well, by cells."""
    files = data_files(source.path)
    taken = sum(file.size * (PACKED_BYTE if file.path.endswith((".gz", ".bz2")) else BYTE) for file in files)
    if format_of(source.path, source.form).name != "parquet":
        return taken
    system, _ = storage.filesystem(source.path)
    found = ds.dataset([file.path for file in files], filesystem=system, format="parquet")
    return max(taken, found.count_rows() * len(found.schema) * CELL)


def _only_spark_reads(source: Source) -> str:
    """Return why a table is read by Spark only; nothing if one machine reads it too."""
    if not source.path:
        return ""
    if bytes_of(source.path) is None:
        return "the table lies where only Spark can look"
    form = format_of(source.path, source.form).name
    if form not in READ:
        return f"only Spark reads the format {form}"
    unknown = [name for name in source.options if name not in READ[form]]
    return f"only Spark knows the option {unknown[0]}" if unknown else ""


def one_machine() -> SparkSession:
    """Return what stands for a session where Spark is not needed."""
    from sparring.one_machine.session import OneMachine

    return cast("SparkSession", OneMachine())


@contextmanager
def session_on(engine: Engine, spec: SessionSpec) -> Iterator[SparkSession]:
    """Give a session of an engine; one of Spark that was not there before ends with the ``with`` statement."""
    if engine.name == ONE_MACHINE:
        yield one_machine()
        return
    owned = active_session() is None and not under_spark_submit()
    spark = get_session(spec)
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        if owned:
            stop_session(spark)
