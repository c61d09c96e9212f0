"""Values that occur in more than one part: contents, keys and groups, all in one shuffle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sparring.data.reserved import named, quoted
from sparring.leakage.columns import PART
from sparring.leakage.table import ANSWER, CONTENT, GROUP, KEY, AuditTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KINDS = {"content": CONTENT, "key": KEY, "group": GROUP}
EXAMPLES = 3
SHOWN_COLUMNS = 8


@dataclass(frozen=True)
class Overlap:
    """What two parts have in common: distinct values, those with different labels, rows of either part."""

    values: int
    conflicting: int
    left_rows: int
    right_rows: int
    conflicting_rows: int


@dataclass(frozen=True)
class Straddling:
    """All values by the parts they occur in.

    Attributes
    ----------
    values : DataFrame
        ``kind``, ``value``, ``n0``... rows by part, ``mask`` (bit p: occurs in part p), ``conflict`` (has rows with
        different labels).
    summary : DataFrame of pandas
        Distinct values and rows by kind, mask and conflict: at most some dozen lines.
    """

    values: DataFrame
    summary: pd.DataFrame

    def overlap(self, kind: str, left: int, right: int) -> Overlap:
        """Return what two parts share of a kind."""
        lines = self.summary[self.summary["kind"] == kind]
        both = lines[(lines["mask"].to_numpy() >> left) & (lines["mask"].to_numpy() >> right) & 1 == 1]
        torn = both[both["conflict"].astype(bool)]
        return Overlap(
            int(both["values"].sum()),
            int(torn["values"].sum()),
            int(both[f"n{left}"].sum()),
            int(both[f"n{right}"].sum()),
            int(torn[f"n{right}"].sum()),
        )


def straddling(table: AuditTable) -> Straddling:
    """Find the values of every kind, the parts they are in, and whether their labels differ.

    Notes
    -----
    Cost: one shuffle of the distinct contents, keys and groups; the driver sees one line a set of parts.
    """
    from pyspark.sql import functions as F

    present = {"content": True, "key": bool(table.columns.keys), "group": bool(table.columns.groups)}
    kinds = F.array(
        *[
            F.struct(F.lit(kind).alias("kind"), named(name).alias("value"))
            for kind, name in KINDS.items()
            if present[kind]
        ]
    )
    lines = table.rows.select(F.explode(kinds).alias("s"), PART, ANSWER).select("s.*", PART, ANSWER)
    numbers = range(len(table.parts))
    per_part = [F.sum(F.when(F.col(PART) == part, 1).otherwise(0)).alias(f"n{part}") for part in numbers]
    differ = (F.min(ANSWER) < F.max(ANSWER)).alias("conflict")
    grouped = lines.where("value is not null").groupBy("kind", "value").agg(*per_part, differ)
    grouped = grouped.withColumn("conflict", F.coalesce("conflict", F.lit(False)))
    mask = sum((F.when(F.col(f"n{part}") > 0, 1 << part).otherwise(0) for part in numbers), F.lit(0))
    values = grouped.withColumn("mask", mask)
    summary = values.groupBy("kind", "mask", "conflict").agg(
        F.count("*").alias("values"), *[F.sum(f"n{part}").alias(f"n{part}") for part in numbers]
    )
    return Straddling(values, summary.toPandas())


def examples(table: AuditTable, found: Straddling, kind: str, parts: tuple[int, int], conflict: bool = False) -> list:
    """Return a few values that both parts hold: how often, and what they look like in the second.

    Cost: the shuffle of :func:`straddling` and a pass; made only when there is something to show.
    """
    from pyspark.sql import functions as F

    left, right = parts
    shared = found.values.where((F.col("kind") == kind) & (F.col(f"n{left}") > 0) & (F.col(f"n{right}") > 0))
    if conflict:
        shared = shared.where("conflict")
    chosen = shared.orderBy(F.desc(f"n{right}"), "value").limit(EXAMPLES).collect()
    looks = looks_of(table, KINDS[kind], [row["value"] for row in chosen], right)
    return [
        {
            **looks.get(row["value"], {}),
            f"rows in {table.parts[left]}": row[f"n{left}"],
            f"rows in {table.parts[right]}": row[f"n{right}"],
        }
        for row in chosen
    ]


def looks_of(table: AuditTable, column: str, values: list[str], part: int) -> dict[str, dict[str, Any]]:
    """Return the columns that tell rows of a part apart to people, of one row for each value of ``column``."""
    from pyspark.sql import functions as F

    wanted = {KEY: table.columns.keys, GROUP: table.columns.groups}.get(column) or table.columns.keys
    names = list(wanted or table.columns.features)[:SHOWN_COLUMNS]
    moments = set(table.columns.moments)
    shown = [
        (F.timestamp_seconds(quoted(name)) if name in moments else named(name)).cast("string").alias(name)
        for name in names
    ]
    rows = table.rows.where(F.col(column).isin(values) & (F.col(PART) == part))
    found = rows.groupBy(column).agg(F.min(F.struct(*shown)).alias("row")).collect()
    return {row[column]: row["row"].asDict() for row in found}
