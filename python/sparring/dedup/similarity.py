"""Exact similarity of pairs: whole batches in NumPy."""

from __future__ import annotations

import numpy as np

from sparring.dedup.text import Shingles

# Pairs compared at a time: their number and 52 bits of a hash share one sortable word.
PAIRS = 1 << 12
HASH_BITS = np.uint64(52)


def jaccard(left: Shingles, right: Shingles) -> np.ndarray:
    """Return the Jaccard similarity of the sets that stand side by side.

    Parameters
    ----------
    left, right : Shingles
        Of as many texts; repeated shingles count once.

    Returns
    -------
    ndarray of float64
        0 where a set is empty.  Exact unless two shingles of a pair agree in 52 bits of their hashes: with 1,000 of
        them in 1 of 10**9 pairs.
    """
    pairs = len(left.offsets) - 1
    found = [_jaccard(left, right, low, min(low + PAIRS, pairs)) for low in range(0, pairs, PAIRS)]
    return np.concatenate(found) if found else np.zeros(0)


def _jaccard(left: Shingles, right: Shingles, low: int, high: int) -> np.ndarray:
    one, other = _distinct(left, low, high), _distinct(right, low, high)
    both = np.concatenate([one, other])
    both.sort()
    shared = _count(both[1:][both[1:] == both[:-1]], high - low)
    together = _count(one, high - low) + _count(other, high - low) - shared
    return np.divide(shared, together, out=np.zeros(high - low), where=together > 0)


def _distinct(sets: Shingles, low: int, high: int) -> np.ndarray:
    """Return pair and hash in one word, each once, in order."""
    offsets = sets.offsets[low : high + 1]
    pairs = np.repeat(np.arange(high - low, dtype=np.uint64), np.diff(offsets))
    words = (pairs << HASH_BITS) | (sets.hashes[offsets[0] : offsets[-1]] >> (np.uint64(64) - HASH_BITS))
    words.sort()
    return words[np.concatenate([[True], words[1:] != words[:-1]])] if len(words) else words


def _count(words: np.ndarray, pairs: int) -> np.ndarray:
    return np.bincount((words >> HASH_BITS).astype(np.int64), minlength=pairs).astype(np.float64)
