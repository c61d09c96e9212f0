"""Values that occur in more than one part: contents, keys and groups, all in one shuffle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add, or_
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparring.data.numbers import text_of
from sparring.leakage.columns import PART
from sparring.leakage.reference import Hits
from sparring.leakage.table import ANSWER, GROUP, KEY, KINDS, AuditTable
from sparring.spark.reserved import named, quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

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
class CrossSplitOverlap:
    """All values by the parts they occur in.

    Attributes
    ----------
    values : DataFrame
        ``kind``, ``value``, ``n0``... rows by part, ``mask`` (bit p: occurs in part p), ``several`` (bit p: in
        different units of part p), ``conflict`` (has rows with different labels).
    summary : DataFrame of pandas
        Distinct values, rows and the squares of rows (``q0``...) by kind, mask, several and conflict: some dozen lines.
    unit : str or None
        See :attr:`~sparring.leakage.table.AuditTable.unit`.
    rows : list of int
        Rows by part.
    """

    values: DataFrame
    summary: pd.DataFrame
    unit: str | None
    rows: list[int]

    def overlap(self, kind: str, left: int, right: int) -> Overlap:
        """Return what two parts share of a kind."""
        lines = self.summary[self.summary["kind"] == kind]
        both = lines[bits(lines["mask"], left) & bits(lines["mask"], right)]
        torn = both[both["conflict"].astype(bool)]
        return Overlap(
            int(both["values"].sum()),
            int(torn["values"].sum()),
            int(both[f"n{left}"].sum()),
            int(both[f"n{right}"].sum()),
            int(torn[f"n{right}"].sum()),
        )

    def hits(self, left: int, right: int) -> tuple[Hits, Hits]:
        """Return rows of ``right`` whose content is in ``left``, and of ``left`` in another unit of it.

        Of the first, one unit of ``left`` is left out, each in turn; see :mod:`~sparring.leakage.reference`.
        """
        lines = self.summary[self.summary["kind"] == "content"]
        held, several = (bits(lines[name], left) for name in ("mask", "several"))
        part = self._hits(lines, right, held)
        only_one = float(lines.loc[held & ~several, f"n{right}"].sum()) * self._share_of_unit(left)
        kept = (part.hits - only_one) / part.hits if part.hits else 1.0
        return Hits(part.rows, part.hits * kept, part.variance * kept), self._hits(lines, left, several)

    def conflicting_within(self, part: int) -> float:
        """Return the share of a part's rows that are equal to one of another unit, where labels differ."""
        lines = self.summary[self.summary["kind"] == "content"]
        torn = lines[bits(lines["several"], part) & lines["conflict"].to_numpy().astype(bool)]
        return float(torn[f"n{part}"].sum()) / self.rows[part]

    def _hits(self, lines: pd.DataFrame, part: int, hit: np.ndarray) -> Hits:
        rows, found = self.rows[part], float(lines.loc[hit, f"n{part}"].sum())
        share = found / rows
        squares = lines[f"q{part}"].to_numpy(dtype=np.float64)
        variance = squares[hit].sum() * (1 - share) ** 2 + squares[~hit].sum() * share**2
        return Hits(float(rows), found, float(variance))

    def _share_of_unit(self, part: int) -> float:
        """Return the share of a part's rows that one unit has, on average over rows."""
        if self.unit is None:
            return 1.0 / self.rows[part]
        lines = self.summary[self.summary["kind"] == self.unit]
        return min(1.0, float(lines[f"q{part}"].sum()) / self.rows[part] ** 2)


def bits(masks: pd.Series, part: int) -> np.ndarray:
    """Return whether each mask has the bit of a part."""
    return (masks.to_numpy(dtype=np.int64) >> part) & 1 == 1


def cross_split(table: AuditTable) -> CrossSplitOverlap:
    """Find the values of every kind, the parts they are in, and whether their labels differ.

    Notes
    -----
    Cost: one shuffle of the distinct contents, keys and groups; the driver sees one line a set of parts.
    """
    from sparring.engine import functions as F

    numbers = range(len(table.parts))
    lines = table.rows.select(F.explode(_kinds(table)).alias("s"), PART, ANSWER).select("s.*", PART, ANSWER)
    aggregates = [F.sum(F.when(F.col(PART) == part, 1).otherwise(0)).alias(f"n{part}") for part in numbers]
    aggregates.append((F.min(ANSWER) < F.max(ANSWER)).alias("conflict"))
    if table.unit is not None:
        own = [F.when(F.col(PART) == part, F.col("unit")) for part in numbers]
        aggregates += [(F.min(unit) < F.max(unit)).alias(f"s{part}") for part, unit in enumerate(own)]
    grouped = lines.where(F.col("value").isNotNull()).groupBy("kind", "value").agg(*aggregates)
    several = [F.col(f"n{part}" if table.unit is None else f"s{part}") for part in numbers]
    if table.unit is None:
        several = [rows > 1 for rows in several]
    values = grouped.withColumns(
        {
            "conflict": F.coalesce("conflict", F.lit(False)),
            "mask": _mask([F.col(f"n{part}") > 0 for part in numbers]),
            "several": _mask(several),
        }
    )
    sums = [F.sum(f"n{part}").alias(f"n{part}") for part in numbers]
    sums += [F.sum(F.col(f"n{part}").cast("double") ** 2).alias(f"q{part}") for part in numbers]
    summary = values.groupBy("kind", "mask", "several", "conflict").agg(F.count("*").alias("values"), *sums)
    return CrossSplitOverlap(values, summary.toPandas(), table.unit, list(table.counts.values()))


def _kinds(table: AuditTable) -> Column:
    """Return the values of a row; rows without any value in a feature are equal to none."""
    from sparring.engine import functions as F

    present = {
        "content": True,
        "key": bool(table.columns.keys),
        "group": bool(table.columns.groups),
        "cluster": bool(table.columns.clusters),
    }
    some = reduce(or_, [named(name).isNotNull() for name in table.columns.features])
    # A number, for its least and largest are of fixed width.
    unit = F.lit(None).cast("long") if table.unit is None else F.xxhash64(KINDS[table.unit])
    return F.array(
        *[
            F.struct(
                F.lit(kind).alias("kind"),
                (F.when(some, named(name)) if kind == "content" else named(name)).alias("value"),
                (unit if kind == "content" else F.lit(None).cast("long")).alias("unit"),
            )
            for kind, name in KINDS.items()
            if present[kind]
        ]
    )


def _mask(flags: list[Column]) -> Column:
    from sparring.engine import functions as F

    return reduce(add, [F.when(flag, 1 << part).otherwise(0) for part, flag in enumerate(flags)])


def examples(
    table: AuditTable, found: CrossSplitOverlap, kind: str, parts: tuple[int, int], conflict: bool = False
) -> list:
    """Return a few values that both parts hold: how often, and what they look like in the second.

    Cost: the shuffle of :func:`cross_split` and a pass; made only when there is something to show.
    """
    from sparring.engine import functions as F

    left, right = parts
    shared = found.values.where((F.col("kind") == kind) & (F.col(f"n{left}") > 0) & (F.col(f"n{right}") > 0))
    if conflict:
        shared = shared.where("conflict")
    chosen = shared.orderBy(F.desc(f"n{right}"), "value").limit(EXAMPLES).collect()
    looks = example_rows(table, KINDS[kind], [row["value"] for row in chosen], right)
    return [
        {
            **looks.get(row["value"], {}),
            f"rows in {table.parts[left]}": row[f"n{left}"],
            f"rows in {table.parts[right]}": row[f"n{right}"],
        }
        for row in chosen
    ]


def example_rows(table: AuditTable, column: str, values: list[str], part: int) -> dict[str, dict[str, Any]]:
    """Return the columns that tell rows of a part apart to people, of one row for each value of ``column``."""
    from sparring.engine import functions as F

    wanted = {KEY: table.columns.keys, GROUP: table.columns.groups}.get(column) or table.columns.keys
    names = list(wanted or table.columns.features)[:SHOWN_COLUMNS]
    timestamps = set(table.columns.timestamps)
    kinds = table.rows.schema
    shown = [
        F.timestamp_seconds(quoted(name)).cast("string").alias(name)
        if name in timestamps
        else text_of(named(name), kinds[name].dataType).alias(name)
        for name in names
    ]
    rows = table.rows.where(F.col(column).isin(values) & (F.col(PART) == part))
    found = rows.groupBy(column).agg(F.min(F.struct(*shown)).alias("row")).collect()
    return {row[column]: row["row"].asDict() for row in found}
