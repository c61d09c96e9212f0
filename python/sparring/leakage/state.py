"""What the checks of one audit share: the table, its options, and what is computed once for several of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sparring.leakage.counts import ValueCounts, value_counts
from sparring.leakage.cross_split import CrossSplitOverlap, cross_split
from sparring.leakage.evidence import Kinds, kinds_across, kinds_of_equal
from sparring.leakage.reference import Comparison
from sparring.leakage.statistics import auc_noise, auc_of_counts
from sparring.leakage.table import CONTENT, FOLDS, GROUP, KEY, AuditTable
from sparring.leakage.units import HIT_LEFT, HIT_RIGHT, compared_by_unit

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class AuditOptions:
    """How an audit looks.

    Attributes
    ----------
    near : {"auto", "sample", "off"}
        Rows that are alike: ``auto`` compares all below 50,000 rows and searches above; ``sample`` compares some rows
        of each part with all of train and estimates the share.
    near_threshold : float in (0, 1]
        Share of the columns in which rows that are alike agree (of one text: of its shingles).
    alpha : float
        Level of the tests of shift, after Holm.
    """

    near: str = "auto"
    near_threshold: float = 0.9
    alpha: float = 0.01


@dataclass(frozen=True)
class GroupMean:
    """The AUC of a group-mean baseline, and the standard deviation of one that knows nothing."""

    auc: float
    noise: float


@dataclass
class Audit:
    """One audit while it runs; ``notes`` tells how a check was done."""

    table: AuditTable
    options: AuditOptions
    notes: dict[str, str] = field(default_factory=dict)
    _compared: dict[tuple[int, int], Comparison] = field(default_factory=dict)

    @cached_property
    def values(self) -> ValueCounts:
        """Counts of all values; see :func:`~sparring.leakage.counts.value_counts`."""
        return value_counts(self.table)

    @cached_property
    def cross_split(self) -> CrossSplitOverlap:
        """Values in several parts; see :func:`~sparring.leakage.cross_split.cross_split`."""
        return cross_split(self.table)

    @cached_property
    def _equal(self) -> DataFrame:
        return kinds_of_equal(self.table)

    def kinds(self, left: int, right: int) -> Kinds:
        """Return what the rows are that two parts share, where no group and no cluster says it."""
        columns = self.table.columns
        if columns.groups or columns.clusters:
            return Kinds()
        return kinds_across(self._equal, left, right, self.cross_split.overlap("content", left, right).right_rows)

    def compared(self, left: int, right: int) -> Comparison:
        """Return the share of equal rows across two parts beside that within the first."""
        if (left, right) not in self._compared:
            self._compared[left, right] = self._compare(left, right)
        return self._compared[left, right]

    def _compare(self, left: int, right: int) -> Comparison:
        from sparring.engine import functions as F

        shared, values = self.cross_split.overlap("content", left, right), self.cross_split.values
        share = shared.right_rows / self.table.counts[self.table.parts[right]]
        masks = {HIT_LEFT: "several", HIT_RIGHT: "mask"}
        hit = [(F.shiftright(mask, left) % 2 == 1).alias(name) for name, mask in masks.items()]
        hits = values.where(F.col("kind") == "content").select(F.col("value").alias(CONTENT), *hit)
        return compared_by_unit(self.table, (left, right), share, self.cross_split.hits(left, right), hits)

    def cross_fitted(self, column: str) -> GroupMean:
        """Return how well the mean label of a column's value tells the label within train, each fold by the other."""
        return self._group_mean(column, [f"fold{fold}" for fold in range(FOLDS)], 0, self.table.units[0])

    def transferred(self, column: str, part: int) -> GroupMean:
        """Return how well the mean label of a column's value in train tells the label in another part."""
        # A key that tells nothing leaves the rows independent, however many share it.
        keyed = column in (KEY, GROUP)
        units = self.table.sizes[part].sum() if keyed else self.table.units[part]
        return self._group_mean(column, [str(part)], part, float(units))

    def _group_mean(self, column: str, modes: list[str], part: int, units: float) -> GroupMean:
        scores = self.values.scores
        chosen = scores[(scores["column"] == column) & scores["mode"].isin(modes)]
        aucs, weights = [], []
        for _, lines in chosen.groupby("mode"):
            columns = [lines[name].to_numpy(dtype=np.float64) for name in ("score", "positives", "negatives")]
            aucs.append(auc_of_counts(*columns))
            weights.append(lines["positives"].sum() + lines["negatives"].sum())
        known = [(auc, weight) for auc, weight in zip(aucs, weights, strict=True) if auc == auc]
        auc = float(np.average([a for a, _ in known], weights=[w for _, w in known])) if known else 0.5
        negatives, positives, _ = self.table.sizes[part]
        return GroupMean(auc, auc_noise(positives, negatives, units))
