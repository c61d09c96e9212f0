"""Tables read from files, with the number of each row as it stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.data.readers import CORRUPT, read_path
from sparring.data.source import source_files
from sparring.errors import TableError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROW = "_row"


def check_exists(path: str) -> None:
    """Raise :class:`TableError` if nothing is at ``path``, as far as that can be known without Spark."""
    if not any(mark in path for mark in "*?{["):
        source_files(path)


def read_part(spark: SparkSession, path: str) -> DataFrame:
    """Return a table with the number of each row, in the order of its files, in ``_row``.

    Lines that do not parse stop the audit: what they hold cannot be compared.

    Raises
    ------
    TableError
        If the path is unreadable or holds lines that do not parse.

    Notes
    -----
    Cost: one pass that counts the rows of each portion of a file, the driver seeing one line a portion.
    """
    frame = read_path(spark, path)
    if ROW in frame.columns:
        raise TableError(f"{path!r} has a column {ROW!r}, a name that Sparring uses itself", "Rename the column.")
    numbered, bad = _numbered(frame)
    if bad:
        raise TableError(f"{path!r} holds {bad:,} lines that do not parse", "Mend or remove them; check the separator.")
    return numbered


def _numbered(frame: DataFrame) -> tuple[DataFrame, int]:
    """Return ``frame`` with its rows numbered by file and place, and how many lines do not parse."""
    from pyspark.sql import functions as F

    # Spark deals portions of files to tasks by size; within a portion rows keep their order.
    placed = frame.withColumns(
        {
            "_file": F.col("_metadata.file_path"),
            "_start": F.col("_metadata.file_block_start"),
            "_id": F.monotonically_increasing_id(),
        }
    )
    broken = F.col(CORRUPT).isNotNull() if CORRUPT in frame.columns else F.lit(False)
    portions = (
        placed.groupBy("_file", "_start")
        .agg(F.min("_id").alias("_first"), F.count("*").alias("_rows"), F.sum(broken.cast("long")).alias("_broken"))
        .toPandas()
        .sort_values(["_file", "_start"])
    )
    portions["_before"] = portions["_rows"].cumsum() - portions["_rows"]
    if portions.empty:
        return frame.withColumn(ROW, F.lit(0).cast("long")), 0
    places = frame.sparkSession.createDataFrame(portions[["_file", "_start", "_first", "_before"]])
    joined = placed.join(F.broadcast(places), ["_file", "_start"])
    number = F.col("_id") - F.col("_first") + F.col("_before")
    return joined.withColumn(ROW, number).select(*frame.columns, ROW).drop(CORRUPT), int(portions["_broken"].sum())
