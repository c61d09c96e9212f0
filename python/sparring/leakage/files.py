"""Tables read from files, with the number of each row as it stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.data.location import data_files
from sparring.data.readers import CORRUPT, read_path
from sparring.errors import TableError
from sparring.spark.reserved import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROW = "sparring__row"


def check_exists(path: str) -> None:
    """Raise :class:`TableError` if nothing is at ``path``, as far as that can be known without Spark."""
    if not any(mark in path for mark in "*?{["):
        data_files(path)


def read_part(spark: SparkSession, path: str) -> DataFrame:
    """Return a table with the number of each row, in the order of its files, in ``sparring__row``.

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
    numbered, bad = _numbered(frame)
    if bad:
        raise TableError(f"{path!r} holds {bad:,} lines that do not parse", "Fix or remove them; check the separator.")
    return numbered


def _numbered(frame: DataFrame) -> tuple[DataFrame, int]:
    """Return ``frame`` with its rows numbered by file and place, and how many lines do not parse."""
    from sparring.engine import functions as F

    # Spark distributes portions of files to tasks by size; within a portion rows keep their order.
    placed = frame.withColumns(
        {
            # Not ``_metadata``: a table may have a column of that name.
            "sparring__file": F.input_file_name(),
            "sparring__start": F.input_file_block_start(),
            "sparring__id": F.monotonically_increasing_id(),
        }
    )
    broken = F.col(CORRUPT).isNotNull() if CORRUPT in frame.columns else F.lit(False)
    portions = (
        placed.groupBy("sparring__file", "sparring__start")
        .agg(
            F.min("sparring__id").alias("sparring__first"),
            F.count("*").alias("sparring__rows"),
            F.sum(broken.cast("long")).alias("sparring__broken"),
        )
        .toPandas()
        .sort_values(["sparring__file", "sparring__start"])
    )
    portions["sparring__before"] = portions["sparring__rows"].cumsum() - portions["sparring__rows"]
    if portions.empty:
        return frame.withColumn(ROW, F.lit(0).cast("long")), 0
    places = frame.sparkSession.createDataFrame(
        portions[["sparring__file", "sparring__start", "sparring__first", "sparring__before"]]
    )
    joined = placed.join(F.broadcast(places), ["sparring__file", "sparring__start"])
    number = F.col("sparring__id") - F.col("sparring__first") + F.col("sparring__before")
    kept = [quoted(name) for name in frame.columns if name != CORRUPT]
    return joined.withColumn(ROW, number).select(*kept, ROW), int(portions["sparring__broken"].sum())
