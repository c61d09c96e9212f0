"""Copies are told from coincidences in simulated tables whose truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.data.hashing import GOLDEN, MASK, mix
from sparring.dedup.evidence import (
    COINCIDENCE,
    COPY,
    UNDECIDED,
    DistinctRows,
    KeyCounter,
    Weighed,
    count_in,
    evidence_of,
    weigh,
)


class Told(NamedTuple):
    recall: float
    coincidences: int
    lost: int
    found: Weighed
    distinct: DistinctRows


def hashed(table: np.ndarray) -> np.ndarray:
    columns = [mix(table[:, at].astype(np.int64).view(np.uint64) + np.uint64(17)) for at in range(table.shape[1])]
    return np.stack([mix(c ^ np.uint64((at + 1) * GOLDEN & MASK)) for at, c in enumerate(columns)], axis=1)


def distinct_of(hashes: np.ndarray) -> tuple[DistinctRows, np.ndarray]:
    identity = hashes.sum(axis=1, dtype=np.uint64)
    _, first, place, rows = np.unique(identity, return_index=True, return_inverse=True, return_counts=True)
    return DistinctRows(hashes[first], rows, 1.0, len(hashes)), place


def tell(table: np.ndarray, copies: int, seed: int = 1) -> Told:
    """Plant copies in a table and ask which equal rows are some."""
    source = np.random.default_rng(seed).choice(len(table), copies, replace=False)
    hashes = hashed(np.vstack([table, table[source]]))
    distinct, place = distinct_of(hashes)
    found = weigh(distinct, lambda wanted, subsets: count_in(hashes, wanted, subsets))
    planted = np.bincount(place[len(table) :], minlength=len(distinct.rows))
    by_chance, gone = distinct.rows - 1 - planted, found.status == COPY
    recall = planted[gone].sum() / copies if copies else 1.0
    return Told(float(recall), int(by_chance.sum()), int(by_chance[gone].sum()), found, distinct)


def low(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.column_stack([rng.integers(0, values, rows) for values in (2, 3, 2, 4, 2)])


def middle(rng: np.random.Generator, rows: int) -> np.ndarray:
    sizes = (2, 3, 5, 8, 10, 20, 7, 4)
    return np.column_stack([rng.choice(k, rows, p=rng.dirichlet(np.ones(k))) for k in sizes])


def high(rng: np.random.Generator, rows: int) -> np.ndarray:
    return (rng.normal(size=(rows, 5)) * 1e6).astype(np.int64)


def flags(rng: np.random.Generator, rows: int) -> np.ndarray:
    kind = rng.integers(0, 6, rows)
    return np.column_stack([*(kind == at for at in range(6)), rng.integers(0, 4, rows), rng.integers(0, 4, rows)])


def with_label(table: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add a label that follows from the columns, but for some noise."""
    score = (table - table.mean(0)) / (table.std(0) + 1e-9) @ rng.normal(size=table.shape[1])
    label = (score > np.quantile(score, 0.6)) ^ (rng.random(len(table)) < noise)
    return np.column_stack([table, label])


def determined(table: np.ndarray) -> np.ndarray:
    """Add columns that follow from others: a shift, and a total."""
    return np.column_stack([table, table[:, 0] - 3, table[:, 1] + table[:, 2]])


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1])
@pytest.mark.parametrize("extended", [False, True], ids=["plain", "determined"])
@pytest.mark.parametrize("kind", [low, middle, flags])
def test_coincidences_stay(kind, extended: bool, share: float, noise: float) -> None:
    rng = np.random.default_rng(3)
    table = kind(rng, 3_000)
    told = tell(with_label(determined(table) if extended else table, noise, rng), round(share * len(table)))
    assert told.coincidences > 20
    assert told.lost <= 0.01 * told.coincidences


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
@pytest.mark.parametrize("extended", [False, True], ids=["plain", "determined"])
def test_copies_in_a_fine_table_are_found(extended: bool, share: float, noise: float) -> None:
    rng = np.random.default_rng(4)
    table = high(rng, 3_000)
    told = tell(with_label(determined(table) if extended else table, noise, rng), round(share * len(table)))
    assert told.recall == 1.0
    assert told.coincidences == 0


def test_a_label_that_differs_is_a_coincidence_nearby() -> None:
    """Pairs that differ in their label only are near misses, so that equal pairs among them prove nothing."""
    rng = np.random.default_rng(5)
    places = rng.integers(0, 300, 3_000)
    # Every row of a place is the same but for its label.
    table = np.column_stack([places, places * 7, places % 11, rng.integers(0, 2, 3_000)])
    assert set(tell(table, 0).found.status.tolist()) <= {COINCIDENCE, UNDECIDED, ""}


def test_one_informative_column_is_no_evidence() -> None:
    rng = np.random.default_rng(6)
    table = np.column_stack([rng.integers(0, 100_000, 3_000), rng.integers(0, 2, 3_000)])
    assert COPY not in tell(table, 30).found.status


def test_most_rows_are_never_copies_by_evidence_alone() -> None:
    rng = np.random.default_rng(7)
    table = np.repeat(high(rng, 500), 3, axis=0)
    assert set(tell(table, 0).found.status.tolist()) == {UNDECIDED}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.permutations(range(9)))
def test_the_answer_does_not_depend_on_the_order_of_rows_and_columns(seed: int, columns: list[int]) -> None:
    rng = np.random.default_rng(8)
    table = hashed(with_label(middle(rng, 400), 0.1, rng))
    again = table[np.random.default_rng(seed).permutation(len(table))]

    def summary(hashes: np.ndarray) -> dict:
        distinct, _ = distinct_of(hashes)
        return evidence_of(distinct, weigh(distinct, lambda wanted, subsets: count_in(hashes, wanted, subsets)))

    assert summary(again) == summary(table)
    assert summary(table[:, columns])["rows_by_status"] == summary(table)["rows_by_status"]


def test_near_misses_equal_those_of_all_pairs() -> None:
    rng = np.random.default_rng(9)
    table = rng.integers(0, 3, (120, 4))
    hashes = hashed(table)
    differing = (table[:, None, :] != table[None, :, :]).sum(axis=2)
    counter = KeyCounter(hashes, [(0,), (1,), (2,), (3,)])
    equal = (differing == 0).sum(axis=1)
    batches = counter.count(hashes[:50]) + counter.count(hashes[50:])
    assert (counter.by_row(batches).sum(axis=1) - 4 * equal).tolist() == (differing == 1).sum(axis=1).tolist()
