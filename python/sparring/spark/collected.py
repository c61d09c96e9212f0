"""Tables that are small enough for the driver, brought there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def fits_driver(frame: DataFrame) -> bool:
    """Return whether Spark itself would send ``frame`` to the driver, as it does with what it broadcasts.

    That is when its estimate is at most ``spark.sql.autoBroadcastJoinThreshold``, 10 MB by default; -1 never does.
    """
    if not hasattr(frame, "_jdf"):
        # One machine: all rows are here.
        return True
    most: int = frame.sparkSession._jsparkSession.sessionState().conf().autoBroadcastJoinThreshold()
    estimate: int = frame._jdf.queryExecution().optimizedPlan().stats().sizeInBytes()
    return estimate <= most


def to_arrow(frame: DataFrame) -> pa.Table:
    """Return all rows of ``frame``, which must be few: one job, without rows of Python objects.

    Spark 4 has this as ``DataFrame.toArrow``; before, it is what ``toPandas`` calls when Arrow is switched on.
    """
    of_spark_4 = getattr(type(frame), "toArrow", None)
    if of_spark_4 is not None:
        return of_spark_4(frame)
    batches = frame._collect_as_arrow()
    return pa.Table.from_batches(batches) if batches else pa.table({name: [] for name in frame.columns})
