"""Is an overlap more than the table's own?  Overlap of a part with train against overlap within train, without Spark.

Rows of a table of coarse or dependent columns are equal, or alike, however it is split.  How often, no model of the
columns says, for they depend on each other; the table itself does:

- A row of train is counted when *another unit* of train (group, cluster, key or row) has a row like it.
- A row of the other part is counted when train has a row like it, one unit of train being left out, each in turn.

Both look in as many rows, and of an honest split neither is privileged: the two shares differ by chance only.  What a
part has beyond the share within train was known in training because of the split.

Chance is that of clusters: rows that are like each other are counted together or not at all, and so, in part, are those
of a unit.  With V the variance of a count of hits x under such clusters (two ways, after Cameron, Gelbach and Miller,
2011), x counts like ``x^2 / V`` independent ones.  Two such counts are compared by the conditional test of two Poisson
rates, with half of the probability of what was observed (mid-p; Lancaster, 1961).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

# Level of the one-sided test that an overlap exceeds the one within train.
ALPHA = 0.01
# A hit within train comes in pairs: each of two rows has the other.
PAIR = 2.0
# So few rows that are alike tell nothing of how they came to be.
LEAST_ALIKE = 3
# A count of nearly all rows varies little, but its variance is known only so well.
LEAST_EFFECT = 0.05


@dataclass(frozen=True)
class Hits:
    """How many of ``rows`` have a row like them, and how much that may vary.

    Attributes
    ----------
    rows : float
    hits : float
    variance : float
        Of ``hits``, as clusters of rows make it; 0 when there is no hit.
    """

    rows: float
    hits: float
    variance: float

    @property
    def share(self) -> float:
        """Hits per row."""
        return self.hits / self.rows if self.rows else 0.0

    @property
    def effect(self) -> float:
        """Variance per hit: 1 for rare and independent ones."""
        return max(self.variance / self.hits, LEAST_EFFECT) if self.hits else 1.0


def clustered(rows: np.ndarray, hits: np.ndarray, total: float | None = None) -> Hits:
    """Return the hits of rows in clusters.

    Parameters
    ----------
    rows, hits : ndarray, shape (clusters,)
        Of each cluster.
    total : float, optional
        All rows; those beyond ``rows`` are no hits.

    Examples
    --------
    >>> clustered(np.array([1, 3, 1, 1]), np.array([0, 3, 0, 0]), 100.0).effect > 2.5
    True
    """
    total = float(rows.sum()) if total is None else total
    share = float(hits.sum()) / total if total else 0.0
    variance = float(((hits - share * rows) ** 2).sum()) + max(0.0, total - float(rows.sum())) * share**2
    return Hits(total, float(hits.sum()), variance)


def enough_units(ones: float, others: float) -> bool:
    """Return whether units can go to two parts in so many ways that a test of level :data:`ALPHA` can reject.

    Examples
    --------
    >>> enough_units(3, 1), enough_units(20, 5)
    (False, True)
    """
    ways = special.gammaln(ones + others + 1) - special.gammaln(ones + 1) - special.gammaln(others + 1)
    return bool(ways >= -np.log(ALPHA))


def among_units(sides: Sequence[Hits], units: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Hits]:
    """Return hits with the variance that units add to that of independent rows.

    Parameters
    ----------
    sides : sequence of Hits
    units : sequence of (rows, hits), ndarray of shape (units,)
        Of some units of each side, or of all.

    Notes
    -----
    How much the rates of units vary is estimated from both sides together, each about its own mean, so that a part of a
    single unit has a variance too; and widened by Student's t for as few units as there are.
    """
    freedom = sum(len(rows) - 1 for rows, _ in units)
    if freedom < 1:
        return list(sides)
    between, independent, weight = 0.0, 0.0, 0.0
    for rows, hits in units:
        share = float(hits.sum() / max(rows.sum(), 1.0))
        between += float(((hits - share * rows) ** 2).sum())
        independent += float(rows.sum()) * share * (1 - share)
        weight += _squares(rows)
    seen = sum(len(rows) for rows, _ in units)
    of_rates = max(0.0, between * seen / freedom - independent) / weight
    wider = float(special.stdtrit(freedom, 1 - ALPHA) / special.ndtri(1 - ALPHA)) ** 2
    return [
        replace(side, variance=side.variance + wider * of_rates * _squares(rows) * side.rows / max(rows.sum(), 1.0))
        for side, (rows, _) in zip(sides, units, strict=True)
    ]


def _squares(rows: np.ndarray) -> float:
    return float((rows.astype(np.float64) ** 2).sum())


def excess_p(part: Hits, within: Hits) -> float:
    """Return the one-sided p that ``part`` has no larger share of hits than ``within`` train.

    Parameters
    ----------
    part : Hits
        Of rows of a part, in train.
    within : Hits
        Of rows of train, in other units of train.

    Examples
    --------
    >>> round(excess_p(Hits(200, 5, 5), Hits(600, 0, 0)), 4)
    0.0051
    """
    if not part.hits or not within.rows or part.share <= within.share:
        return 1.0
    # No pair within train tells how hits come: at least in pairs, and together as in the part.
    effect = within.effect if within.hits else max(PAIR, part.effect)
    found, known = part.hits / part.effect, within.hits / effect
    weights = part.rows / part.effect, within.rows / effect
    share = weights[0] / sum(weights)
    at_least = special.betainc(found, known + 1, share)
    more = special.betainc(found + 1, known, share) if known else 0.0
    return float((at_least + more) / 2)


def beyond_gap(rows: int, alike: int, above: int, below: int) -> float:
    """Return the share of rows that are alike to another one although chance makes none such.

    Parameters
    ----------
    rows : int
    alike : int
        Rows whose best counterpart is alike, without being equal.
    above : int
        Rows whose best counterpart is alike or equal.
    below : int
        Rows whose best counterpart agrees in one column less.

    Notes
    -----
    Where chance makes rows alike it leaves more of them one step below, as long as it does not make most of them alike.
    So the share is 0 unless less than half of the rows are above, and of these twice as many alike as are below, and
    more than three.

    Examples
    --------
    >>> beyond_gap(200, 20, 22, 4), beyond_gap(200, 20, 22, 45), beyond_gap(200, 60, 200, 0)
    (0.1, 0.0, 0.0)
    """
    told = alike > max(LEAST_ALIKE, 2 * below) and above < rows / 2
    return alike / rows if told else 0.0


@dataclass(frozen=True)
class Comparison:
    """An overlap beside the one within train.

    Attributes
    ----------
    share : float
        Of the part's rows that train has the like of.
    expected : float
        What this share would be, were the part one more piece of train.
    p : float
        One-sided, that it is no more than that.
    """

    share: float
    expected: float
    p: float

    @property
    def excess(self) -> float:
        """What the split added."""
        return max(0.0, self.share - self.expected)

    @property
    def found(self) -> bool:
        """Whether chance does not explain the excess."""
        return self.excess > 0 and self.p < ALPHA


def compare(share: float, part: Hits, within: Hits) -> Comparison:
    """Return the comparison of a share, seen in all of train, with that within train.

    ``part`` and ``within`` are of one size of reference, a little smaller than train; in all of train the part has more
    hits, and rows of train would have more in the same measure.
    """
    larger = share / part.share if part.share else 1.0
    return Comparison(share, min(1.0, within.share * larger), excess_p(part, within))


def lesser(alike: Comparison, alike_or_equal: Comparison) -> Comparison:
    """Return the weaker of two comparisons of similar rows, without and with equal ones.

    Where rows of train have more equals than rows of a part, fewer of them are left that are only alike; where equal
    rows leaked, more rows are alike or equal.  Only what both show is a leak of similar rows.
    """
    excess = min(alike.excess, alike_or_equal.excess)
    return Comparison(alike.share, alike.share - excess, max(alike.p, alike_or_equal.p))
