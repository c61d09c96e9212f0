"""Rows, keys and groups that are in two parts, and equal rows whose labels differ across parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sparring.leakage.cross_split import Overlap, examples
from sparring.leakage.evidence import Kinds
from sparring.leakage.finding import LEAKED_SHARE, Finding, grade, milder
from sparring.leakage.reference import Comparison
from sparring.leakage.state import Audit

Parts = tuple[int, int]
ADVICE = {
    "content": "Remove copies before the split, or keep each cluster of them in one part.",
    "key": "A key names one row: find out how it came into two parts, and split by it.",
    "group": "Split by group: StratifiedSplitter(groupCols=...), or table.group in a run's configuration.",
    "cluster": "Keep each cluster of copies in one part: StratifiedSplitter(clusterCol=...), or remove them first.",
}
SAYS = {
    "content": "are equal in all features to",
    "key": "have the key of",
    "group": "are of the same group as",
    "cluster": "are, or may be, copies of",
}


def overlapping(audit: Audit, *, check: str, kind: str) -> list[Finding]:
    """Find rows of a part whose key, group or cluster of copies is in an earlier part too.

    Severity by the share of the part's rows: low above 0, medium above 0.1%, high above 1%; milder between two parts
    neither of which is train.

    Cost: none beyond :func:`~sparring.leakage.cross_split.cross_split`, which serves six checks.
    """
    found = []
    for parts in audit.table.pairs:
        shared = audit.cross_split.overlap(kind, *parts)
        if shared.values:
            share = shared.right_rows / audit.table.counts[audit.table.parts[parts[1]]]
            found.append(_finding(audit, check, kind, parts, shared, share, "", {}))
    return found


key_overlap: Callable[[Audit], list[Finding]] = partial(overlapping, check="key overlap", kind="key")
group_overlap: Callable[[Audit], list[Finding]] = partial(overlapping, check="group overlap", kind="group")


def exact_overlap(audit: Audit) -> list[Finding]:
    """Find rows that are equal in all features to rows of an earlier part, beyond the table's coincidences.

    Coincidences straddle in any split.  There is a finding where

    - rows of one cluster of copies, those that nothing could tell apart included, are in both parts; or
    - more rows of the part are equal to a row of the earlier one than rows of that one are to rows of another group,
      cluster or key of it, or to other rows (see :mod:`~sparring.leakage.reference`), with p < 0.01; or
    - of a table without groups and clusters, the evidence calls some of them copies (see
      :func:`~sparring.leakage.evidence.kinds_of_equal`), for copies on both sides are as frequent within train; or
      more than three, and more than half, of them undecided, which is low.

    Severity by the larger of the excess over what is expected, and the share of copies, as of a part's rows: low above
    0, medium above 0.1%, high above 1%; milder between two parts neither of which is train.

    Cost: for groups a join of their rows, of at most some 2,000 groups, to the contents, where the excess may be one;
    without groups and clusters, where rows are equal across parts, that of the evidence.
    """
    found, notes = overlapping(audit, check="exact overlap", kind="cluster"), []
    for parts in audit.table.pairs:
        shared = audit.cross_split.overlap("content", *parts)
        if not shared.values:
            continue
        compared = audit.compared(*parts)
        kinds = Kinds() if compared.found else audit.kinds(*parts)
        rows, name = audit.table.counts[audit.table.parts[parts[1]]], audit.table.parts[parts[1]]
        leaked = max(compared.excess if compared.found else 0.0, kinds.copies / rows)
        if leaked > 0 or kinds.mostly_undecided:
            counts = {"expected_share": compared.expected, "p": compared.p, **kinds.to_dict()}
            said = _compared_in_words(audit, parts, compared, kinds)
            found.append(_finding(audit, "exact overlap", "content", parts, shared, leaked, said, counts))
        else:
            notes.append(
                f"{shared.right_rows:,} rows of {name} have an equal, as expected ({compared.expected:.2%})"
                + (f", {kinds.undecided:,} of them undecided" if kinds.undecided else "")
            )
    audit.notes["exact overlap"] = "; ".join(notes)
    return found


def _compared_in_words(audit: Audit, parts: Parts, compared: Comparison, kinds: Kinds) -> str:
    left = audit.table.parts[parts[0]]
    said = f"; {compared.expected:.2%} would be, as between {audit.table.between(parts[0])} (p {compared.p:.1e})"
    if kinds.copies:
        said += f"; by the evidence {kinds.copies:,} are copies"
    if kinds.undecided:
        said += f"; of {kinds.undecided:,} nothing tells whether they are copies of {left}'s"
    return said


def _finding(
    audit: Audit,
    check: str,
    kind: str,
    parts: Parts,
    shared: Overlap,
    leaked: float,
    said: str,
    counts: dict[str, Any],
) -> Finding:
    left, right = (audit.table.parts[part] for part in parts)
    rows = audit.table.counts[right]
    share = shared.right_rows / rows
    severity = grade(leaked, LEAKED_SHARE, strict=True) or "low"
    return Finding(
        check,
        severity if parts[0] == 0 else milder(severity),
        f"{shared.right_rows:,} of {rows:,} rows of {right} ({share:.2%}) {SAYS[kind]} a row of {left}{said}",
        ADVICE[kind],
        {"rows": shared.right_rows, "share": share, "values": shared.values, **counts},
        examples(audit.table, audit.cross_split, kind, parts),
    )


def label_conflicts(audit: Audit) -> list[Finding]:
    """Find rows of a part that equal rows of an earlier one in all features while labels differ.

    No model can be right about both: the share is a bound of every score.  Only where equal rows are more than between
    units of the earlier part, for coincidences differ in their labels as any rows do.  Severity as for equal rows, one
    milder, by the share beyond that of rows which conflict within the earlier part.

    Cost: none beyond that of equal rows.
    """
    found = []
    for left, right in audit.table.pairs:
        shared = audit.cross_split.overlap("content", left, right)
        if not shared.conflicting or not audit.compared(left, right).found:
            continue
        names = [audit.table.parts[part] for part in (left, right)]
        rows = audit.table.counts[names[1]]
        share, within = shared.conflicting_rows / rows, audit.cross_split.conflicting_within(left)
        found.append(
            Finding(
                "label conflicts",
                milder(grade(max(0.0, share - within), LEAKED_SHARE, strict=True) or "low"),
                f"{shared.conflicting_rows:,} of {rows:,} rows of {names[1]} ({share:.2%}) have equals in {names[0]} "
                "that do not all have one label",
                "Find out which label is right, or what the features lack to tell such rows apart.",
                {"rows": shared.conflicting_rows, "share": share, "values": shared.conflicting},
                examples(audit.table, audit.cross_split, "content", (left, right), conflict=True),
            )
        )
    return found
