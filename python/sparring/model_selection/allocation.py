"""How many rows or groups of each kind go to each part: pure arithmetic on counts, no data.

Kinds are interchangeable members: the rows of a class, or the groups with the same class counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


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
    signatures: Mapping[str, Sequence[int]], members: Mapping[str, int], weights: Sequence[float]
) -> dict[str, list[int]]:
    """Divide groups among parts so that every class comes as near its share as whole groups allow.

    Groups with the same class counts (one *signature*) are interchangeable: each signature's whole share is dealt
    at once, and only what is left over, fewer groups than parts for each signature, is placed one by one, largest
    first, where the squared deviation of the class counts grows least.

    Parameters
    ----------
    signatures : mapping of str to sequence of int, length n_classes
        Signature -> rows of each class in one such group.
    members : mapping of str to int
        Signature -> number of groups.
    weights : sequence of float
        Share of each part; they sum to 1.

    Returns
    -------
    dict of str to list of int
        Signature -> groups of each part.

    Notes
    -----
    O(signatures x parts x classes); the number of groups does not enter.

    Examples
    --------
    >>> allocate_groups({"a": [1, 0], "b": [0, 1]}, {"a": 8, "b": 4}, [0.5, 0.5])
    {'a': [4, 4], 'b': [2, 2]}
    """
    names = sorted(signatures)
    shares = np.asarray(weights, dtype=np.float64)
    vectors = np.array([signatures[name] for name in names], dtype=np.float64)
    counts = np.array([members[name] for name in names], dtype=np.int64)
    given = np.floor(counts[:, None] * shares + 1e-9).astype(np.int64)
    totals = vectors.T @ counts
    # Deviations are in units of a class's size, so that a rare class weighs as much as a common one.
    scale = 1.0 / np.maximum(totals, 1)
    missing = shares[:, None] * totals - given.T @ vectors
    _place_leftovers(vectors, counts - given.sum(axis=1), given, missing, scale)
    return {name: row.tolist() for name, row in zip(names, given, strict=True)}


def _place_leftovers(
    vectors: np.ndarray, leftovers: np.ndarray, given: np.ndarray, missing: np.ndarray, scale: np.ndarray
) -> None:
    """Place what the bulk left over; ``given`` and ``missing`` are updated in place."""
    sizes = vectors.sum(axis=1)
    for at in np.lexsort((np.arange(len(sizes)), -sizes)):
        vector = vectors[at]
        for _ in range(leftovers[at]):
            # (missing - vector)^2 - missing^2, the growth of the deviation, without its constant part.
            growth = -2 * missing @ (vector * scale**2)
            part = int(np.argmin(np.round(growth, 12)))
            given[at, part] += 1
            missing[part] -= vector
