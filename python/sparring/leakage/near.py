"""Rows of one part that are alike to, but not equal to, rows of another.

==================  =====================================================  ==========================================
rows                how                                                    what the figure is
==================  =====================================================  ==========================================
below 50,000        all pairs (:mod:`~sparring.leakage.exhaustive`)        exact
more                a search by MinHash over all parts, of a seed of its   what was found, and an upper bound, with
                    own (:class:`~sparring.dedup.NearDeduplicator`)        95% confidence, of what was missed
more, ``sample``    some rows of each part with all of train               an estimate with its 95% interval
==================  =====================================================  ==========================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sparring.leakage.cross_split import example_rows
from sparring.leakage.finding import Finding, grade
from sparring.leakage.near_pairs import ComparedRows, compare_pairs
from sparring.leakage.near_search import Searched, search_parts
from sparring.leakage.reference import Comparison, compare, lesser
from sparring.leakage.state import Audit
from sparring.leakage.statistics import lower_bound, upper_bound
from sparring.leakage.table import CONTENT
from sparring.leakage.units import compared_by_unit

EXHAUSTIVE_ROWS = 50_000
# Alike is not equal: ten times the share of equal rows.
ALIKE_SHARE = (0.0, 0.01, 0.1)
ADVICE = (
    "Look at the examples: if they are one thing recorded twice, remove near duplicates before the split "
    "(NearDeduplicator), or keep their clusters in one part."
)


@dataclass(frozen=True)
class NearDuplicates:
    """How many of ``looked_at`` rows of a part are alike to a row of train, how that is known and what is expected.

    ``copies`` is the share that no chance makes alike, 0 where chance might.
    """

    alike: int
    looked_at: int
    how: str
    bounds: dict[str, float]
    examples: list[tuple[str, str, float]]
    compared: Comparison
    copies: float


def near_overlap(audit: Audit) -> list[Finding]:
    """Find rows of each part that are alike to a row of train without being equal to one.

    Alike: they agree in the share ``near_threshold`` of the columns that neither misses, so that a value missing in
    both is no evidence; a text agrees by the Jaccard similarity of its shingles.  A finding are more such rows than
    between units of train (see :mod:`~sparring.leakage.reference`), with p < 0.01: rows of train, as many as of the
    part but 5,000 at most, are compared with train in the same way, without the fifth of it that their unit is in; for
    the rows of the part each fifth is left out in turn.  Unless groups are compared, near copies may be as frequent
    within train; then a finding are also rows that are alike while hardly any agrees in one column less (see
    :func:`~sparring.leakage.reference.beyond_gap`).  Severity by the excess over what is expected, or all of these: low
    above 0, medium above 1%, high above 10%; of a sample the lower end of its interval counts.

    Cost: below 50,000 rows all pairs, else with ``sample`` 300 rows a part, and 600 of train, with all of train, one
    pass each; else the search's (see :func:`~sparring.dedup.search.search`) and that pass, to bound what it missed.
    """
    exhaustive = int(audit.table.sizes.sum()) <= EXHAUSTIVE_ROWS
    looked = compare_pairs(audit.table, audit.options.near_threshold, exhaustive)
    likenesses = {part: _likeness(audit, looked, part, exhaustive) for part in range(1, len(audit.table.parts))}
    if not exhaustive and audit.options.near == "auto":
        searched = search_parts(audit)
        likenesses = {part: _bounded(audit, part, likeness, searched) for part, likeness in likenesses.items()}
    audit.notes["near overlap"] = "; ".join(dict.fromkeys(likeness.how for likeness in likenesses.values()))
    found = [_finding(audit, part, likeness) for part, likeness in likenesses.items()]
    return [finding for finding in found if finding is not None]


def _likeness(audit: Audit, looked: ComparedRows, part: int, exhaustive: bool) -> NearDuplicates:
    """Return what the comparison says of one part."""
    best, own = looked.best, looked.part == part
    hit = own & looked.alike
    examples = sorted(zip(looked.contents[hit], best.ids[hit], best.similarity[hit].tolist(), strict=True))
    count, of = int(hit.sum()), int(own.sum())
    compared = looked.compared(part)
    # Between groups the comparison says all; else copies may be as frequent within train.
    copies = looked.told_apart(part) if audit.table.unit != "group" else 0.0
    if exhaustive:
        return NearDuplicates(count, of, "all pairs compared", {}, examples, compared, copies)
    bounds = {"low": lower_bound(count, of, 0.975), "high": upper_bound(count, of, 0.975)}
    how = f"{of} rows a part compared with all of {audit.table.parts[0]}"
    return NearDuplicates(count, of, how, bounds, examples, compared, copies)


def _bounded(audit: Audit, part: int, sampled: NearDuplicates, searched: Searched) -> NearDuplicates:
    """Return what the search found, with a bound on what it missed, from rows that were compared with all of train."""
    from sparring.engine import functions as F

    rows = audit.table.counts[audit.table.parts[part]]
    known = [content for content, _, _ in sampled.examples]
    clusters = searched.contents.where(F.col(CONTENT).isin(known)).select(CONTENT)
    hit = {row[CONTENT] for row in clusters.collect()} if known else set()
    missed = sum(content not in hit for content in known)
    bound = upper_bound(missed, sampled.looked_at)
    bounds = {"missed_in_sample": missed, "sample": sampled.looked_at, "missed_at_most": bound, "confidence": 0.95}
    how = (
        f"searched by MinHash; of {sampled.looked_at} rows compared with all of train it missed {missed}: at most "
        f"{bound:.2%} of the rows with 95% confidence"
    )
    pairs = searched.pairs[part] or [example for example in sampled.examples if example[0] not in hit]
    # What the search missed is in none of its clusters, so that nothing counts twice.
    count = searched.rows[part] + missed
    alike = compared_by_unit(audit.table, (0, part), count / rows, searched.sides[part], searched.hits)
    with_equal = searched.with_equal[part]
    compared = lesser(alike, compare(with_equal[0].share, *with_equal))
    compared = min(compared, sampled.compared, key=lambda comparison: comparison.p)
    return NearDuplicates(count, rows, how, bounds, pairs, replace(compared, share=count / rows), sampled.copies)


def _finding(audit: Audit, part: int, likeness: NearDuplicates) -> Finding | None:
    if not likeness.compared.found and not likeness.copies:
        return None
    table, options = audit.table, audit.options
    train, name = table.parts[0], table.parts[part]
    share, expected = likeness.compared.share, likeness.compared.expected
    sure = likeness.bounds.get("low", share)
    leaked = max(sure - expected if likeness.compared.found else 0.0, min(sure, likeness.copies))
    severity = grade(leaked, ALIKE_SHARE, strict=True) or "low"
    copies = "; hardly a row agrees in one column less, as by chance many would" if likeness.copies else ""
    interval = f" (95% interval {sure:.2%} to {likeness.bounds['high']:.2%})" if "low" in likeness.bounds else ""
    looks = example_rows(table, CONTENT, [mine for mine, _, _ in likeness.examples[:3]], part)
    others = example_rows(table, CONTENT, [other for _, other, _ in likeness.examples[:3]], 0)
    return Finding(
        "near overlap",
        severity,
        f"{likeness.alike:,} of {likeness.looked_at:,} rows of {name} ({share:.2%}){interval} agree with a row of "
        f"{train} in {options.near_threshold:.0%} of the columns or more; {expected:.2%} would be, as between "
        f"{table.between()} (p {likeness.compared.p:.1e}){copies}; {likeness.how}",
        ADVICE,
        {"rows": likeness.alike, "looked_at": likeness.looked_at, "share": share}
        | {"expected_share": expected, "p": likeness.compared.p}
        | likeness.bounds,
        [
            {"similarity": round(similar, 4), name: looks.get(mine, {}), train: others.get(other, {})}
            for mine, other, similar in likeness.examples[:3]
        ],
    )
