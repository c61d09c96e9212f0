"""Text as a time, the same on any day that it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

# A time of day without a date, to which Spark adds the date of today.
TIME_OF_DAY = r"^\s*T?\d{1,2}:"


def as_timestamp(column: Column, kind: DataType) -> Column:
    """Return ``column``, of type ``kind``, as a timestamp; null for text that is none or has no date.

    Notes
    -----
    Cost: an expression.  Text is read as Spark's ``cast`` reads it, in the session's time zone where it names none.
    """
    from pyspark.sql import types as T

    from sparring.engine import functions as F

    if not isinstance(kind, T.StringType):
        return column.cast("timestamp")
    return F.when(~column.rlike(TIME_OF_DAY), column.cast("timestamp"))
