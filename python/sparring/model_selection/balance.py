"""What a split looks like: rows, classes and groups of each part, and whether a group straddles two."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sparring.spark.reserved import named


def split_balance(
    rows: DataFrame, label_col: str, *, group_id_col: str = "groupId", split_col: str = "split"
) -> dict[str, Any]:
    """Count a split.

    Parameters
    ----------
    rows : DataFrame
        The output of a splitter, best after it was written.
    label_col : str
        Numeric label, 0 or 1.
    group_id_col, split_col : str

    Returns
    -------
    dict
        ``parts``: name -> ``rows``, ``positives``, ``groups``; ``straddling_groups``: groups in two parts or more.

    Notes
    -----
    Cost: one pass and a shuffle of the groups.
    """
    by_group = rows.groupBy(named(group_id_col).alias("group"), named(split_col).alias("part")).agg(
        F.count("*").alias("rows"), F.sum(named(label_col)).alias("positives")
    )
    parts = by_group.groupBy("part").agg(
        F.sum("rows").alias("rows"), F.sum("positives").alias("positives"), F.count("*").alias("groups")
    )
    straddling = by_group.groupBy("group").count().where(F.col("count") > 1).count()
    found = {row["part"]: row for row in parts.collect()}
    return {
        "parts": {
            name: {"rows": row["rows"], "positives": int(row["positives"]), "groups": row["groups"]}
            for name, row in sorted(found.items(), key=lambda item: -item[1]["rows"])
        },
        "straddling_groups": straddling,
    }
