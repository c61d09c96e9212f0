"""The audited rows in the one form that all checks read, kept in memory while they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sparring.data.canonical import canonical_hash
from sparring.data.numbers import text_of
from sparring.data.quantiles import quantiles
from sparring.data.timestamps import as_timestamp
from sparring.errors import TableError
from sparring.leakage.columns import OWNER, PART, AuditColumns
from sparring.leakage.reference import enough_units
from sparring.spark.reserved import named, quoted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

CONTENT, KEY, GROUP, COPIES, ANSWER, POSITIVE, FOLD, TIME, ORDER = (
    *(
        "sparring__content",
        "sparring__row_key",
        "sparring__group",
        "sparring__copies",
        "sparring__answer",
        "sparring__positive",
        "sparring__fold",
        "sparring__time",
        "sparring__order",
    ),
)
# Column of each kind of value that a part can share with another.
KINDS = {"content": CONTENT, "key": KEY, "group": GROUP, "cluster": COPIES}
FOLDS = 2
SAMPLE_ROWS = 10_000
MANY_LABELS = 20


@dataclass(frozen=True)
class AuditTable:
    """The rows and what is known of them.

    Attributes
    ----------
    rows : DataFrame
        Features as double, text or as they are, and, each with the prefix ``sparring__``, ``part`` (int), ``content``
        (hash of the features), ``row_key``, ``group`` and ``copies`` (hashes, null without), ``answer`` (hash of the
        label), ``positive`` (1, 0 or null), ``fold`` (0 or 1, by group or content), ``time``, ``order`` (double).
    parts : list of str
        Names of the parts; train is first.
    columns : AuditColumns
    seed : int
    sizes : ndarray of int64, shape (parts, 3)
        Rows by part and label: 0, 1, unknown.
    units : ndarray of float64, shape (parts,)
        Independent units: groups, else rows.
    meaning : str
        Which rows count as positive.
    """

    rows: DataFrame
    parts: list[str]
    columns: AuditColumns
    seed: int
    sizes: np.ndarray
    units: np.ndarray
    meaning: str

    @property
    def counts(self) -> dict[str, int]:
        """Part -> rows."""
        return {name: int(rows) for name, rows in zip(self.parts, self.sizes.sum(axis=1), strict=True)}

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Numbers of every two parts, train first."""
        return [(a, b) for a in range(len(self.parts)) for b in range(a + 1, len(self.parts))]

    @property
    def unit(self) -> str | None:
        """What rows of train are compared between: group, cluster or key, a kind of :data:`KINDS`; None: rows.

        Groups only where there are so many that parts could be made of them in 100 ways: among fewer no test at 1% has
        an answer.  Rows are the safe choice then: those of one group are alike more often than others.
        """
        few = not all(enough_units(self.units[0], units) for units in self.units[1:])
        if self.columns.groups and not few:
            return "group"
        return "cluster" if self.columns.clusters else "key" if self.columns.keys else None

    def between(self, part: int = 0) -> str:
        """Return the same in words, within a part."""
        units = {"group": "groups", "cluster": "clusters of copies", "key": "keys"}
        few = ", its groups being too few to compare" if self.columns.groups and self.unit != "group" else ""
        return f"different {units.get(str(self.unit), 'rows')} of {self.parts[part]}{few}"

    def pieces(self, number: Column, pieces: int) -> np.ndarray:
        """Return the share of train's rows in each piece, by the column that numbers them."""
        found = np.zeros(pieces)
        for row in self.rows.where(named(PART) == 0).groupBy(number.alias("piece")).count().collect():
            found[row["piece"]] = row["count"]
        return found / found.sum()

    def sample(
        self, part: int, rows: int, columns: Sequence[str], also: Mapping[str, Column] | None = None
    ) -> pd.DataFrame:
        """Return about ``rows`` rows of a part, chosen by the hash of their content, in its order.

        Cost: one pass over the kept rows.
        """
        from sparring.engine import functions as F

        every = max(1, -(-int(self.sizes[part].sum()) // rows))
        drawn = F.pmod(F.xxhash64(F.lit(self.seed), F.lit("sample"), CONTENT), F.lit(every)) == 0
        chosen = self.rows.where((F.col(PART) == part) & drawn)
        further = [column.alias(name) for name, column in (also or {}).items()]
        found = chosen.select(CONTENT, *[named(name) for name in columns], *further).limit(4 * rows).toPandas()
        return found.sort_values(CONTENT, ignore_index=True)


@contextmanager
def opened(united: DataFrame, parts: list[str], columns: AuditColumns, seed: int) -> Iterator[AuditTable]:
    """Yield the audit's table, kept in memory (else on disk) for the body of the ``with`` statement.

    Cost: one pass over the parts, which computes all hashes; with groups a shuffle of their distinct hashes.
    """
    from pyspark.storagelevel import StorageLevel

    positive, meaning = _positive(united, columns)
    rows = _canonical(united, columns, positive, seed).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        sizes, units = _sizes(rows, parts, bool(columns.groups))
        yield AuditTable(rows, parts, columns, seed, sizes, units, meaning)
    finally:
        rows.unpersist()


def _canonical(united: DataFrame, columns: AuditColumns, positive: Column, seed: int) -> DataFrame:
    from sparring.engine import functions as F

    casts = {name: number_of(named(name)) for name in columns.numbers}
    casts |= {name: number_of(as_timestamp(named(name), united.schema[name].dataType)) for name in columns.timestamps}
    casts |= {name: text_of(named(name), united.schema[name].dataType) for name in columns.categories}
    features = [casts.get(name, named(name)).alias(name) for name in columns.features]
    missing = F.lit(None)
    hashed = {KEY: columns.keys, GROUP: columns.groups, COPIES: columns.clusters}
    hashes = [
        (canonical_hash(names, united.schema) if names else missing.cast("string")).alias(name)
        for name, names in hashed.items()
    ]
    timestamps = [
        (missing.cast("double") if name is None else number_of(_moment(united, name))).alias(output)
        for output, name in ((TIME, columns.time), (ORDER, columns.order))
    ]
    # A hash, for its least and largest are of fixed width: those of text would make Spark sort instead of hash.
    answer = missing.cast("long")
    if columns.label:
        answer = F.xxhash64(text_of(named(columns.label), united.schema[columns.label].dataType))
    # Kept as they came, so that examples can be shown: keys, groups and time are no features.
    shown = [name for name in columns.used if name not in columns.features]
    rows = united.select(
        PART,
        *features,
        *hashes,
        *timestamps,
        answer.alias(ANSWER),
        positive.alias(POSITIVE),
        *[quoted(n) for n in shown],
    )
    rows = rows.withColumn(CONTENT, canonical_hash(columns.features, rows.schema))
    fold = F.pmod(F.xxhash64(F.lit(seed), F.lit("fold"), F.coalesce(GROUP, CONTENT)), F.lit(FOLDS))
    return rows.withColumn(FOLD, fold.cast("int"))


def number_of(column: Column) -> Column:
    """Return a double; NaN is missing, a time is its seconds."""
    from sparring.engine import functions as F

    return F.nanvl(column.cast("double"), F.lit(None).cast("double"))


def _moment(frame: DataFrame, name: str) -> Column:
    from pyspark.sql import types as T

    column, kind = named(name), frame.schema[name].dataType
    return column if isinstance(kind, T.NumericType) else as_timestamp(column, kind)


def _positive(united: DataFrame, columns: AuditColumns) -> tuple[Column, str]:
    """Return which rows are positive, and that in words: the larger of two values; else above the median, or the
    commonest value.
    """
    from pyspark.sql import types as T

    from sparring.engine import functions as F

    if columns.label is None:
        return F.lit(None).cast("int"), "no label"
    label = named(columns.label)
    known = united.where(label.isNotNull())
    commonest = known.groupBy(label.alias("v")).count().orderBy(F.desc("count"), "v").limit(MANY_LABELS + 1).collect()
    if not commonest:
        raise TableError(f"{OWNER}.label: column {columns.label!r} holds no value", "Name the column to predict.")
    values = sorted((row["v"] for row in commonest), key=lambda value: (str(type(value)), value))
    if len(values) <= 2:
        return (label == F.lit(values[-1])).cast("int"), f"{columns.label} = {values[-1]}"
    if len(values) > MANY_LABELS and isinstance(united.schema[columns.label].dataType, T.NumericType):
        (median,) = quantiles(known, {"label": label}, [0.5], known.count())["label"]
        return (label > F.lit(median)).cast("int"), f"{columns.label} > {median:g}, its median"
    top = commonest[0]["v"]
    return (label == F.lit(top)).cast("int"), f"{columns.label} = {top}, its commonest value"


def _sizes(rows: DataFrame, parts: list[str], grouped: bool) -> tuple[np.ndarray, np.ndarray]:
    from sparring.engine import functions as F

    sizes = np.zeros((len(parts), 3), dtype=np.int64)
    for row in rows.groupBy(PART, POSITIVE).count().collect():
        sizes[row[PART], 2 if row[POSITIVE] is None else row[POSITIVE]] = row["count"]
    for name, total in zip(parts, sizes.sum(axis=1), strict=True):
        if total == 0:
            raise TableError(f"{OWNER}: {name} has no rows", "Give parts with rows; check the path.")
    units = sizes.sum(axis=1).astype(np.float64)
    if grouped:
        for row in rows.groupBy(PART).agg(F.countDistinct(GROUP).alias("groups")).collect():
            units[row[PART]] = max(1, row["groups"])
    return sizes, units
