"""Candidates are linear in the rows of a bucket and do not depend on how rows arrive."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.dedup.arrow import binaries
from sparring.dedup.candidates import FULL, _pair_blocks, _scatter


def rows(bands: np.ndarray, contents: np.ndarray, filled: np.ndarray | None = None) -> pa.RecordBatch:
    """Return rows as the search signs them; a content's low half is twice its high half."""
    filled = np.ones(len(bands), dtype=bool) if filled is None else filled
    columns = [pa.array(contents), pa.array(2 * contents), binaries(bands.astype("<i8"), filled)]
    return pa.RecordBatch.from_arrays(columns, ["high", "low", "bands"])


def paired(batches: list[pa.RecordBatch], targets: int) -> set[tuple[int, int]]:
    """Return the pairs of contents that all tasks find, one task a target."""
    blocks = defaultdict(list)
    for batch in _scatter(targets)(batches):
        for target, block in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            blocks[target].append(pa.RecordBatch.from_arrays([pa.array([block], pa.binary())], ["block"]))
    found = set()
    for task in blocks.values():
        for batch in _pair_blocks(task):
            columns = [column.to_pylist() for column in batch.columns]
            assert all(low == 2 * high for half in (0, 2) for high, low in zip(*columns[half : half + 2], strict=True))
            found |= set(zip(columns[0], columns[2], strict=True))
    return found


def expected(bands: np.ndarray, contents: np.ndarray) -> set[tuple[int, int]]:
    pairs = set()
    for bucket in np.unique(bands):
        members = sorted(set(contents[(bands == bucket).any(axis=1)].tolist()))
        for place, content in enumerate(members):
            others = members[:place] if place < FULL else [members[0], members[place - 1]]
            pairs |= {(other, content) for other in others}
    return pairs


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 4), st.integers(1, 9))
def test_pairs_are_those_of_the_rule_however_rows_are_batched(seed: int, count: int, width: int, targets: int) -> None:
    rng = np.random.default_rng(seed)
    # Few buckets, anywhere among all longs, and some rows that are copies: the same content in the same buckets.
    buckets = rng.integers(-(2**63), 2**63 - 1, (width, 6))
    contents = rng.integers(0, count, count)
    bands = np.stack([buckets[at][rng.integers(0, 6, count)[contents]] for at in range(width)], axis=1)
    cuts = np.sort(rng.integers(0, count + 1, 2))
    parts = np.split(np.arange(count), cuts)
    batches = [rows(bands[part], contents[part]) for part in parts]
    assert paired(batches, targets) == expected(bands, contents)


def test_a_row_without_bands_is_no_candidate() -> None:
    bands = np.full((4, 2), 7)
    batch = rows(bands, np.arange(4), np.array([True, False, True, False]))
    assert paired([batch, batch.slice(0, 0)], 3) == {(0, 2)}


def test_a_bucket_of_many_rows_has_few_edges_and_is_connected() -> None:
    contents = np.random.default_rng(2).permutation(50_000)
    pairs = paired([rows(np.full((50_000, 1), 7), contents)], 4)
    assert len(pairs) < 2 * 50_000 + 28
    assert {later for _, later in pairs} == set(range(1, 50_000))
