"""Rows, keys and groups that are in two parts, and equal rows whose labels differ across parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sparring.leakage.finding import LEAKED_SHARE, Finding, grade, milder
from sparring.leakage.state import Audit
from sparring.leakage.statistics import expected_share
from sparring.leakage.straddling import Overlap, examples

ADVICE = {
    "content": "Remove duplicates before the split, or keep each cluster of them in one part.",
    "key": "A key names one row: find out how it came into two parts, and split by it.",
    "group": "Split by group: StratifiedSplitter(groupCols=...), or table.group in a run's configuration.",
}
SAYS = {"content": "are equal in all features to", "key": "have the key of", "group": "are of the same group as"}


def overlapping(audit: Audit, *, check: str, kind: str) -> list[Finding]:
    """Find rows of a part whose content, key or group is in an earlier part too.

    Severity by the share of the part's rows, of content less what would be equal by chance: low above 0, medium
    above 0.1%, high above 1%; milder between two parts neither of which is train.

    Cost: none beyond :func:`~sparring.leakage.straddling.straddling`, which serves four checks.
    """
    found = []
    for left, right in audit.table.pairs:
        shared = audit.straddling.overlap(kind, left, right)
        if shared.values:
            found.append(_finding(audit, check, kind, (left, right), shared))
    return [finding for finding in found if finding is not None]


exact_overlap: Callable[[Audit], list[Finding]] = partial(overlapping, check="exact overlap", kind="content")
key_overlap: Callable[[Audit], list[Finding]] = partial(overlapping, check="key overlap", kind="key")
group_overlap: Callable[[Audit], list[Finding]] = partial(overlapping, check="group overlap", kind="group")


def _finding(audit: Audit, check: str, kind: str, parts: tuple[int, int], shared: Overlap) -> Finding:
    left, right = (audit.table.parts[part] for part in parts)
    rows = audit.table.counts[right]
    share = shared.right_rows / rows
    chance = _by_chance(audit, parts) if kind == "content" else 0.0
    severity = grade(max(0.0, share - chance), LEAKED_SHARE, strict=True) or "low"
    by_chance = f"; {chance:.2%} would be by chance" if chance >= 1e-4 else ""
    return Finding(
        check,
        severity if parts[0] == 0 else milder(severity),
        f"{shared.right_rows:,} of {rows:,} rows of {right} ({share:.2%}) {SAYS[kind]} a row of {left}{by_chance}",
        ADVICE[kind],
        {"rows": shared.right_rows, "share": share, "values": shared.values, "expected_share": chance},
        examples(audit.table, audit.straddling, kind, parts),
    )


def _by_chance(audit: Audit, parts: tuple[int, int]) -> float:
    """Return the share of rows that would have an equal one if columns were independent; few coarse columns."""
    if parts[0] != 0 or audit.table.columns.texts or audit.table.columns.others:
        return 0.0
    return expected_share(audit.chances, len(audit.chances), int(audit.table.sizes[0].sum()))


def label_conflicts(audit: Audit) -> list[Finding]:
    """Find rows of a part that equal rows of an earlier one in all features while labels differ.

    No model can be right about both: the share is a bound of every score.  Severity as for equal rows, one milder.

    Cost: none beyond :func:`~sparring.leakage.straddling.straddling`.
    """
    found = []
    for left, right in audit.table.pairs:
        shared = audit.straddling.overlap("content", left, right)
        if not shared.conflicting:
            continue
        names = [audit.table.parts[part] for part in (left, right)]
        rows = audit.table.counts[names[1]]
        share = shared.conflicting_rows / rows
        found.append(
            Finding(
                "label conflicts",
                milder(grade(share, LEAKED_SHARE, strict=True) or "low"),
                f"{shared.conflicting_rows:,} of {rows:,} rows of {names[1]} ({share:.2%}) have equals in {names[0]} "
                "that do not all have one label",
                "Find out which label is right, or what the features lack to tell such rows apart.",
                {"rows": shared.conflicting_rows, "share": share, "values": shared.conflicting},
                examples(audit.table, audit.straddling, "content", (left, right), conflict=True),
            )
        )
    return found
