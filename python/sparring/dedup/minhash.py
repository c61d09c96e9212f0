"""MinHash signatures of sets of hashes: whole batches in NumPy.

Two sets agree in a place of their signatures with the probability of their Jaccard similarity (Broder, "On the
resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import numpy as np

from sparring.data.hashing import MASK, constants, mix, mix_one
from sparring.dedup.text import Shingles

KERNELS = ("permutations", "one_permutation")
EMPTY = np.uint32(0xFFFFFFFF)
# Hashes worked on at a time: with all permutations they stay in the processor's cache.
BLOCK = 1 << 16


def signatures(sets: Shingles, size: int, seed: int, kernel: str = "permutations") -> np.ndarray:
    """Return the signature of every set.

    Parameters
    ----------
    sets : Shingles
    size : int
        Places of a signature.
    seed : int
    kernel : {"permutations", "one_permutation"}
        ``permutations``: the minimum under ``size`` hash functions ``a * h + b mod 2**32``, a odd; O(hashes x size).
        ``one_permutation``: the minimum in each of ``size`` bins of one hash, empty bins filled from a fixed random
        sequence of others (Li, Owen and Zhang, "One Permutation Hashing", 2012; Shrivastava, "Optimal Densification
        for Fast and Accurate Minwise Hashing", 2017); O(hashes + size), less accurate for sets smaller than
        ``size``.

    Returns
    -------
    ndarray of uint32, shape (n_sets, size)
        All ones for an empty set.
    """
    found = np.full((len(sets.offsets) - 1, size), EMPTY, dtype=np.uint32)
    make = _permuted if kernel == "permutations" else _binned
    filled = np.flatnonzero(np.diff(sets.offsets) > 0)
    for members in _blocks(filled, sets.offsets):
        begins, ends = sets.offsets[members[0]], sets.offsets[members[-1] + 1]
        hashes = sets.hashes[begins:ends]
        found[members] = make(hashes, sets.offsets[members] - begins, size, seed)
    return found


def _blocks(filled: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    """Return the sets that are not empty in consecutive portions of some ``BLOCK`` hashes."""
    if not len(filled):
        return []
    cuts = np.flatnonzero(np.diff(offsets[filled] // BLOCK)) + 1
    return np.split(filled, cuts)


def _permuted(hashes: np.ndarray, starts: np.ndarray, size: int, seed: int) -> np.ndarray:
    short = (hashes >> np.uint64(32)).astype(np.uint32)
    drawn = constants(seed, 2 * size).astype(np.uint32)
    factors, summands = drawn[:size] | np.uint32(1), drawn[size:]
    found = np.empty((size, len(starts)), dtype=np.uint32)
    permuted = np.empty_like(short)
    for at in range(size):
        np.multiply(short, factors[at], out=permuted)
        np.add(permuted, summands[at], out=permuted)
        np.minimum.reduceat(permuted, starts, out=found[at])
    return found.T


def _binned(hashes: np.ndarray, starts: np.ndarray, size: int, seed: int) -> np.ndarray:
    mixed = mix(hashes ^ constants(seed, 1)[0])
    bins = ((mixed >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)
    owners = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(hashes))))
    found = np.full(len(starts) * size, EMPTY, dtype=np.uint32)
    values = np.minimum(mixed.astype(np.uint32), EMPTY - np.uint32(1))
    np.minimum.at(found, owners * size + bins.astype(np.int64), values)
    return _densified(found.reshape(len(starts), size), seed)


def _densified(sparse: np.ndarray, seed: int) -> np.ndarray:
    """Fill each empty bin from the first full one of its own sequence of bins, the same for every set."""
    dense, size = sparse.copy(), sparse.shape[1]
    owners, bins = np.nonzero(sparse == EMPTY)
    attempt = 0
    while len(owners):
        attempt += 1
        other = donors(size, seed, attempt)
        given = sparse[owners, other[bins]]
        dense[owners, bins] = given
        still = given == EMPTY
        owners, bins = owners[still], bins[still]
    return dense


def donors(size: int, seed: int, attempt: int) -> np.ndarray:
    """Return for each bin the bin that it is filled from at an attempt."""
    start = (mix_one((seed + attempt) & MASK)) & MASK
    draws = mix(np.arange(size, dtype=np.uint64) + np.uint64(start))
    return ((draws >> np.uint64(32)) * np.uint64(size) >> np.uint64(32)).astype(np.int64)
