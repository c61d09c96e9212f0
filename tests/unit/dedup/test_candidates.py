"""Candidates are linear in the rows of a bucket and do not depend on how rows arrive."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.dedup.candidates import FULL, _pairs


def paired(buckets: list[int], cuts: list[int]) -> set[tuple[int, int]]:
    """Pair rows 0, 1, ... that lie in ``buckets`` and arrive in batches cut at ``cuts``."""
    edges = sorted({0, len(buckets), *(cut for cut in cuts if cut < len(buckets))})
    table = pa.table({"bucket": pa.array(buckets, pa.int64()), "node": pa.array(range(len(buckets)), pa.int64())})
    batches = [table.slice(low, high - low).combine_chunks().to_batches()[0] for low, high in pairwise(edges)]
    found = [pair for batch in _pairs(batches) for pair in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
    assert len(found) == len(set(found))
    return set(found)


def expected(buckets: list[int]) -> set[tuple[int, int]]:
    pairs = set()
    for bucket in set(buckets):
        rows = [row for row, of in enumerate(buckets) if of == bucket]
        for place, row in enumerate(rows):
            others = rows[:place] if place < FULL else [rows[0], rows[place - 1]]
            pairs |= {(other, row) for other in others}
    return pairs


sorted_buckets = st.lists(st.integers(1, 30), min_size=1, max_size=8).map(
    lambda sizes: [bucket for bucket, size in enumerate(sizes) for _ in range(size)]
)


@settings(deadline=None, max_examples=200)
@given(sorted_buckets, st.lists(st.integers(1, 200), max_size=12))
def test_pairs_are_those_of_the_rule_however_rows_are_batched(buckets: list[int], cuts: list[int]) -> None:
    assert paired(buckets, cuts) == expected(buckets)


def test_a_bucket_of_many_rows_has_few_edges_and_is_connected() -> None:
    pairs = paired([7] * 50_000, list(range(0, 50_000, 999)))
    assert len(pairs) < 2 * 50_000 + 28
    assert set(np.array(sorted(pairs))[:, 1]) == set(range(1, 50_000))
