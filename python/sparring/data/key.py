"""The key of a row: the user's columns, or its content and an occurrence number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.data.canonical import canonical_hash
from sparring.data.numbers import text_of
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SEPARATOR = "\u001f"


def with_row_key(
    frame: DataFrame, key_cols: list[str], key_col: str = "key", content_cols: list[str] | None = None
) -> DataFrame:
    """Return ``frame`` with a string column that identifies each row.

    Parameters
    ----------
    frame : DataFrame
    key_cols : list of str
        Columns that identify a row; their text is joined by the unit separator.  When empty, the key is the
        128-bit hash of all columns and the row's number among equal ones: equal rows are interchangeable, so
        the numbering needs no order and does not depend on the partitioning.
    key_col : str, default "key"
        Name of the new column.
    content_cols : list of str, optional
        The columns that are a row's content; all by default.

    Raises
    ------
    SchemaError
        If the table has a column ``key_col`` already.

    Notes
    -----
    Cost: none with ``key_cols``; one shuffle of the rows without.
    """
    from sparring.engine import functions as F
    from sparring.engine.window import Window
    from sparring.params import forbid_columns

    forbid_columns(frame.schema, [key_col], "with_row_key")
    if key_cols:
        parts = [F.coalesce(text_of(named(name), frame.schema[name].dataType), F.lit("")) for name in key_cols]
        return frame.withColumn(key_col, F.concat_ws(SEPARATOR, *parts))
    hashed = frame.withColumn(key_col, canonical_hash(content_cols or frame.columns, frame.schema))
    occurrence = F.row_number().over(Window.partitionBy(named(key_col)).orderBy(F.lit(0)))
    return hashed.withColumn(key_col, F.concat_ws("-", named(key_col), occurrence))
