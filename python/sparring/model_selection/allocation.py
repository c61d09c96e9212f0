"""How many rows or groups of each kind go to each part: pure arithmetic on counts, no data.

Kinds are interchangeable members: the rows of a class, or the groups with the same class counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

# Local search: each change is a pass over signatures x parts, or over pairs of signatures when these are few.
MOST_CHANGES = 1_000
MOST_EXCHANGED = 100
# Ways to deal a handful of groups: 3 parts and 10 groups have 59,049.
MOST_WAYS = 60_000


def apportion(sizes: Mapping[str, int], weights: Sequence[float]) -> dict[str, list[int]]:
    """Divide the members of each kind among the parts by largest remainder.

    Parameters
    ----------
    sizes : mapping of str to int
        Kind -> number of members.
    weights : sequence of float
        Share of each part; they sum to 1.

    Returns
    -------
    dict of str to list of int
        Kind -> members of each part: the share rounded down or up.  Of two equal remainders the part that has
        received least so far, over all kinds, is rounded up, so that the totals too stay near their shares.

    Examples
    --------
    >>> apportion({"0": 7, "1": 3}, [0.7, 0.1, 0.2])
    {'0': [5, 1, 1], '1': [2, 0, 1]}
    """
    shares = np.asarray(weights, dtype=np.float64)
    owed = np.zeros(len(shares))
    answer: dict[str, list[int]] = {}
    for kind in sorted(sizes):
        ideal = sizes[kind] * shares
        # Products such as 0.7 * 10 fall just below a whole number.
        given = np.floor(ideal + 1e-9).astype(np.int64)
        remainder = np.round(ideal - given, 9)
        order = np.lexsort((np.arange(len(shares)), -np.round(owed, 9), -remainder))
        given[order[: sizes[kind] - given.sum()]] += 1
        owed += ideal - given
        answer[kind] = given.tolist()
    return answer


def allocate_groups(
    signatures: Mapping[str, Sequence[int]], members: Mapping[str, int], weights: Sequence[float], seed: int = 0
) -> dict[str, list[int]]:
    """Divide groups among parts so that every class comes as near its share as whole groups allow.

    Groups with the same class counts (one *signature*) are interchangeable.  Signatures are dealt from large to
    small, in an order that the seed decides among those of like size, each one to the parts that miss most of their
    share: what dealing group by group would give, in one step.  So every part gets its share of the large groups
    too; to give them where most *rows* are missing would make all of them train.  Then single groups move, or change
    places, while that brings the classes nearer their shares.  A handful of groups is dealt in every possible way
    instead: the one taken leaves no part without a class if it can, and has the least worst deviation.

    Parameters
    ----------
    signatures : mapping of str to sequence of int, length n_classes
        Signature -> rows of each class in one such group.
    members : mapping of str to int
        Signature -> number of groups.
    weights : sequence of float
        Share of each part; they sum to 1.
    seed : int, default 0

    Returns
    -------
    dict of str to list of int
        Signature -> groups of each part.

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
    if len(weights) ** sum(members.values()) <= MOST_WAYS:
        return _best_of_all(signatures, members, np.asarray(weights, dtype=np.float64))
    counts = np.array([members[name] for name in names], dtype=np.int64)
    vectors = np.array([signatures[name] for name in names], dtype=np.float64)
    totals = vectors.T @ counts
    # A deviation counts in units of its usual size, the square root: a rare class is neither lost nor all.
    vectors /= np.sqrt(np.maximum(totals, 1))
    shares = np.asarray(weights, dtype=np.float64)
    missing = shares[:, None] * (vectors.T @ counts)
    given = np.zeros((len(names), len(weights)), dtype=np.int64)
    norms = np.einsum("sc,sc->s", vectors, vectors)
    for at in _dealing_order(names, norms, seed):
        given[at] = _pour(counts[at], missing @ vectors[at] / norms[at], shares)
        missing -= given[at][:, None] * vectors[at]
    _improve(vectors, given, missing)
    return {name: row.tolist() for name, row in zip(names, given, strict=True)}


def _best_of_all(
    signatures: Mapping[str, Sequence[int]], members: Mapping[str, int], shares: np.ndarray
) -> dict[str, list[int]]:
    groups = [name for name in sorted(signatures) for _ in range(members[name])]
    vectors = np.array([signatures[name] for name in groups])
    ways = np.indices((len(shares),) * len(groups)).reshape(len(groups), -1).T
    chosen = ways[:, :, None] == np.arange(len(shares))
    rows = np.einsum("wgp,gc->wpc", chosen, vectors)
    deviations = rows - shares[:, None] * vectors.sum(axis=0)
    empty = (rows == 0).sum(axis=(1, 2))
    worst = np.round(np.abs(deviations).max(axis=(1, 2)), 9)
    squares = np.round((deviations**2).sum(axis=(1, 2)), 6)
    best = chosen[np.lexsort((squares, worst, empty))[0]]
    return {name: best[[group == name for group in groups]].sum(axis=0).tolist() for name in sorted(signatures)}


def _dealing_order(names: Sequence[str], norms: np.ndarray, seed: int) -> np.ndarray:
    """Return signatures from large to small, those within an octave of size in the order of their hashes."""
    digests = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    hashes = np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)
    octaves = np.floor(np.round(np.log2(norms) / 2, 9))
    return np.lexsort((hashes, -octaves))


def _pour(count: int, demand: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return how many of ``count`` like groups each part gets, as if each went where the largest fraction is missing.

    ``demand`` is the number of such groups that each part misses; its fraction is that of the part's share.
    """
    order = np.argsort(-demand / shares, kind="stable")
    levels = (np.cumsum(demand[order]) - count) / np.cumsum(shares[order])
    level = levels[np.flatnonzero(demand[order] / shares[order] > levels)[-1]]
    given = np.floor(np.maximum(demand - level * shares, 0) + 1e-9).astype(np.int64)
    for _ in range(count - given.sum()):
        given[np.argmax(np.round((demand - given - 1) / shares, 9))] += 1
    return given


def _improve(vectors: np.ndarray, given: np.ndarray, missing: np.ndarray) -> None:
    """Move or exchange single groups while that lowers the deviation; ``given`` and ``missing`` change in place."""
    for _ in range(MOST_CHANGES):
        changes = [_best_move(vectors, given, missing)]
        if len(vectors) <= MOST_EXCHANGED:
            changes.append(_best_exchange(vectors, given, missing))
        gain, moves = min(changes)
        if gain > -1e-9:
            return
        for at, source, target in moves:
            given[at, [source, target]] += (-1, 1)
            missing[source] += vectors[at]
            missing[target] -= vectors[at]


Change = tuple[float, list[tuple[int, int, int]]]


def _best_move(vectors: np.ndarray, given: np.ndarray, missing: np.ndarray) -> Change:
    """Return the growth of the deviation, negative when it falls, and the best (signature, from, to)."""
    pull = vectors @ missing.T
    source = np.where(given > 0, pull, np.inf)
    growth = np.einsum("sc,sc->s", vectors, vectors) + source.min(axis=1) - pull.max(axis=1)
    at = int(np.argmin(np.round(growth, 9)))
    return float(growth[at]), [(at, int(np.argmin(source[at])), int(np.argmax(pull[at])))]


def _best_exchange(vectors: np.ndarray, given: np.ndarray, missing: np.ndarray) -> Change:
    """Return the same for two groups that change places."""
    pull = vectors @ missing.T
    # left[s, p, q]: half the growth, without the squares, when a group of s goes from p to q.
    left = np.where(given[:, :, None] > 0, pull[:, :, None] - pull[:, None, :], np.inf)
    flat = left.reshape(len(vectors), -1)
    back = left.transpose(0, 2, 1).reshape(len(vectors), -1)
    squares = ((vectors[:, None, :] - vectors[None, :, :]) ** 2).sum(axis=2)
    growth = np.array([(flat[at] + back).min(axis=1) for at in range(len(vectors))]) + squares
    one, other = np.unravel_index(int(np.argmin(np.round(growth, 9))), growth.shape)
    source, target = divmod(int(np.argmin(flat[one] + back[other])), given.shape[1])
    moves = [(int(one), source, target), (int(other), target, source)]
    return float(growth[one, other]), moves
