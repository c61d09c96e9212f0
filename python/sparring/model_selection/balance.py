"""What a split looks like: rows, labels and groups of each part, and whether a group is in two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from sparring.data.moments import Moments, moments_by_part
from sparring.engine import functions as F
from sparring.spark.reserved import named


def split_balance(
    rows: DataFrame,
    label_col: str,
    *,
    classes: Sequence[Any] = (0, 1),
    group_id_col: str = "groupId",
    split_col: str = "split",
) -> dict[str, Any]:
    """Count a split.

    Parameters
    ----------
    rows : DataFrame
        The output of a splitter, best after it was written.
    label_col : str
    classes : sequence, default (0, 1)
        The label's values, each of which is counted; none where it is a number.
    group_id_col, split_col : str

    Returns
    -------
    dict
        ``parts``: name -> ``rows``, ``groups`` and ``classes`` (value as text -> rows), or ``label_mean`` and
        ``label_deviation``; ``groups_across_parts``: groups in two parts or more.

    Notes
    -----
    Cost: one pass and a shuffle of the groups; of a label that is a number one pass more.
    """
    label, part = named(label_col), named(split_col)
    measures = {f"class {at}": F.count(F.when(label == F.lit(value), 1)) for at, value in enumerate(classes)}
    by_group = rows.groupBy(named(group_id_col).alias("group"), part.alias("part")).agg(
        F.count("*").alias("rows"), *[measure.alias(name) for name, measure in measures.items()]
    )
    sums = [F.sum(name).alias(name) for name in ("rows", *measures)]
    parts = by_group.groupBy("part").agg(*sums, F.count("*").alias("groups"))
    across = by_group.groupBy("group").count().where(F.col("count") > 1).count()
    found = {row["part"]: row for row in parts.collect()}
    numbers = {} if classes else moments_by_part(rows, {label_col: label}, part)
    return {
        "parts": {
            name: {
                "rows": row["rows"],
                **_labels(row, classes, numbers.get(name, {}).get(label_col)),
                "groups": row["groups"],
            }
            for name, row in sorted(found.items(), key=lambda item: -item[1]["rows"])
        },
        "groups_across_parts": across,
    }


def _labels(row: Any, classes: Sequence[Any], numbers: Moments | None) -> dict[str, Any]:
    """Return how the labels of a part are distributed."""
    if classes:
        return {"classes": {str(value): row[f"class {at}"] for at, value in enumerate(classes)}}
    if numbers is None or not numbers.count:
        return {"label_mean": None, "label_deviation": None}
    return {"label_mean": numbers.mean, "label_deviation": numbers.deviation if numbers.count > 1 else 0.0}
