"""Rows of parts, and some of train, compared pair by pair with all of train and with each four fifths of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from sparring.leakage.columns import PART
from sparring.leakage.exhaustive import Alike, ReferenceRows, best_alike
from sparring.leakage.reference import Comparison, Hits, among_units, beyond_gap, clustered, compare, lesser
from sparring.leakage.table import CONTENT, GROUP, KINDS, AuditTable
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column

SAMPLE = 300
# Rows of train that are compared with the rest of it, and into how many pieces it is cut for that.
MOST_REFERENCE, PIECES = 5_000, 5
PIECE = "sparring__piece"
# Texts that share so much less than what is alike are one step below it.
TEXT_STEP = 0.3


def plain_columns(table: AuditTable) -> list[str]:
    """Return the features that are compared by equality."""
    return [*table.columns.numbers, *table.columns.timestamps, *table.columns.categories]


def compare_pairs(table: AuditTable, threshold: float, exhaustive: bool) -> ComparedRows:
    """Return rows of each part, all or some, and some of train, compared with all of train.

    Cost: one pass over train, which meets each of these rows; one for the parts, and for what is equal.
    """
    texts, plain = list(table.columns.texts), plain_columns(table)
    chosen = pd.concat([_chosen(table, part, exhaustive) for part in range(len(table.parts))], ignore_index=True)
    columns = {name: pa.array(chosen[name], from_pandas=True) for name in [*plain, *texts]}
    reference = ReferenceRows.of(
        [_typed(columns[name]) for name in plain], [columns[name].cast(pa.string()) for name in texts]
    )
    train = table.rows.where(named(PART) == 0)
    best = best_alike(train, CONTENT, plain, texts, reference, _piece(table), PIECES)
    return ComparedRows(table, chosen, best, threshold - 1e-6)


def _piece(table: AuditTable) -> Column:
    """Return which fifth of train a row is in: all rows of a unit in the same."""
    from sparring.engine import functions as F

    unit = CONTENT if table.unit is None else KINDS[table.unit]
    return F.pmod(F.xxhash64(F.lit(table.seed), F.lit("piece"), unit), F.lit(PIECES))


def _chosen(table: AuditTable, part: int, everything: bool) -> pd.DataFrame:
    """Return rows to compare: of train for reference, of a part all, or some."""
    counts = list(table.counts.values())
    wanted = counts[part] if part else min(counts[0], max(*counts[1:], 2 * SAMPLE), MOST_REFERENCE)
    if not everything:
        wanted = SAMPLE if part else 2 * SAMPLE
    names = [*plain_columns(table), *table.columns.texts]
    shown = list(dict.fromkeys([*names, *([GROUP] if table.unit == "group" else [])]))
    rows = table.sample(part, wanted, shown, {PIECE: _piece(table)})
    return rows.iloc[: max(wanted, 1)].assign(**{PART: part})


class ComparedRows:
    """Rows that were compared with all of train and with each four fifths of it."""

    def __init__(self, table: AuditTable, chosen: pd.DataFrame, best: Alike, threshold: float) -> None:
        self.table, self.part, self.best = table, chosen[PART].to_numpy(), best
        self.contents, self.piece = chosen[CONTENT].to_numpy(), chosen[PIECE].to_numpy()
        self.group = chosen[GROUP].to_numpy() if table.unit == "group" else None
        within = _equal(table, self.contents[(best.by_fold >= threshold).any(axis=0)])
        names = [*plain_columns(table), *table.columns.texts]
        self.known = chosen[names].notna().sum(axis=1).to_numpy(dtype=np.float64)
        self.threshold, self.columns = threshold, len(names)
        # Rows of train have themselves; those that have an equal are no near duplicates, as those of a part are none.
        known = np.where(self.part == 0, np.isin(self.contents, within[within["several"]][CONTENT]), True)
        self.equal = known & np.isin(self.contents, within[CONTENT])
        self.above = best.by_fold >= threshold
        self.hit = self.above & ~self.equal
        self.of_train = table.pieces(_piece(table), PIECES) if self.above.any() else np.full(PIECES, 1 / PIECES)

    @property
    def alike(self) -> np.ndarray:
        """Whether a row of train is alike."""
        return np.asarray(self.hit.any(axis=0))

    def told_apart(self, part: int) -> float:
        """Return the share of a part's rows that are alike where chance makes none: ``reference.beyond_gap``."""
        # A pair compares the columns that both rows know.
        in_both = self.known * float(self.known[self.part == 0].mean()) / self.columns
        step = 1.5 / np.maximum(in_both, 1e-9)
        step = np.minimum(step, TEXT_STEP) if self.table.columns.texts else step
        own, best = self.part == part, self.best.similarity
        above, below = best >= self.threshold, (best < self.threshold) & (best >= self.threshold - step)
        return beyond_gap(*(int((own & rows).sum()) for rows in (own, self.alike, above, below)))

    def compared(self, part: int) -> Comparison:
        """Return the share of a part's rows that are alike beside that of train's."""
        own = self.part == part
        # Without units equal rows are in one piece; each is another row all the same.
        equal = self.equal if self.table.unit is None else np.zeros_like(self.equal)
        shares = self.hit[:, own].any(axis=0).mean(), self.above[:, own].any(axis=0).mean()
        alike, either = self._others(self.hit), self._others(self.above) | equal
        return lesser(
            *(
                compare(float(share), *self._sides(part, hits))
                for share, hits in zip(shares, (alike, either), strict=True)
            )
        )

    def _others(self, hit: np.ndarray) -> np.ndarray:
        """Return the hits in all pieces but each one, shape (pieces, rows)."""
        return np.array([np.delete(hit, piece, axis=0).any(axis=0) for piece in range(PIECES)])

    def _sides(self, part: int, others: np.ndarray) -> list[Hits]:
        """Return the hits of a part's rows, and of train's, with four fifths of train, each fifth left out in turn."""
        own, train = self.part == part, self.part == 0
        hits = self.of_train @ others[:, own], others[self.piece[train], np.flatnonzero(train)].astype(np.float64)
        sides = [self._clustered(rows, found) for rows, found in zip((own, train), hits, strict=True)]
        if self.group is None:
            return sides
        return among_units(sides, [_by(self.group[rows], h) for rows, h in zip((own, train), hits, strict=True)])

    def _clustered(self, rows: np.ndarray, hits: np.ndarray) -> Hits:
        """Return hits of which those that are alike to the same row are together; of two rows of train both are."""
        names = self.best.ids[rows]
        if (self.part[rows] == 0).all():
            own, at = self.contents[rows], np.arange(int(rows.sum()))
            similar = self.best.by_fold[:, rows].copy()
            similar[self.piece[rows], at] = -1.0
            others = self.best.ids_by_fold[:, rows][similar.argmax(axis=0), at]
            names = np.array([min(one, other or one) for one, other in zip(own, others, strict=True)], dtype=object)
        alone = np.char.add("row ", np.arange(len(hits)).astype(str))
        return clustered(*_by(np.where(hits > 0, names, alone), hits))


def _by(names: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and hits by name."""
    _, place = np.unique(names.astype(str), return_inverse=True)
    return np.bincount(place).astype(np.float64), np.bincount(place, hits)


def _typed(column: pa.Array) -> pa.Array:
    """Return a column that is missing throughout as text: Arrow knows no type of it."""
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _equal(table: AuditTable, contents: np.ndarray) -> pd.DataFrame:
    """Return which of some contents are in train, and whether in several units of it."""
    from sparring.engine import functions as F

    if not len(contents):
        return pd.DataFrame({CONTENT: [], "several": np.zeros(0, dtype=bool)})
    wanted = table.rows.sparkSession.createDataFrame(pd.DataFrame({CONTENT: np.unique(contents)}))
    train = table.rows.where(named(PART) == 0).join(F.broadcast(wanted), CONTENT, "left_semi")
    return train.groupBy(CONTENT).agg(several_units(table).alias("several")).toPandas()


def several_units(table: AuditTable) -> Column:
    """Return, of an aggregate over rows of train, whether they are of several units."""
    from sparring.engine import functions as F

    if table.unit is None:
        return F.count("*") > 1
    unit = F.xxhash64(KINDS[table.unit])
    return F.min(unit) < F.max(unit)
