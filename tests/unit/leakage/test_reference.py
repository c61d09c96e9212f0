"""The comparison of an overlap with that within train: its formulas, and its answers on honest and leaking splits."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sparring.leakage.reference import Comparison, Hits, among_units, clustered, compare, enough_units, excess_p

made = runpy.run_path(str(Path(__file__).with_name("honest.py")))
SHAPES, split_of, table_of = made["SHAPES"], made["split_of"], made["table_of"]


def compared(train: pd.DataFrame, test: pd.DataFrame, by_group: bool) -> Comparison:
    """What the audit computes of equal rows, row by row in pandas."""
    features = [name for name in train.columns if name.startswith("x")]
    known = [part[part[features].notna().any(axis=1)] for part in (train, test)]
    rows = [part.fillna(-1.0).groupby(features)["group"] for part in known]
    train_rows, test_rows = (found.size() for found in rows)
    units = rows[0].nunique() if by_group else train_rows
    of_unit = float((train["group"].value_counts() ** 2).sum()) / len(train) ** 2 if by_group else 1 / len(train)
    in_train = units.reindex(test_rows.index).fillna(0)
    hit, several = in_train > 0, units > 1
    part = clustered(test_rows.to_numpy(), (test_rows * hit).to_numpy(), len(test))
    left_out = float(test_rows[in_train == 1].sum()) * of_unit
    kept = 1 - left_out / part.hits if part.hits else 1.0
    part = Hits(part.rows, part.hits * kept, part.variance * kept)
    within = clustered(train_rows.to_numpy(), (train_rows * several).to_numpy(), len(train))
    share = float((test_rows * hit).sum()) / len(test)
    if not by_group:
        return compare(share, part, within)
    sides = []
    for table, found in ((test, hit), (train, several)):
        keys = pd.MultiIndex.from_frame(table[features].fillna(-1.0))
        hits = found.reindex(keys, fill_value=False).to_numpy(bool)
        by = pd.Series(hits).groupby(table["group"].to_numpy())
        sides.append((by.size().to_numpy(float), by.sum().to_numpy(float)))
    return compare(share, *among_units([part, within], sides))


@pytest.mark.parametrize("groups", [0, 40, 400])
@pytest.mark.parametrize("shape", SHAPES)
def test_honest_splits_are_hardly_ever_accused(shape: str, groups: int) -> None:
    found = 0
    for seed in range(40):
        parts = split_of(table_of(shape, 800, groups, seed), groups > 0, seed)
        found += compared(*parts, groups > 0).found
    # At a true level of 1% more than three of 40 come once in 1,500 times.
    assert found <= 3


@pytest.mark.parametrize("groups", [0, 40, 400])
@pytest.mark.parametrize(("shape", "copies"), [("fine", 8), ("middle", 60), ("coarse", 120)])
def test_rows_of_train_that_were_copied_into_test_are_found(shape: str, copies: int, groups: int) -> None:
    found = 0
    for seed in range(20):
        train, test = split_of(table_of(shape, 1_200, groups, seed, likeness=0.1), groups > 0, seed)
        leak = train.sample(copies, random_state=seed)
        # As from another source: the copies have groups of the test part.
        leak = leak.assign(group=test["group"].sample(copies, replace=True, random_state=seed).to_numpy())
        leaking = compared(train, pd.concat([test, leak], ignore_index=True), groups > 0)
        found += leaking.found
        assert leaking.share - leaking.expected <= 1.3 * copies / len(test)
    assert found >= 18 if shape == "fine" else found >= 10


def test_the_p_of_pairs_is_that_of_dealing_them() -> None:
    """Three quarters of the rows in train: 5 pairs across and none within have a chance of 0.4 each."""
    across, within = Hits(200, 5, 5), Hits(600, 0, 0)
    assert excess_p(across, within) == pytest.approx(0.4**5 / 2)
    # Two pairs within, 4 rows: the binomial tail, half of what was observed.
    tail = stats.binom.sf(5, 7, 0.4) + stats.binom.pmf(5, 7, 0.4) / 2
    assert excess_p(across, Hits(600, 4, 8)) == pytest.approx(tail)


def test_no_hits_and_smaller_shares_are_no_excess() -> None:
    assert excess_p(Hits(200, 0, 0), Hits(600, 0, 0)) == 1.0
    assert excess_p(Hits(200, 5, 5), Hits(600, 30, 60)) == 1.0
    assert not compare(0.0, Hits(200, 0, 0), Hits(600, 0, 0)).found


def test_rows_that_hit_together_count_less() -> None:
    rows = np.array([10.0, 1.0, 1.0, 1.0])
    together = clustered(rows, np.array([10.0, 0, 0, 0]), 100.0)
    single = clustered(np.ones(100), np.r_[np.ones(10), np.zeros(90)])
    assert single.effect == pytest.approx(0.9)
    assert together.effect == pytest.approx(8.1, rel=0.02)
    assert excess_p(together, Hits(300, 0, 0)) > excess_p(single, Hits(300, 0, 0))


def test_groups_that_differ_widen_the_variance_and_equal_ones_do_not() -> None:
    side = Hits(1_000, 100, 90)
    rows = np.full(20, 50.0)
    even, uneven = np.full(20, 5.0), np.where(np.arange(20) < 2, 50.0, 0.0)
    assert among_units([side, side], [(rows, even), (rows, even)])[0].variance == 90
    assert among_units([side, side], [(rows, even), (rows, uneven)])[0].variance > 1_000
    # One group says nothing of how groups differ; the others do.
    single = among_units([side, side], [(np.array([50.0]), np.array([5.0])), (rows, uneven)])
    assert single[0].variance > 5_000


@pytest.mark.parametrize(("ones", "others", "enough"), [(3, 1, False), (98, 1, False), (100, 1, True), (9, 3, True)])
def test_parts_can_be_dealt_in_100_ways_or_nothing_can_be_shown(ones: int, others: int, enough: bool) -> None:
    assert enough_units(ones, others) is enough


def test_what_is_expected_grows_with_the_reference() -> None:
    """Seen in four fifths of train 8% of the part and 4% of train are alike; in all of it 10% of the part."""
    found = compare(0.10, Hits(100, 8, 8), Hits(100, 4, 8))
    assert found.expected == pytest.approx(0.05)
    assert found.excess == pytest.approx(0.05)
