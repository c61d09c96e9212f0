"""Local search on an allocation: single members move, or change places, while that lowers the deviation."""

from __future__ import annotations

import numpy as np

# Each change is a pass over signatures x parts, or over pairs of these when they are few.
MOST_CHANGES = 1_000
MOST_PAIRS = 250_000

Change = tuple[float, list[tuple[int, int, int]]]


def may_exchange(signatures: int, parts: int) -> bool:
    """Return whether pairs of (signature, part) are few enough to be looked at each time."""
    return (signatures * parts) ** 2 <= MOST_PAIRS


def improve(
    vectors: np.ndarray, given: np.ndarray, missing: np.ndarray, most: float = np.inf, move: bool = True
) -> None:
    """Lower the sum of squares of ``missing``.

    Parameters
    ----------
    vectors : ndarray, shape (n_signatures, n_classes)
        What one member of a signature counts.
    given : ndarray of int, shape (n_signatures, n_parts)
        Members of each part; changed in place.
    missing : ndarray, shape (n_parts, n_classes)
        Share less what was given; changed in place.
    most : float, default inf
        A part takes no more members of one signature than this.
    move : bool, default True
        Else members only change places: every part keeps as many.

    Notes
    -----
    At most ``MOST_CHANGES`` changes, each the best there is; deterministic.
    """
    for _ in range(MOST_CHANGES):
        changes = [_best_move(vectors, given, missing, most)] if move else []
        if may_exchange(*given.shape):
            changes.append(_best_exchange(vectors, given, missing, most))
        gain, moves = min(changes, default=(0.0, []))
        if not gain < -1e-9:
            return
        for at, source, target in moves:
            given[at, [source, target]] += (-1, 1)
            missing[source] += vectors[at]
            missing[target] -= vectors[at]


def fill(vectors: np.ndarray, given: np.ndarray, missing: np.ndarray, filled: np.ndarray) -> None:
    """Move a member to each part that has none, from parts with two or more, for the least growth of the deviation.

    Parameters
    ----------
    vectors, given, missing : ndarray
        As for :func:`improve`.
    filled : ndarray of bool, shape (n_parts,)
        Parts that are not empty even without members.
    """
    empty = np.flatnonzero((given.sum(axis=0) == 0) & ~filled)
    for target in empty:
        spare = given.sum(axis=0) > np.where(filled, 0, 1)
        if not spare.any():
            break
        pull = vectors @ missing.T
        growth = np.einsum("sc,sc->s", vectors, vectors)[:, None] + pull - pull[:, [target]]
        growth = np.where((given > 0) & spare, np.round(growth, 9), np.inf)
        at, source = np.unravel_index(int(np.argmin(growth)), growth.shape)
        given[at, [source, target]] += (-1, 1)
        missing[source] += vectors[at]
        missing[target] -= vectors[at]
    if len(empty):
        improve(vectors, given, missing, move=False)


def _best_move(vectors: np.ndarray, given: np.ndarray, missing: np.ndarray, most: float) -> Change:
    """Return the growth of the deviation, negative when it falls, and the best (signature, from, to)."""
    pull = vectors @ missing.T
    source = np.where(given > 0, pull, np.inf)
    target = np.where(given < most, pull, -np.inf)
    growth = np.einsum("sc,sc->s", vectors, vectors) + source.min(axis=1) - target.max(axis=1)
    at = int(np.argmin(np.round(growth, 9)))
    return float(growth[at]), [(at, int(np.argmin(source[at])), int(np.argmax(target[at])))]


def _best_exchange(vectors: np.ndarray, given: np.ndarray, missing: np.ndarray, most: float) -> Change:
    """Return the same for two members that change places."""
    pull = vectors @ missing.T
    # left[s, p, q]: half the growth, without the squares, when a member of s goes from p to q.
    may = (given > 0)[:, :, None] & (given < most)[:, None, :]
    left = np.where(may, pull[:, :, None] - pull[:, None, :], np.inf)
    flat = left.reshape(len(vectors), -1)
    back = left.transpose(0, 2, 1).reshape(len(vectors), -1)
    squares = ((vectors[:, None, :] - vectors[None, :, :]) ** 2).sum(axis=2)
    growth = np.array([(flat[at] + back).min(axis=1) for at in range(len(vectors))]) + squares
    one, other = np.unravel_index(int(np.argmin(np.round(growth, 9))), growth.shape)
    source, target = divmod(int(np.argmin(flat[one] + back[other])), given.shape[1])
    return float(growth[one, other]), [(int(one), source, target), (int(other), target, source)]
