"""Hits by unit: rows of a group are alike, and so are hit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sparring.leakage.columns import PART
from sparring.leakage.reference import Comparison, Hits, among_units, compare
from sparring.leakage.table import CONTENT, GROUP, AuditTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MOST_UNITS = 2_000
HIT_LEFT, HIT_RIGHT = "sparring__hit_left", "sparring__hit_right"
PerUnit = tuple[np.ndarray, np.ndarray]


def compared_by_unit(
    table: AuditTable, parts: tuple[int, int], share: float, sides: Sequence[Hits], hits: DataFrame
) -> Comparison:
    """Return the comparison of rows of the second part in the first with those within the first.

    Parameters
    ----------
    table : AuditTable
    parts : tuple of int
        Numbers of the two parts.
    share : float
        Of the second part's rows that the first has the like of.
    sides : sequence of Hits
        Of the second part, and within the first; their variance without that of groups.
    hits : DataFrame
        Contents that are hits: ``sparring__content``, and whether so within the first part (``sparring__hit_left``)
        and of the second one (``sparring__hit_right``), boolean.

    Notes
    -----
    Cost: none where rows are compared, or where the test says no without groups, which only add variance; else a join
    of the rows of at most some 2,000 groups a part with ``hits``.
    """
    compared = compare(share, *sides)
    if table.unit != "group" or not compared.found:
        return compared
    return compare(share, *among_units(sides, hits_by_unit(table, parts, hits)))


def hits_by_unit(table: AuditTable, parts: tuple[int, int], hits: DataFrame) -> list[PerUnit]:
    """Return rows and hits of some groups of the second part, and of the first."""
    from sparring.engine import functions as F

    left, right = parts
    every = max(1, -(-int(max(table.units[left], table.units[right])) // MOST_UNITS))
    drawn = F.pmod(F.xxhash64(F.lit(table.seed), F.lit("units"), GROUP), F.lit(every)) == 0
    rows = table.rows.where(F.col(PART).isin(left, right) & drawn).select(PART, GROUP, CONTENT)
    hit = F.when(F.col(PART) == right, F.col(HIT_RIGHT)).otherwise(F.col(HIT_LEFT))
    counted = rows.join(hits, CONTENT, "left").groupBy(PART, GROUP)
    found = counted.agg(F.count("*").alias("rows"), F.sum(hit.cast("int")).alias("hits")).toPandas().fillna(0)
    return [
        (lines["rows"].to_numpy(np.float64), lines["hits"].to_numpy(np.float64))
        for lines in (found[found[PART] == part] for part in (right, left))
    ]
