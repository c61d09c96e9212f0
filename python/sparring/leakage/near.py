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

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from sparring.data.reserved import quoted
from sparring.dedup import NearDeduplicator
from sparring.dedup.canonical import canonical_hash
from sparring.dedup.hashing import mix_one
from sparring.dedup.search import CLUSTER, NODE
from sparring.leakage.columns import PART
from sparring.leakage.exhaustive import Alike, Held, best_alike
from sparring.leakage.finding import Finding, grade
from sparring.leakage.state import Audit
from sparring.leakage.statistics import expected_share, lower_bound, upper_bound
from sparring.leakage.straddling import KINDS, looks_of
from sparring.leakage.table import CONTENT, AuditTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EXHAUSTIVE_ROWS = 50_000
SAMPLE = 300
# Alike is not equal: ten times the share of equal rows.
ALIKE_SHARE = (0.0, 0.01, 0.1)
# The search is to find a pair at the threshold with this probability or more.
LOST, NEEDLESS = 0.98, 0.02
ADVICE = (
    "Look at the examples: if they are one thing recorded twice, remove near duplicates before the split "
    "(NearDeduplicator), or keep their clusters in one part."
)


@dataclass(frozen=True)
class Likeness:
    """How many of ``looked_at`` rows of a part are alike to a row of train, and how that is known."""

    alike: int
    looked_at: int
    how: str
    bounds: dict[str, float]
    examples: list[tuple[str, str, float]]


def near_overlap(audit: Audit) -> list[Finding]:
    """Find rows of each part that are alike to a row of train without being equal to one.

    Alike: they agree in the share ``near_threshold`` of the columns that neither misses; a text agrees by the Jaccard
    similarity of its shingles.  Severity by the share of the part's rows, less what would be alike by chance if
    columns were independent: low above 0, medium above 1%, high above 10%; of a sample the lower end of its interval
    counts.

    Cost: below 50,000 rows all pairs, else with ``sample`` 300 rows a part with all of train, one pass each; else the
    search's (see :func:`~sparring.dedup.search.search`) and that pass, to bound what it missed.
    """
    exhaustive = int(audit.table.sizes.sum()) <= EXHAUSTIVE_ROWS
    likenesses = _compare(audit, exhaustive)
    if not exhaustive and audit.options.near == "auto":
        searched = _search(audit)
        likenesses = {part: _bounded(audit, part, likeness, searched) for part, likeness in likenesses.items()}
    audit.notes["near overlap"] = "; ".join(dict.fromkeys(likeness.how for likeness in likenesses.values()))
    found = [_finding(audit, part, likeness) for part, likeness in likenesses.items()]
    return [finding for finding in found if finding is not None]


def plain_columns(table: AuditTable) -> list[str]:
    """Return the features that are compared by equality."""
    return [*table.columns.numbers, *table.columns.moments, *table.columns.categories]


def _compare(audit: Audit, exhaustive: bool) -> dict[int, Likeness]:
    """Compare rows of each part, all or some, with all of train, in one pass over it."""
    table, texts = audit.table, list(audit.table.columns.texts)
    plain = plain_columns(table)
    chosen = pd.concat([_chosen(table, part, exhaustive) for part in range(1, len(table.parts))], ignore_index=True)
    columns = {name: pa.array(chosen[name], from_pandas=True) for name in [*plain, *texts]}
    held = Held.of([_typed(columns[name]) for name in plain], [columns[name].cast(pa.string()) for name in texts])
    best = best_alike(table.rows.where(f"{PART} = 0"), CONTENT, plain, texts, held)
    alike = best.similarity >= audit.options.near_threshold - 1e-6
    contents = chosen[CONTENT].to_numpy()
    alike &= ~np.isin(contents, _equal(audit, contents[alike]))
    return {
        part: _likeness(audit, (chosen[PART] == part).to_numpy(), alike, contents, best, exhaustive)
        for part in range(1, len(table.parts))
    }


def _chosen(table: AuditTable, part: int, everything: bool) -> pd.DataFrame:
    wanted = table.counts[table.parts[part]] if everything else SAMPLE
    rows = table.sample(part, wanted, [*plain_columns(table), *table.columns.texts])
    return (rows if everything else rows.iloc[:SAMPLE]).assign(**{PART: part})


def _likeness(
    audit: Audit, own: np.ndarray, alike: np.ndarray, contents: np.ndarray, best: Alike, exhaustive: bool
) -> Likeness:
    """Return what the comparison says of one part, whose rows are those of ``own``."""
    hit = own & alike
    examples = sorted(zip(contents[hit], best.ids[hit], best.similarity[hit].tolist(), strict=True))
    count, of = int(hit.sum()), int(own.sum())
    if exhaustive:
        return Likeness(count, of, "all pairs compared", {}, examples)
    bounds = {"low": lower_bound(count, of, 0.975), "high": upper_bound(count, of, 0.975)}
    how = f"{of} rows a part compared with all of {audit.table.parts[0]}"
    return Likeness(count, of, how, bounds, examples)


def _typed(column: pa.Array) -> pa.Array:
    """Return a column that is missing throughout as text: Arrow knows no type of it."""
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _equal(audit: Audit, contents: np.ndarray) -> list[str]:
    """Return which of some contents are in train, too."""
    from pyspark.sql import functions as F

    if not len(contents):
        return []
    wanted = audit.table.rows.sparkSession.createDataFrame(pd.DataFrame({CONTENT: np.unique(contents)}))
    train = audit.table.rows.where(f"{PART} = 0").join(F.broadcast(wanted), CONTENT, "left_semi")
    return [row[CONTENT] for row in train.select(CONTENT).distinct().collect()]


@dataclass(frozen=True)
class Searched:
    """The search's clusters that are in train and in another part: content, rows by part; and proven pairs."""

    rows: dict[int, int]
    contents: DataFrame
    pairs: dict[int, list[tuple[str, str, float]]]


def near_stage(audit: Audit) -> NearDeduplicator:
    """Return the search of an audit: a seed of its own, so that what dedup missed is not missed again."""
    table = audit.table
    return NearDeduplicator(
        textCols=list(table.columns.texts),
        categoricalCols=list(table.columns.categories),
        numericCols=[*table.columns.numbers, *table.columns.moments],
        threshold=min(audit.options.near_threshold, 1 - 1e-9),
        falseNegativeWeight=LOST,
        falsePositiveWeight=NEEDLESS,
        seed=mix_one(table.seed ^ 0xA0D17) & 0x7FFFFFFF,
    )


def _search(audit: Audit) -> Searched:
    """Search all parts at once; equal rows are one, so that only what is alike is found."""
    from pyspark.sql import functions as F

    table = audit.table
    names = [*plain_columns(table), *table.columns.texts]
    rows = table.rows.select(*[quoted(name) for name in names]).distinct()
    found = near_stage(audit).search(rows)
    node = canonical_hash(names, table.rows.schema)
    numbers = range(len(table.parts))
    per_part = [F.sum(F.when(F.col(PART) == part, 1).otherwise(0)).alias(f"n{part}") for part in numbers]
    owners = table.rows.groupBy(node.alias(NODE), CONTENT).agg(*per_part)
    placed = found.mark(owners).localCheckpoint()
    in_train = placed.where("n0 > 0").select(CLUSTER).distinct()
    torn = placed.join(in_train, CLUSTER).where("n0 = 0")
    rows_alike = torn.agg(*[F.sum(f"n{part}").alias(f"n{part}") for part in numbers]).collect()[0]
    ends = placed.select(NODE, CONTENT, *[f"n{part}" for part in numbers])
    pairs = {part: _pairs(found.pairs, ends, part) for part in numbers if part}
    return Searched({part: int(rows_alike[f"n{part}"] or 0) for part in numbers}, torn, pairs)


def _pairs(pairs: DataFrame, ends: DataFrame, part: int) -> list[tuple[str, str, float]]:
    """Return some proven pairs of a row of train and one of the part, the most alike first."""
    from pyspark.sql import functions as F

    left = ends.select(
        F.col(NODE).alias("src"), F.col(CONTENT).alias("one"), F.col("n0").alias("l0"), F.col(f"n{part}").alias("lp")
    )
    right = ends.select(
        F.col(NODE).alias("dst"), F.col(CONTENT).alias("two"), F.col("n0").alias("r0"), F.col(f"n{part}").alias("rp")
    )
    joined = (
        pairs.join(left, "src")
        .join(right, "dst")
        .where("(l0 > 0 and rp > 0 and r0 = 0) or (r0 > 0 and lp > 0 and l0 = 0)")
    )
    mine = F.when(F.col("l0") > 0, F.col("two")).otherwise(F.col("one")).alias("mine")
    other = F.when(F.col("l0") > 0, F.col("one")).otherwise(F.col("two")).alias("other")
    rows = joined.select(mine, other, "similarity").orderBy(F.desc("similarity"), "mine", "other").limit(3).collect()
    return [(row["mine"], row["other"], row["similarity"]) for row in rows]


def _bounded(audit: Audit, part: int, sampled: Likeness, searched: Searched) -> Likeness:
    """Return what the search found, with a bound on what it missed, from rows that were compared with all of train."""
    from pyspark.sql import functions as F

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
    return Likeness(searched.rows[part] + missed, rows, how, bounds, pairs)


def _finding(audit: Audit, part: int, likeness: Likeness) -> Finding | None:
    if not likeness.alike:
        return None
    table, options = audit.table, audit.options
    train, name = table.parts[0], table.parts[part]
    share = likeness.alike / likeness.looked_at
    chance = _by_chance(audit)
    sure = likeness.bounds.get("low", share)
    severity = grade(max(0.0, sure - chance), ALIKE_SHARE, strict=True) or "low"
    interval = f" (95% interval {sure:.2%} to {likeness.bounds['high']:.2%})" if "low" in likeness.bounds else ""
    by_chance = f"; {chance:.2%} would be by chance" if chance >= 1e-4 else ""
    looks = looks_of(table, KINDS["content"], [mine for mine, _, _ in likeness.examples[:3]], part)
    others = looks_of(table, KINDS["content"], [other for _, other, _ in likeness.examples[:3]], 0)
    return Finding(
        "near overlap",
        severity,
        f"{likeness.alike:,} of {likeness.looked_at:,} rows of {name} ({share:.2%}){interval} agree with a row of "
        f"{train} in {options.near_threshold:.0%} of the columns or more{by_chance}; {likeness.how}",
        ADVICE,
        {"rows": likeness.alike, "looked_at": likeness.looked_at, "share": share, "expected_share": chance}
        | likeness.bounds,
        [
            {"similarity": round(similar, 4), name: looks.get(mine, {}), train: others.get(other, {})}
            for mine, other, similar in likeness.examples[:3]
        ],
    )


def _by_chance(audit: Audit) -> float:
    if audit.table.columns.texts:
        return 0.0
    least = int(np.ceil(audit.options.near_threshold * len(audit.chances) - 1e-9))
    return expected_share(audit.chances, least, int(audit.table.sizes[0].sum()))
