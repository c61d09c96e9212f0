"""How many rows or groups of each kind go to each part: pure arithmetic on counts, no data.

Kinds are interchangeable members: the rows of a class, or the groups with the same class counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from sparring.model_selection.improvement import fill, improve, may_exchange

# Ways to distribute a handful of groups: 3 parts and 10 groups have 59,049.
MOST_WAYS = 60_000
# Weight of a part's size beside its classes: it decides between ways that serve the classes equally well.
SIZE = 0.01
# Orders of distributing that are tried while profiles are few and the best is not yet within a row of every share.
STARTS = 12


def apportion(
    sizes: Mapping[str, int], weights: Sequence[float], held: Mapping[str, Sequence[int]] | None = None
) -> dict[str, list[int]]:
    """Divide the members of each kind among the parts by largest remainder.

    Parameters
    ----------
    sizes : mapping of str to int
        Kind -> number of members.
    weights : sequence of float
        Share of each part; they sum to 1.
    held : mapping of str to sequence of int, optional
        Kind -> members that each part has already and keeps; shares are of old and new together.

    Returns
    -------
    dict of str to list of int
        Kind -> members for each part: the share rounded down or up.  Of two equal remainders the part that has
        received least so far, over all kinds, is rounded up, so that the totals too stay near their shares.  A part
        that holds more than its share gets none, the others share its excess.

    Examples
    --------
    >>> apportion({"0": 7, "1": 3}, [0.7, 0.1, 0.2])
    {'0': [5, 1, 1], '1': [2, 0, 1]}
    >>> apportion({"0": 4}, [0.5, 0.5], held={"0": [5, 3]})
    {'0': [1, 3]}
    """
    shares = np.asarray(weights, dtype=np.float64)
    owed = np.zeros(len(shares))
    answer: dict[str, list[int]] = {}
    for kind in sorted(sizes):
        kept = np.asarray((held or {}).get(kind, [0] * len(shares)), dtype=np.float64)
        ideal = _level_out(sizes[kind], shares * (sizes[kind] + kept.sum()) - kept, shares)
        # Products such as 0.7 * 10 fall just below a whole number.
        given = np.floor(ideal + 1e-9).astype(np.int64)
        remainder = np.round(ideal - given, 9)
        order = np.lexsort((np.arange(len(shares)), -np.round(owed, 9), -remainder))
        given[order[: sizes[kind] - given.sum()]] += 1
        owed += ideal - given
        answer[kind] = given.tolist()
    return answer


def allocate_groups(
    signatures: Mapping[str, Sequence[int]],
    members: Mapping[str, int],
    weights: Sequence[float],
    seed: int = 0,
    held: Sequence[Sequence[int]] | None = None,
) -> dict[str, list[int]]:
    """Divide groups among parts so that every class comes as near its share as whole groups allow.

    Groups with the same class counts (one *profile*) are interchangeable.  Profiles are distributed from large to
    small, in an order that the seed decides among those of like size, each one to the parts that miss most of their
    share: what distributing group by group would give, in one step.  So every part gets its share of the large groups
    too; to give them where most *rows* are missing would make all of them train.  Then single groups move, or change
    places, while that brings the classes nearer their shares.  While profiles are few, several orders are tried
    and the best outcome is kept; a handful of groups is distributed in every possible way.  The best leaves no part
    without a class if it can, and has the least worst deviation; of equally good ones the sizes of its parts are
    nearest their shares.  No part stays empty while another has two groups.

    Parameters
    ----------
    signatures : mapping of str to sequence of int, length n_classes
        Profile -> rows of each class in one such group.
    members : mapping of str to int
        Profile -> number of groups.
    weights : sequence of float
        Share of each part; they sum to 1.
    seed : int, default 0
    held : sequence, shape (n_parts, n_classes), optional
        Rows that each part has already and keeps; shares are of old and new rows together.

    Returns
    -------
    dict of str to list of int
        Profile -> groups of each part.

    Notes
    -----
    O(signatures x parts x classes), the moves as much again each; the number of groups does not enter.

    Examples
    --------
    >>> allocate_groups({"a": [1, 0], "b": [0, 1]}, {"a": 8, "b": 4}, [0.5, 0.5])
    {'a': [4, 4], 'b': [2, 2]}
    >>> allocate_groups({"big": [40], "single": [1]}, {"big": 1, "single": 60}, [0.5, 0.5])
    {'big': [1, 0], 'single': [10, 50]}
    """
    names = sorted(signatures)
    shares = np.asarray(weights, dtype=np.float64)
    counts = np.array([members[name] for name in names], dtype=np.int64)
    rows = np.array([signatures[name] for name in names], dtype=np.float64)
    kept = np.zeros((len(shares), rows.shape[1])) if held is None else np.asarray(held, dtype=np.float64)
    rows, kept = _with_size(rows), _with_size(kept)
    if len(shares) ** sum(members.values()) <= MOST_WAYS:
        best = _best_of_all(rows, counts, shares, kept)
    else:
        best = _best_of_some(names, rows, counts, shares, kept, seed)
    return {name: row.tolist() for name, row in zip(names, best, strict=True)}


def _with_size(counts: np.ndarray) -> np.ndarray:
    """Return class counts with the size as one more class, which weighs little, and says whether a part is empty."""
    return np.hstack([counts, SIZE / counts.shape[1] * counts.sum(axis=1, keepdims=True)])


def _best_of_all(rows: np.ndarray, counts: np.ndarray, shares: np.ndarray, kept: np.ndarray) -> np.ndarray:
    kinds = np.repeat(np.arange(len(counts)), counts)
    ways = np.indices((len(shares),) * len(kinds)).reshape(len(kinds), -1).T
    chosen = ways[:, :, None] == np.arange(len(shares))
    found = kept + np.einsum("wgp,gc->wpc", chosen, rows[kinds])
    best = chosen[np.lexsort(badness(found, shares)[::-1])[0]]
    given = np.zeros((len(counts), len(shares)), dtype=np.int64)
    np.add.at(given, kinds, best)
    return given


def _best_of_some(
    names: Sequence[str], rows: np.ndarray, counts: np.ndarray, shares: np.ndarray, kept: np.ndarray, seed: int
) -> np.ndarray:
    # A deviation counts in units of its usual size, the square root: a rare class is neither lost nor all.
    totals = rows.T @ counts + kept.sum(axis=0)
    scale = np.sqrt(np.maximum(totals, 1))
    scale[-1] = scale[:-1].max()
    few = may_exchange(len(names), len(shares))
    tried: list[tuple[tuple[float, ...], np.ndarray]] = []
    for start in range(STARTS if few else 1):
        order = _distribution_order(names, rows / scale, seed + start)
        ways = [_distribute(rows / scale, counts, shares, kept / scale, order)]
        if few:
            # The same in plain rows, which the worst deviation is in: better at times where groups are few and large.
            ways.append(ways[0].copy())
            improve(rows, ways[1], shares[:, None] * totals - kept - ways[1].T @ rows)
        for way in ways:
            fill(rows, way, shares[:, None] * totals - kept - way.T @ rows, kept.sum(axis=1) > 0)
        tried += [(tuple(float(one) for one in badness(kept + way.T @ rows, shares)), way) for way in ways]
        if min(bad for bad, _ in tried) < (0, 1):
            break
    return min(tried, key=lambda one: one[0])[1]


def badness(found: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what makes one allocation worse than another, most important first.

    Parameters
    ----------
    found : ndarray, shape (..., n_parts, n_classes)
        Rows of each class in each part.
    shares : ndarray, shape (n_parts,)

    Returns
    -------
    tuple of three ndarray
        Parts without a class that has rows; the worst deviation in rows; the sum of squares of all deviations.
    """
    totals = found.sum(axis=-2, keepdims=True)
    deviations = found - shares[:, None] * totals
    empty = ((found == 0) & (totals > 0)).sum(axis=(-2, -1))
    return empty, np.round(np.abs(deviations).max(axis=(-2, -1)), 9), np.round((deviations**2).sum(axis=(-2, -1)), 6)


def _distribution_order(names: Sequence[str], vectors: np.ndarray, seed: int) -> np.ndarray:
    """Return signatures from large to small, those within an octave of size in the order of their hashes."""
    digests = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    hashes = np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)
    octaves = np.floor(np.round(np.log2(np.einsum("sc,sc->s", vectors, vectors)) / 2, 9))
    return np.lexsort((hashes, -octaves))


def _distribute(
    vectors: np.ndarray, counts: np.ndarray, shares: np.ndarray, kept: np.ndarray, order: np.ndarray
) -> np.ndarray:
    missing = shares[:, None] * (vectors.T @ counts + kept.sum(axis=0)) - kept
    given = np.zeros((len(vectors), len(shares)), dtype=np.int64)
    norms = np.einsum("sc,sc->s", vectors, vectors)
    for at in order:
        given[at] = _pour(counts[at], missing @ vectors[at] / norms[at], shares)
        missing -= given[at][:, None] * vectors[at]
    improve(vectors, given, missing)
    return given


def _pour(count: int, demand: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return how many of ``count`` like groups each part gets, as if each went where the largest fraction is missing.

    ``demand`` is the number of such groups that each part misses; its fraction is that of the part's share.
    """
    given = np.floor(_level_out(count, demand, shares) + 1e-9).astype(np.int64)
    for _ in range(count - given.sum()):
        given[np.argmax(np.round((demand - given - 1) / shares, 9))] += 1
    return given


def _level_out(count: int, demand: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return ``count`` divided so that what parts still miss is in proportion to their shares, none below 0."""
    order = np.argsort(-demand / shares, kind="stable")
    levels = (np.cumsum(demand[order]) - count) / np.cumsum(shares[order])
    level = levels[np.flatnonzero(demand[order] / shares[order] >= levels)[-1]]
    return np.maximum(demand - level * shares, 0)
