"""Are equal rows copies of one thing, or different things that look alike?  The evidence, without Spark.

A table of a few coarse columns holds equal rows by chance.  Chance leaves traces: where two rows agree in all columns,
others agree in all but one.  A copy leaves none.  So rows that differ from a row in exactly one column, its *near
misses*, are the yardstick:

- ``N_j``: pairs that differ in column j only; ``N_jk``: in j and k only.  Were two columns independent given all
  others, the odds that j agrees would be ``N_k / N_jk``, whatever is a copy.  ``rho = 1 / sum_j (N_jk / N_k)`` is the
  number of pairs that chance makes equal for each near miss.
- A column that others determine (``b = a - 3``, one of some flags, a total) has no near misses of its own: pairs of
  such columns are left out together, unless two that hardly ever agree in any two rows.
- Rows are told apart by their number s of near misses.  After Good and Turing (Good, 1953) chance makes
  ``rho (s + 1) R_{s+1}`` rows with s near misses equal to another, where R counts the rows that have no equal; in dense
  places, where every row has one, it makes ``1 - exp(-rho s)`` of them equal, and ``1 - (1 - exp(-rho s)) / (rho s)``
  equal to an earlier one.

The label is a column like others: a pair that differs in its label only is a near miss, and a sure coincidence.  That
no labels differ proves nothing, for labels may follow from the features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sparring.data.hashing import GOLDEN, MASK, mix

COPY, COINCIDENCE, UNDECIDED = "copy", "coincidence", "undecided"
# Of equal rows that are taken for copies, chance may explain so many, at the upper end of what it makes.
MOST_CHANCE = 0.05
# Rows that chance made equal and that may go with the copies: so many, or this share of all such rows.
LOST_ROWS, LOST_SHARE = 3.0, 0.01
# From this share on, chance explains equal rows.
CHANCE = 0.5
# Above this share of the table, equal rows are never copies by evidence alone.
MOST_REMOVED = 0.5
# Two columns agree together, where all others do, at most so many times as often as in any two rows; so rarely never.
AT_MOST_TIMES, NEGLIGIBLE = 3.0, 1e-3
MOST_PAIRS = 60
MOST_COLUMNS = 16
Subset = tuple[int, ...]
Count = Callable[[np.ndarray, Sequence[Subset]], np.ndarray]


@dataclass(frozen=True)
class DistinctRows:
    """Different rows of a table: all that occur twice or more, and some of the others.

    Attributes
    ----------
    hashes : ndarray of uint64, shape (n, columns)
        Hash of each cell.
    rows : ndarray of int64, shape (n,)
        How often each occurs.
    sampled : float
        Share of the rows without an equal that are among them.
    total : int
        Rows of the table.
    sampled_equal : float, default 1.0
        Share of the rows with an equal that are among them.
    """

    hashes: np.ndarray
    rows: np.ndarray
    sampled: float
    total: int
    sampled_equal: float = 1.0

    @property
    def weights(self) -> np.ndarray:
        """How many different rows of the table each stands for."""
        return np.where(self.rows > 1, 1.0 / self.sampled_equal, 1.0 / self.sampled)

    @property
    def surplus(self) -> np.ndarray:
        """How many rows of the table are equal to an earlier one, as each stands for; shape (n,)."""
        return np.where(self.rows > 1, self.weights * (self.rows - 1), 0.0)


@dataclass(frozen=True)
class Weighed:
    """What the evidence says.

    Attributes
    ----------
    status : ndarray of str, shape (n,)
        Of each of the :class:`DistinctRows`: copy, coincidence or undecided; rows that occur once are ``""``.
    chance : ndarray of float64, shape (n,)
        Share of the equal rows like this one that chance explains, in [0, 1].
    ratio : float
        Equal pairs that chance makes for each near miss.
    near_misses : ndarray of int64, shape (n,)
    expected : float
        Surplus rows that chance makes, in all.
    """

    status: np.ndarray
    chance: np.ndarray
    ratio: float
    near_misses: np.ndarray
    expected: float


def keys_of(hashes: np.ndarray, left_out: Subset) -> np.ndarray:
    """Return what rows share that agree in all columns but those left out; shape (n,), uint64."""
    # A sum, so that leaving a column out is one subtraction; scrambled, so that subsets do not meet.
    total = hashes.sum(axis=1, dtype=np.uint64)
    for column in left_out:
        total = total - hashes[:, column]
    salt = sum((at + 1) << (12 * place) for place, at in enumerate(left_out)) * GOLDEN & MASK
    return mix(total + np.uint64(salt))


class KeyCounter:
    """Counts, for each wanted row and each subset left out, the rows of a table that agree with it.

    Parameters
    ----------
    wanted : ndarray of uint64, shape (n, columns)
    subsets : sequence of tuple of int
    """

    def __init__(self, wanted: np.ndarray, subsets: Sequence[Subset]) -> None:
        self.subsets = list(subsets)
        self._keys: list[np.ndarray] = []
        self._places: list[np.ndarray] = []
        for subset in self.subsets:
            keys, places = np.unique(keys_of(wanted, subset), return_inverse=True)
            self._keys.append(keys)
            self._places.append(places)
        self.sizes = [len(keys) for keys in self._keys]

    def count(self, hashes: np.ndarray) -> np.ndarray:
        """Return how often each key occurs in a batch of rows, all subsets one after the other."""
        return np.concatenate([self._one(at, hashes) for at in range(len(self.subsets))] or [np.zeros(0, np.int64)])

    def _one(self, at: int, hashes: np.ndarray) -> np.ndarray:
        keys, found = self._keys[at], keys_of(hashes, self.subsets[at])
        places = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
        return np.bincount(places[keys[places] == found], minlength=len(keys))

    def by_row(self, counted: np.ndarray) -> np.ndarray:
        """Return the counts of all batches, added up, as shape (n, subsets)."""
        ends = np.cumsum([0, *self.sizes])
        columns = [counted[ends[at] : ends[at + 1]][places] for at, places in enumerate(self._places)]
        return np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.int64)


def weigh(distinct: DistinctRows, count: Count) -> Weighed:
    """Return whether the equal rows of a table are copies.

    Parameters
    ----------
    distinct : DistinctRows
    count : callable
        From hashes and subsets to the number of rows of the whole table that agree with each of these rows in all
        columns but the subset, shape (n, subsets): see :class:`KeyCounter`.

    Notes
    -----
    Cost: two passes over the table, by ``count``; at most 16 subsets and 300.

    Examples
    --------
    >>> rows = np.arange(600, dtype=np.uint64).reshape(200, 3) + np.uint64(1)
    >>> hashes, twice = mix(rows), np.where(np.arange(200) < 3, 2, 1)
    >>> table = hashes[np.repeat(np.arange(200), twice)]
    >>> found = weigh(DistinctRows(hashes, twice, 1.0, 203), lambda wanted, subsets: count_in(table, wanted, subsets))
    >>> found.status[:4].tolist()
    ['copy', 'copy', 'copy', '']
    """
    columns = distinct.hashes.shape[1]
    singles: list[Subset] = [(at,) for at in range(columns)]
    own = distinct.rows[:, None]
    one = count(distinct.hashes, singles) - own
    pairs_by_column = _pairs(distinct, one)
    lonely = np.flatnonzero(pairs_by_column == 0)
    both, some = list(combinations(lonely.tolist(), 2)), _some_pairs(np.flatnonzero(pairs_by_column > 0))
    alone = [tuple(at for at in range(columns) if at not in pair) for pair in both]
    subsets = [*both, *alone, *some]
    two = count(distinct.hashes, subsets) - own if subsets else np.zeros((len(own), 0), np.int64)
    together = _pairs(distinct, two[:, len(both) : 2 * len(both)]) / float(distinct.total) ** 2
    matters = AT_MOST_TIMES * together > NEGLIGIBLE
    misses = one.sum(axis=1) + two[:, : len(both)][:, matters].sum(axis=1)
    otherwise = min(1.0, AT_MOST_TIMES * float(together.max(initial=0.0)))
    ratio = _ratio(pairs_by_column, some, _pairs(distinct, two[:, 2 * len(both) :]), otherwise)
    return _told(distinct, misses, ratio)


def count_in(table: np.ndarray, wanted: np.ndarray, subsets: Sequence[Subset]) -> np.ndarray:
    """Return the counts of :func:`weigh` for a table in memory, shape (rows, columns)."""
    counter = KeyCounter(wanted, subsets)
    return counter.by_row(counter.count(table))


def _pairs(distinct: DistinctRows, others: np.ndarray) -> np.ndarray:
    """Return the pairs of rows that each subset tells apart, or fewer."""
    return (distinct.weights * distinct.rows) @ others


def _some_pairs(columns: np.ndarray) -> list[Subset]:
    """Return pairs of columns, each column in several of them."""
    every: list[Subset] = [(int(a), int(b)) for a, b in combinations(columns, 2)]
    # By distance, so that every column is met soon; the same ones always.
    every.sort(key=lambda pair: (pair[1] - pair[0], pair))
    return every[:MOST_PAIRS]


def _ratio(singles: np.ndarray, subsets: Sequence[Subset], at_most: np.ndarray, otherwise: float) -> float:
    """Return rho, see the module; ``otherwise`` where too few columns have near misses to estimate it."""
    twos, ones = np.zeros(len(singles)), np.zeros(len(singles))
    for (a, b), pairs in zip(subsets, at_most, strict=True):
        differ_in_both = pairs - singles[a] - singles[b]
        for column, other in ((a, b), (b, a)):
            twos[column] += differ_in_both
            ones[column] += singles[other]
    known = ones > 0
    odds_against = float((twos[known] / ones[known]).sum())
    if odds_against > 0:
        return 1.0 / odds_against
    # Near misses of one column alone say nothing of how often it agrees.
    return 1.0 if (singles > 0).any() else otherwise


def _told(distinct: DistinctRows, misses: np.ndarray, ratio: float) -> Weighed:
    """Return the status of every row from its near misses, in strata of like numbers."""
    rows, weights, surplus = distinct.rows, distinct.weights, distinct.surplus
    stratum = np.where(misses > 0, np.log2(np.maximum(misses, 1)).astype(np.int64) + 1, 0)
    alone = rows == 1
    strata = range(int(stratum.max(initial=0)) + 1)
    seen = np.array([surplus[stratum == at].sum() for at in strata], dtype=np.float64)
    scarce = np.array([_good_turing(misses, alone, at, ratio, distinct.sampled) for at in strata])
    mates = ratio * misses
    equal, beyond_first = weights * rows * -np.expm1(-mates), weights * rows * _beyond_first(mates)
    dense, dense_surplus = (np.array([made[stratum == at].sum() for at in strata]) for made in (equal, beyond_first))
    by_chance = np.maximum(scarce[:, 0], dense_surplus)
    upper, share = (
        np.divide(rows_made, seen, out=np.ones_like(seen), where=seen > 0).clip(0.0, 1.0)
        for rows_made in (np.maximum(scarce[:, 1], dense), by_chance)
    )
    status = np.where(upper <= MOST_CHANCE, COPY, np.where(share >= CHANCE, COINCIDENCE, UNDECIDED))
    made = np.minimum(by_chance, seen)
    lost = np.cumsum(made) > max(LOST_ROWS, LOST_SHARE * made.sum())
    # What is scarce may be a copy only where what is scarcer is one.
    unsure = np.logical_or.accumulate(((status != COPY) | lost) & (seen > 0))
    status = np.where((status == COPY) & unsure, UNDECIDED, status)
    if surplus.sum() > MOST_REMOVED * distinct.total:
        status = np.where(status == COPY, UNDECIDED, status)
    return Weighed(np.where(rows > 1, status[stratum], ""), share[stratum], ratio, misses, float(made.sum()))


def _beyond_first(mates: np.ndarray) -> np.ndarray:
    """Return the share of rows that are equal to an earlier one where a row has so many equals, Poisson distributed."""
    return 1 - np.divide(-np.expm1(-mates), mates, out=np.ones_like(mates), where=mates > 0)


def _good_turing(
    misses: np.ndarray, alone: np.ndarray, stratum: int, ratio: float, sampled: float
) -> tuple[float, float]:
    """Return the surplus rows that chance makes in a stratum, from the rows one near miss further; and at most."""
    low, high = (0, 1) if stratum == 0 else (2 ** (stratum - 1), 2**stratum)
    next_to = alone & (misses > low) & (misses <= high)
    found = int(next_to.sum())
    # One of two equal rows is surplus.
    made = float(ratio * misses[next_to].sum() / sampled) / 2
    # Few that were seen may stand for more.
    return made, 2 * made * (1 + 2 / np.sqrt(max(found, 1)))


def evidence_of(distinct: DistinctRows, found: Weighed) -> dict[str, Any]:
    """Return the statistics as plain values."""
    surplus = distinct.surplus
    by_status = {status: round(surplus[found.status == status].sum()) for status in (COPY, UNDECIDED, COINCIDENCE)}
    return {
        "equal_rows": round(surplus.sum()),
        "expected_by_chance": round(found.expected, 2),
        "equal_pairs_per_near_miss": round(found.ratio, 4),
        "rows_by_status": by_status,
    }
