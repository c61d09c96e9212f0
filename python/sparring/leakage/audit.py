"""The audit of a split: every check in turn, worst findings first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparring.leakage.columns import OWNER, PART, AuditColumns, unite
from sparring.leakage.finding import SEVERITIES, AuditReport, CheckResult, Finding
from sparring.leakage.near import near_overlap
from sparring.leakage.overlap import exact_overlap, group_overlap, key_overlap, label_conflicts
from sparring.leakage.prediction import group_mean_leakage, identifiers, order_leakage, target_leakage
from sparring.leakage.shift import column_facts, distribution_shift
from sparring.leakage.state import Audit, AuditOptions
from sparring.leakage.table import opened
from sparring.leakage.time_travel import time_travel
from sparring.spark.reserved import named, refuse_reserved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Check:
    """A check: its name, what it does, and the roles that columns must play for it."""

    name: str
    run: Callable[[Audit], list[Finding]]
    needs: tuple[str, ...] = ()


CHECKS = (
    Check("exact overlap", exact_overlap),
    Check("near overlap", near_overlap),
    Check("key overlap", key_overlap, ("keys",)),
    Check("group overlap", group_overlap, ("groups",)),
    Check("time travel", time_travel, ("time",)),
    Check("label conflicts", label_conflicts, ("label",)),
    Check("group-mean baseline", group_mean_leakage, ("label", "keys or groups")),
    Check("target leakage", target_leakage, ("label",)),
    Check("identifiers", identifiers, ("label",)),
    Check("order", order_leakage, ("label", "order")),
    Check("distribution shift", distribution_shift),
)


class LeakageAudit:
    """Look for leaks between the parts of a split.

    Parameters
    ----------
    train : DataFrame
    validation : DataFrame or None
    test : DataFrame
    columns : AuditColumns
        Roles and features; without features, every column that has no role is one, its kind taken from its type.
    others : dict of str to DataFrame, optional
        Further parts by name.
    options : AuditOptions, optional
    ignore : sequence of str, default ()
        Columns that are left out.
    seed : int, default 42
        Of samples, folds and the near search.

    Notes
    -----
    Cost of :meth:`run`: one pass over the parts, which are kept in memory (else on disk) in the form the checks read;
    one shuffle of the distinct values of all columns; one shuffle of the distinct contents, keys and groups; some ten
    passes over the kept rows or these aggregates; the near search as :func:`~sparring.leakage.near.near_overlap`
    says.  The driver sees histograms of at most 1,000 bars, samples of at most 40,000 rows, and below 50,000 rows one
    part of them.

    Examples
    --------
    >>> audit = LeakageAudit(train, None, test, columns=AuditColumns(label="late", groups=["flight"]))  # doctest: +SKIP
    >>> [(finding.severity, finding.message) for finding in audit.run().findings]                       # doctest: +SKIP
    """

    def __init__(
        self,
        train: DataFrame,
        validation: DataFrame | None,
        test: DataFrame,
        *,
        columns: AuditColumns,
        others: Mapping[str, DataFrame] | None = None,
        options: AuditOptions | None = None,
        ignore: tuple[str, ...] | list[str] = (),
        seed: int = 42,
    ) -> None:
        middle = {} if validation is None else {"validation": validation}
        self.parts = {"train": train, **middle, "test": test, **(others or {})}
        self.columns, self.options, self.ignore, self.seed = columns, options or AuditOptions(), ignore, seed

    def run(self) -> AuditReport:
        """Run every check whose columns are there.

        Raises
        ------
        SchemaError, TableError
            Before any check: parts of different schemas, a column that is absent or of an unusable type, an empty part.
        """
        united = unite(self.parts, self.ignore)
        columns = self.columns
        if not columns.features:
            columns = columns.with_inferred_features(united.drop(PART).schema)
        return _audit(united, list(self.parts), columns, self.options, self.seed)


def audit_split(
    rows: DataFrame,
    parts: Sequence[str],
    *,
    columns: AuditColumns,
    split_col: str = "split",
    options: AuditOptions | None = None,
    seed: int = 42,
) -> AuditReport:
    """Audit one table whose column ``split_col`` says to which of ``parts`` a row belongs; the first is train.

    As :class:`LeakageAudit`, which reads its parts one by one; this reads the table once.
    """
    from functools import reduce

    from sparring.engine import functions as F

    split = named(split_col)
    number = reduce(
        lambda chain, at: chain.when(split == parts[at], at), range(1, len(parts)), F.when(split == parts[0], 0)
    )
    united = rows.withColumn(PART, number).where(F.col(PART).isNotNull())
    return _audit(united, list(parts), columns, options or AuditOptions(), seed)


def _audit(united: DataFrame, parts: list[str], columns: AuditColumns, options: AuditOptions, seed: int) -> AuditReport:
    columns.check(united.schema)
    # A number of the rows, and the clusters of deduplication, may be Sparring's own.
    own = {columns.order, *columns.clusters}
    refuse_reserved((name for name in columns.used if name not in own), OWNER)
    with opened(united, parts, columns, seed) as table:
        return run_checks(Audit(table, options))


def run_checks(audit: Audit) -> AuditReport:
    """Run the checks on an opened table."""
    findings: list[Finding] = []
    checks: list[CheckResult] = []
    for check in CHECKS:
        lacking = [role for role in check.needs if not _has(audit, role)]
        if check.name == "near overlap" and audit.options.near == "off":
            lacking = ["near"]
        if lacking:
            checks.append(CheckResult(check.name, "skipped", f"no {', no '.join(lacking)} named", 0.0))
            continue
        start = time.perf_counter()
        found = check.run(audit)
        seconds = round(time.perf_counter() - start, 3)
        checks.append(CheckResult(check.name, "found" if found else "clean", audit.notes.get(check.name, ""), seconds))
        findings += found
    worst_first = sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))
    return AuditReport(audit.table.counts, worst_first, checks, column_facts(audit))


def _has(audit: Audit, roles: str) -> bool:
    columns = audit.table.columns
    return any(bool(getattr(columns, role)) for role in roles.split(" or "))
