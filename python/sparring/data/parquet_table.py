"""A Parquet table as Spark reads it, where it does; nanoseconds, which Spark has not, as microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from sparring.data.location import data_files, spark_path
from sparring.errors import TableError
from sparring.io import storage
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

ADVICE = "Write the column in another type, or leave it out of the file."


def read_parquet(spark: SparkSession, path: str, options: dict[str, str]) -> DataFrame:
    """Return the Parquet file, folder or pattern at ``path`` as a table.

    Parameters
    ----------
    spark : SparkSession
    path : str
    options : dict of str to str
        Of Spark's reader.

    Raises
    ------
    TableError
        If there is no file, one is empty or no Parquet, or a column is of a type that Spark does not read.

    Notes
    -----
    Cost: one footer is read here; Spark reads its own.  What is below a microsecond is cut off.
    """
    schema = _footer(path)
    for column in schema or []:
        _check_type(path, column)
    frame = spark.read.options(**options).parquet(spark_path(path))
    # Arrow calls Spark's own, older timestamps (INT96) nanoseconds, too: Spark reads those as timestamps itself.
    counted = {name for name, kind in frame.dtypes if kind == "bigint"}
    nanoseconds = {one.name: one.type for one in schema or [] if _is_nanoseconds(one.type) and one.name in counted}
    columns = [
        _microseconds(name, nanoseconds[name]).alias(name) if name in nanoseconds else named(name)
        for name in frame.columns
    ]
    return frame.select(*columns) if nanoseconds else frame


def _footer(path: str) -> pa.Schema | None:
    """Return the columns of the first file, or None where only Spark can reach it."""
    try:
        system, _ = storage.filesystem(path)
    except (pa.ArrowInvalid, OSError):
        return None
    files = data_files(path)
    if not files:
        raise TableError(f"table.path {path!r} holds no file", "Give a file or a folder with Parquet files.")
    empty = [file.path for file in files if not file.size]
    if empty:
        raise TableError(f"table.path {path!r}: the file {empty[0]} is empty", "Write it again, or delete it.")
    try:
        return pq.read_schema(system.open_input_file(files[0].path))
    except pa.ArrowInvalid as error:
        raise TableError(
            f"table.path {path!r}: {files[0].path} is no Parquet file: {error}", "Set table.format, or write it again."
        ) from error


def _check_type(path: str, column: pa.Field) -> None:
    unread = {
        "a time of day": pa.types.is_time(column.type),
        "numbers of 16 bits": pa.types.is_float16(column.type),
    }
    for kind, found in unread.items():
        if found:
            raise TableError(
                f"table.path {path!r}: column {column.name!r} holds {kind} ({column.type}), which Spark does not read",
                ADVICE,
            )


def _is_nanoseconds(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.unit == "ns"


def _microseconds(name: str, kind: pa.DataType) -> Column:
    from sparring.engine import functions as F

    # Integer division cuts towards zero, a moment before 1970 must go down.
    down = named(name) - F.pmod(named(name), F.lit(1000))
    moment = F.timestamp_micros(F.call_function("div", down, F.lit(1000)))
    return moment if kind.tz else moment.cast("timestamp_ntz")
