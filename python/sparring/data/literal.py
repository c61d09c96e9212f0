"""Facts that the driver knows, as a table for a join."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def literal_table(spark: SparkSession, rows: Iterable[Mapping[str, Any]], schema: str) -> DataFrame:
    """Return ``rows`` as a table that lies in the query's plan.

    ``createDataFrame`` would start Python workers to convert them, which takes longer than most joins.

    Parameters
    ----------
    spark : SparkSession
    rows : iterable of mapping
        Column -> value: texts, whole numbers, lists and mappings of such.
    schema : str
        Columns and types as Spark's SQL writes them.

    Examples
    --------
    >>> literal_table(spark, [{"name": "a", "size": 3}], "name string, size long").show()     # doctest: +SKIP
    """
    from pyspark.sql import functions as F

    listed = F.from_json(F.lit(json.dumps(list(rows))), f"array<struct<{schema}>>")
    return spark.range(0, 1, 1, 1).select(F.inline(listed))
