"""Features and labels that are distributed otherwise in one part than in train."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sparring.evaluation import holm
from sparring.leakage.finding import Finding, grade
from sparring.leakage.state import Audit
from sparring.leakage.statistics import chi_square, ks_of_counts, psi_of_counts

# Kolmogorov-Smirnov statistic of numbers, Cramer's V of categories: low, medium, high.
EFFECTS = (0.1, 0.2, 0.4)


class Shift(NamedTuple):
    """One test: p before adjustment, effect in [0, 1] and its name, population stability index."""

    column: str
    part: int
    p: float
    effect: float
    measure: str
    psi: float


def distribution_shift(audit: Audit) -> list[Finding]:
    """Find features, their missing values, and the label that are distributed otherwise than in train.

    Numbers by Kolmogorov-Smirnov, with its statistic as effect; categories, missing values and the label by
    chi-square, with Cramer's V.  A shift counts when it is certain (p < 0.01 after Holm, over all columns and parts)
    *and* large (low from 0.1, medium from 0.2, high from 0.4): in a big table every difference is certain, in a small
    one chance makes large ones.  Where rows come in groups, p is that of as many rows as groups.

    Cost: none beyond :func:`~sparring.leakage.counts.value_counts`.
    """
    shifts = all_shifts(audit)
    found = []
    for shift, p in zip(shifts, holm([shift.p for shift in shifts]), strict=True):
        severity = grade(shift.effect, EFFECTS)
        if severity is None or not p < audit.options.alpha:
            continue
        part = audit.table.parts[shift.part]
        found.append(
            Finding(
                "distribution shift",
                severity,
                f"{shift.column} is distributed otherwise in {part} than in {audit.table.parts[0]}: "
                f"{shift.measure} {shift.effect:.3f}, PSI {shift.psi:.3f}, p {p:.1e} after Holm",
                "Find out what decided the part; if the future looks like the other part, so should train.",
                {"effect": shift.effect, "psi": shift.psi, "p_adjusted": p},
                [{"column": shift.column, "part": part}],
            )
        )
    return found


def all_shifts(audit: Audit) -> list[Shift]:
    """Return every test: features, missing values where there are any, label; each other part against train."""
    found = []
    for part in range(1, len(audit.table.parts)):
        units = (audit.table.units[0], audit.table.units[part])
        for column in audit.values.columns:
            if column.kind not in ("number", "category"):
                continue
            bars = audit.values.histograms[column.name].sum(axis=(2, 3))[:, [0, part]].astype(np.float64)
            found += _shifts(column.name, column.kind, part, bars, units)
        if audit.table.columns.label is not None:
            known = audit.table.sizes[[0, part], :2].T.astype(np.float64)
            found.append(_association(str(audit.table.columns.label), part, known, units))
    return found


def _shifts(name: str, kind: str, part: int, bars: np.ndarray, units: tuple[float, float]) -> list[Shift]:
    missing = bars[-1]
    known = bars[:-1]
    absent = np.vstack([missing, known.sum(axis=0)])
    found = [_association(f"{name} (missing)", part, absent, units)] if missing.any() else []
    if kind == "category":
        return [_association(name, part, known, units), *found]
    gap, p = ks_of_counts(known[:, 0], known[:, 1], units)
    return [Shift(name, part, p, gap, "Kolmogorov-Smirnov", psi_of_counts(known[:, 0], known[:, 1])), *found]


def _association(name: str, part: int, counts: np.ndarray, units: tuple[float, float]) -> Shift:
    rows = counts.sum(axis=0)
    shrink = float(min(1.0, *(of / max(1.0, total) for of, total in zip(units, rows, strict=True))))
    p, effect = chi_square(counts, shrink)
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    return Shift(name, part, p, effect, "Cramer's V", psi_of_counts(counts[order, 0], counts[order, 1]))


def column_facts(audit: Audit) -> list[dict[str, Any]]:
    """Return what is known of each feature: its cross-fitted AUC and its largest shift."""
    shifts = all_shifts(audit)
    found = []
    for column in audit.values.columns:
        if column.kind not in ("number", "category"):
            continue
        own = [shift for shift in shifts if shift.column == column.name]
        worst = max(own, key=lambda shift: shift.effect)
        found.append(
            {
                "column": column.name,
                "kind": column.kind,
                "auc": audit.cross_fitted(column.name).auc if audit.table.columns.label is not None else None,
                "effect": worst.effect,
                "measure": worst.measure,
                "psi": worst.psi,
                "part": audit.table.parts[worst.part],
            }
        )
    return found
