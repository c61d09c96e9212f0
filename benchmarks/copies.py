"""Copies planted in tables of known coincidences: which are found, and which coincidences are lost.

::

    uv run python benchmarks/copies.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pages import save, table

from sparring.dedup.evidence import COPY, DistinctRows, count_in, evidence_of, weigh
from sparring.data.hashing import GOLDEN, MASK, mix

ROWS, SEEDS = 5_000, (1, 2, 3)
SHARES, NOISES = (0.0, 0.001, 0.01, 0.1), (0.0, 0.05, 0.2)
Kind = Callable[[np.random.Generator], np.ndarray]


def low(rng: np.random.Generator) -> np.ndarray:
    """Five columns of two to four values."""
    return np.column_stack([rng.choice(k, ROWS, p=rng.dirichlet(np.ones(k) * 2)) for k in (2, 3, 2, 4, 2)])


def middle(rng: np.random.Generator) -> np.ndarray:
    """Eight columns of two to twenty uneven values."""
    sizes = (2, 3, 5, 8, 10, 20, 7, 4)
    return np.column_stack([rng.choice(k, ROWS, p=rng.dirichlet(np.ones(k))) for k in sizes])


def rounded(rng: np.random.Generator) -> np.ndarray:
    """Four measurements that depend on each other, to one decimal, and two codes."""
    common = rng.normal(size=ROWS)
    measured = [np.round(10 * (common + rng.normal(size=ROWS) * scale)) for scale in (0.3, 0.5, 1.0, 1.0)]
    return np.column_stack([*measured, rng.integers(0, 3, ROWS), rng.integers(0, 5, ROWS)]).astype(np.int64)


def flags(rng: np.random.Generator) -> np.ndarray:
    """One kind as six flags, and two codes."""
    kind = rng.integers(0, 6, ROWS)
    return np.column_stack([*(kind == at for at in range(6)), rng.integers(0, 4, ROWS), rng.integers(0, 4, ROWS)])


def mixed(rng: np.random.Generator) -> np.ndarray:
    """Three fine measurements and six codes."""
    fine = (rng.normal(size=(ROWS, 3)) * 1e6).astype(np.int64)
    return np.column_stack([fine, rng.integers(0, 3, (ROWS, 6))])


def high(rng: np.random.Generator) -> np.ndarray:
    """Eight fine measurements."""
    return (rng.normal(size=(ROWS, 8)) * 1e6).astype(np.int64)


KINDS: dict[str, Kind] = {
    "low": low,
    "low, flags": flags,
    "middle": middle,
    "middle, rounded measurements": rounded,
    "high, mixed": mixed,
    "high": high,
}


def simulated(kind: Kind, noise: float, extended: bool, seed: int) -> np.ndarray:
    """Return a table with a label that follows from its columns, but for the noise."""
    rng = np.random.default_rng(seed)
    rows = kind(rng).astype(np.int64)
    score = (rows - rows.mean(0)) / (rows.std(0) + 1e-9) @ rng.normal(size=rows.shape[1])
    label = (score > np.quantile(score, 0.6)) ^ (rng.random(ROWS) < noise)
    if extended:
        rows = np.column_stack([rows, rows[:, 0] - 3, rows[:, 1] + rows[:, 2]])
    return np.column_stack([rows, label])


def hashed(rows: np.ndarray) -> np.ndarray:
    """Return the hash of each cell."""
    cells = [mix(column.astype(np.int64).view(np.uint64) + np.uint64(17)) for column in rows.T]
    return np.stack([mix(c ^ np.uint64((at + 1) * GOLDEN & MASK)) for at, c in enumerate(cells)], axis=1)


def tell(rows: np.ndarray, share: float, seed: int) -> dict[str, Any]:
    """Plant copies and weigh the evidence; a running number is no part of it, so that it changes nothing."""
    copies = round(share * ROWS)
    source = np.random.default_rng(seed).choice(ROWS, copies, replace=False)
    hashes = hashed(np.vstack([rows, rows[source]]))
    identity = hashes.sum(axis=1, dtype=np.uint64)
    _, first, place, times = np.unique(identity, return_index=True, return_inverse=True, return_counts=True)
    distinct = DistinctRows(hashes[first], times, 1.0, len(hashes))
    found = weigh(distinct, lambda wanted, subsets: count_in(hashes, wanted, subsets))
    planted = np.bincount(place[ROWS:], minlength=len(times))
    chance, gone = times - 1 - planted, found.status == COPY
    return {
        "copies": copies,
        "found": int(planted[gone].sum()),
        "coincidences": int(chance.sum()),
        "lost": int(chance[gone].sum()),
        **evidence_of(distinct, found),
    }


def cell(cases: list[dict[str, Any]]) -> str:
    """Return what became of the copies in all cases of a cell."""
    copies, found = (sum(case[name] for case in cases) for name in ("copies", "found"))
    told = "cannot tell" if not found else f"{found / copies:.1%} found"
    return f"{told}, {sum(case['lost'] for case in cases)} of {sum(case['coincidences'] for case in cases):,} lost"


def main() -> None:
    """Simulate all cases and write data and page."""
    results = [
        {"kind": name, "determined": extended, "noise": noise, "share": share, "seed": seed}
        | tell(simulated(kind, noise, extended, seed), share, seed)
        for name, kind in KINDS.items()
        for extended in (False, True)
        for noise in NOISES
        for share in SHARES
        for seed in SEEDS
    ]
    lines = []
    for name in KINDS:
        for extended in (False, True):
            own = [case for case in results if case["kind"] == name and case["determined"] == extended]
            cells = [cell([case for case in own if case["share"] == share]) for share in SHARES[1:]]
            none = [case for case in own if case["share"] == 0]
            seen, guessed = (sum(c[key] for c in none) for key in ("coincidences", "expected_by_chance"))
            lines.append(
                [name + (", with determined columns" if extended else ""), *cells, f"{seen:,} / {guessed:,.0f}"]
            )
    head = ["table", *(f"{share:.1%} copies" for share in SHARES[1:]), "no copies: coincidences / estimated"]
    page = f"""# Copies and coincidences

{len(results)} simulated tables of {ROWS:,} rows whose truth is known: columns of low, middle and high cardinality,
a label that follows from them with {", ".join(f"{noise:.0%}" for noise in NOISES)} noise, some with columns that others
determine (a shift, a total). Copies are planted at three rates; each cell sums all noises and three seeds. "Lost" are
coincidences that went with the copies. A surrogate key is left out of what makes rows equal, so it changes nothing. How
it is told: [guide](../guide/deduplication.md). `benchmarks/copies.py` writes this page.

{table(head, lines)}

Where copies are "cannot tell", equal rows stay in the table and in one part.
"""
    save("copies", results, page)


if __name__ == "__main__":
    main()
