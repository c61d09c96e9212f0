"""Reading a user's table with Spark, and saying clearly why it cannot be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from sparring.data.builtin import read_builtin
from sparring.data.csv_table import CORRUPT, CsvTable, read_csv
from sparring.data.formats import TableFormat, format_of, register_format
from sparring.data.json_table import read_json
from sparring.data.location import data_files
from sparring.data.parquet_table import read_parquet
from sparring.data.typed_text import cast_columns, tally_columns
from sparring.errors import SparringError, TableError
from sparring.spark.reserved import named, refuse_reserved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from sparring.config.schema import TableConfig

__all__ = ["CORRUPT", "format_of", "open_csv", "read_path", "read_table"]

# What Java puts before the words that tell.
WRAPPING = re.compile(r"^(?:Caused by: )?(?:[\w.$]+(?:Exception|Error): )+|^\[[A-Z_.]+\] ")


def read_table(spark: SparkSession, table: TableConfig) -> DataFrame:
    """Return the table as Spark sees it; lines that do not parse are kept in ``sparring__corrupt_record``.

    Raises
    ------
    TableError
        If the path is absent, unreadable, of unknown format or without a column.
    """
    if table.builtin is not None:
        return read_builtin(spark, table.builtin)
    return read_path(spark, table.path or "", table.format, table.options, table.missing)


def read_path(
    spark: SparkSession,
    path: str,
    form: str = "auto",
    options: dict[str, str] | None = None,
    missing: Sequence[str] | None = None,
) -> DataFrame:
    """Return the table at ``path``; as :func:`read_table`."""
    found = format_of(path, form)
    try:
        frame = found.read(spark, path, options or {}, missing)
        _check_columns(frame, path, found.name)
        return _with_typed_partitions(frame, path) if found.name != "csv" else frame
    except SparringError:
        raise
    except Exception as error:
        raise _unread(path, found.name, error) from error


def open_csv(spark: SparkSession, table: TableConfig) -> CsvTable | None:
    """Return the table with its dialect and what was seen of its columns, None where it is no CSV.

    Raises
    ------
    TableError
        As :func:`read_table`.
    """
    path = table.path or ""
    if table.builtin is not None or format_of(path, table.format).name != "csv":
        return None
    try:
        return read_csv(spark, path, table.options, table.missing)
    except SparringError:
        raise
    except Exception as error:
        raise _unread(path, "csv", error) from error


def _check_columns(frame: DataFrame, path: str, form: str) -> None:
    refuse_reserved((name for name in frame.columns if name != CORRUPT or form == "parquet"), f"table.path {path!r}")
    if not [name for name in frame.columns if name != CORRUPT]:
        raise TableError(f"table.path {path!r} has no column", "Give a table with a header and rows.")


def _with_typed_partitions(frame: DataFrame, path: str) -> DataFrame:
    """Return the table with the columns that are folders, such as ``day=2024-01-01``, in the types of their values."""
    text = {field.name for field in frame.schema.fields if field.dataType.simpleString() == "string"}
    folders = {part.partition("=")[0] for part in _first_file(path).split("/")[:-1] if "=" in part}
    names = [name for name in frame.columns if name in folders & text]
    if not names:
        return frame
    return cast_columns(frame, tally_columns(frame.select(*map(named, names)), (), "."), (), ".", {})


def _first_file(path: str) -> str:
    """Return the path of the table's first file, empty where only Spark can reach it."""
    try:
        return next((file.path for file in data_files(path)), "")
    except (pa.ArrowInvalid, OSError):
        return ""


def _unread(path: str, form: str, error: Exception) -> TableError:
    return TableError(
        f"table.path {path!r} cannot be read as {form}: {cause(error)}",
        "Check the path, your rights to it and table.format.",
    )


def cause(error: Exception) -> str:
    """Return in one line what is at the bottom of an error of Spark's, without Java's stack.

    Examples
    --------
    >>> cause(ValueError("bad\\nworse"))
    'bad; worse'
    """
    java = getattr(error, "java_exception", None)
    while java is not None and java.getCause() is not None:
        java = java.getCause()
    text = str(java.getMessage() or java.toString()) if java is not None else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("at ")][:5] or [type(error).__name__]
    return WRAPPING.sub("", "; ".join(told))[:400]


register_format(
    TableFormat("parquet", (".parquet", ".pq"), lambda spark, path, options, _: read_parquet(spark, path, options))
)
register_format(
    TableFormat(
        "csv",
        (".csv", ".tsv", ".tab", ".txt"),
        lambda spark, path, options, missing: read_csv(spark, path, options, missing).frame,
        packed=True,
    )
)
register_format(TableFormat("json", (".json", ".jsonl", ".ndjson"), read_json, packed=True))
