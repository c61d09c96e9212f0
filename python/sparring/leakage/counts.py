"""How often each value of each column occurs, by part, fold and label: what most checks are computed from.

::

    rows -> (column, value, cell) with its count       one pass, counted in Arrow batches by NumPy
         -> one line a (column, value)                 one shuffle of the distinct values
         -> histograms, group means               small aggregates

A *cell* is a part, a fold and a label.  Numbers enter by the bin they lie in, everything else by a hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sparring.leakage.columns import PART
from sparring.leakage.counting import MISSING, bin_edges, count_cells
from sparring.leakage.table import FOLD, FOLDS, GROUP, KEY, ORDER, POSITIVE, SAMPLE_ROWS, TIME, AuditTable
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

LABELS = 3
# Rarer values of a column are one in its histogram, so that it has at most so many bars.
MOST_BARS = 1_000
REST = -2
SCORE_STEPS = 10_000
# Number of a part and of a fold; None: both folds.
Half = tuple[int, int | None]


@dataclass(frozen=True)
class Counted:
    """One column that is counted: ``kind`` is number, category, key, group, time or order."""

    name: str
    kind: str
    edges: np.ndarray | None = None


@dataclass(frozen=True)
class ValueCounts:
    """The counts of all columns.

    Attributes
    ----------
    columns : list of Counted
    histograms : dict of str to ndarray, shape (values, parts, folds, labels)
        Of each column; numbers by rising bin, the last bar being that of missing values; of other columns the
        commonest values, then the rest, then missing ones.
    scores : DataFrame of pandas
        ``column``, ``mode``, ``score``, ``positives``, ``negatives``: rows of a part by what a group-mean baseline of
        the column's values says of them.  Mode ``fold0`` and ``fold1``: a fold of train scored by the other one; else
        the number of a part scored by all of train.
    summary : DataFrame of pandas, by column
        ``distinct`` values in train.
    sample : DataFrame of pandas
        Rows of train that the bins were made from: their numbers, windows' columns and contents.
    """

    columns: list[Counted]
    histograms: dict[str, np.ndarray]
    scores: pd.DataFrame
    summary: pd.DataFrame
    sample: pd.DataFrame


def value_counts(table: AuditTable) -> ValueCounts:
    """Count the values of every feature, of the joint key and group, and of windows of time and order.

    Notes
    -----
    Cost: a pass for some 10,000 rows that bins are made from, one pass over the counted columns, one shuffle of their
    distinct values, three aggregates of these.  The driver sees at most 1,000 bars and 10,000 scores a column.
    """
    from pyspark.storagelevel import StorageLevel

    numeric = [*table.columns.numbers, *table.columns.timestamps]
    named = {"time": TIME, "order": ORDER}
    windows = [(kind, column) for kind, column in named.items() if getattr(table.columns, kind)]
    sample = table.sample(0, SAMPLE_ROWS, [*numeric, *(column for _, column in windows)])
    counted = [Counted(name, "number", bin_edges(sample[name].to_numpy())) for name in numeric]
    counted += [Counted(column, kind, bin_edges(sample[column].to_numpy())) for kind, column in windows]
    counted += [Counted(name, "category") for name in table.columns.categories]
    counted += [Counted(KEY, "key")] * bool(table.columns.keys) + [Counted(GROUP, "group")] * bool(table.columns.groups)
    cells = len(table.parts) * FOLDS * LABELS
    values = _values(table, counted, cells).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        return ValueCounts(
            counted,
            _histograms(values, counted, table, cells),
            _scores(values, counted, table),
            _summary(values, counted),
            sample,
        )
    finally:
        values.unpersist()


def _values(table: AuditTable, counted: list[Counted], cells: int) -> DataFrame:
    """Return one line a column and value, ``c0``... holding its rows by cell."""
    from sparring.engine import functions as F

    cell = (F.col(PART) * FOLDS + F.col(FOLD)) * LABELS + F.coalesce(POSITIVE, F.lit(2))
    selected = [_selected(column, at) for at, column in enumerate(counted)]
    lines = table.rows.select(cell.cast("int").alias("cell"), *selected)
    edges = [column.edges for column in counted]
    counts = lines.mapInArrow(count_cells(edges, cells), "name int, value long, cell int, rows long")
    sums = [F.sum(F.when(F.col("cell") == at, F.col("rows")).otherwise(0)).alias(f"c{at}") for at in range(cells)]
    return counts.groupBy("name", "value").agg(*sums)


def _selected(column: Counted, at: int) -> Column:
    """Return a number as it is, anything else as a hash that is not negative."""
    from sparring.engine import functions as F

    value = named(column.name)
    if column.edges is None:
        value = F.when(value.isNotNull(), F.shiftrightunsigned(F.xxhash64(value), 1))
    return value.alias(f"v{at}")


def _histograms(values: DataFrame, counted: list[Counted], table: AuditTable, cells: int) -> dict[str, np.ndarray]:
    from sparring.engine import functions as F

    total = sum((F.col(f"c{at}") for at in range(cells)), F.lit(0))
    rows = int(table.sizes.sum())
    hashed = [at for at, column in enumerate(counted) if column.edges is None]
    rare = F.col("name").isin(hashed) & (F.col("value") >= 0) & (total < max(2, rows / MOST_BARS))
    value = F.when(rare, F.lit(REST)).otherwise(F.col("value"))
    bars = values.groupBy("name", value.alias("value")).agg(*[F.sum(f"c{at}").alias(f"c{at}") for at in range(cells)])
    found = bars.toPandas().sort_values(["name", "value"])
    return {
        column.name: _histogram(found[found["name"] == at], column, (len(table.parts), FOLDS, LABELS))
        for at, column in enumerate(counted)
    }


def _histogram(bars: pd.DataFrame, column: Counted, shape: tuple[int, int, int]) -> np.ndarray:
    """Return one column's bars in order, with every bin of a number, missing values last."""
    values = bars["value"].to_numpy()
    counts = bars.drop(columns=["name", "value"]).to_numpy(dtype=np.int64).reshape(-1, *shape)
    if column.edges is None:
        order = np.argsort(np.where(values >= 0, values, np.iinfo(np.int64).max + values), kind="stable")
        missing = [] if MISSING in values else [np.zeros(shape, dtype=np.int64)]
        return np.concatenate([counts[order], *(each[None] for each in missing)])
    full = np.zeros((len(column.edges) + 2, *shape), dtype=np.int64)
    full[np.where(values == MISSING, len(full) - 1, values)] = counts
    return full


def _cells_of(part: int, fold: int | None, labels: Iterable[int]) -> list[int]:
    folds = range(FOLDS) if fold is None else [fold]
    return [(part * FOLDS + each) * LABELS + label for each in folds for label in labels]


def _sum(cells: list[int]) -> Column:
    from sparring.engine import functions as F

    return sum((F.col(f"c{at}") for at in cells), F.lit(0))


def _scores(values: DataFrame, counted: list[Counted], table: AuditTable) -> pd.DataFrame:
    """Return the group-mean baselines' scores, rounded to four places, and how many rows of either class have them."""
    from sparring.engine import functions as F

    if table.columns.label is None:
        return pd.DataFrame(columns=["column", "mode", "score", "positives", "negatives"])
    modes: list[tuple[str, Half, Half]] = [(f"fold{fold}", (0, 1 - fold), (0, fold)) for fold in range(FOLDS)]
    modes += [(str(part), (0, None), (part, None)) for part in range(1, len(table.parts))]
    lines = [_scored(table, mode, learnt, judged) for mode, learnt, judged in modes]
    # A missing value is no key that could be remembered.
    keys = [at for at, column in enumerate(counted) if column.kind in ("key", "group")]
    known = values.where(~(F.col("name").isin(keys) & (F.col("value") == MISSING)))
    judged = known.select("name", F.explode(F.array(*lines)).alias("s")).select("name", "s.*")
    judged = judged.where(F.col("positives") + F.col("negatives") > 0)
    found = judged.groupBy("name", "mode", "score").agg(
        F.sum("positives").alias("positives"), F.sum("negatives").alias("negatives")
    )
    scores = found.toPandas()
    scores["column"] = scores["name"].map(dict(enumerate(column.name for column in counted)))
    return scores.drop(columns="name").sort_values(["column", "mode", "score"], ignore_index=True)


def _scored(table: AuditTable, mode: str, learnt: Half, judged: Half) -> Column:
    from sparring.engine import functions as F

    positives, rows = _sum(_cells_of(*learnt, [1])), _sum(_cells_of(*learnt, [0, 1]))
    # An unknown value gets the mean of all that was learnt from.
    mean = float(table.sizes[0, 1] / max(1, table.sizes[0, :2].sum()))
    score = F.when(rows > 0, positives / rows).otherwise(F.lit(mean))
    return F.struct(
        F.lit(mode).alias("mode"),
        F.round(score * SCORE_STEPS).cast("int").alias("score"),
        _sum(_cells_of(*judged, [1])).alias("positives"),
        _sum(_cells_of(*judged, [0])).alias("negatives"),
    )


def _summary(values: DataFrame, counted: list[Counted]) -> pd.DataFrame:
    from sparring.engine import functions as F

    rows = _sum(_cells_of(0, None, range(LABELS)))
    seen = F.sum(F.when((rows > 0) & (F.col("value") != MISSING), 1).otherwise(0)).alias("distinct")
    found = values.groupBy("name").agg(seen).toPandas()
    found.index = pd.Index([counted[at].name for at in found["name"]])
    return found.drop(columns="name")
