"""64-bit hashes of whole arrays in NumPy: the same on every machine, no seed but the one given."""

from __future__ import annotations

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def mix(values: np.ndarray) -> np.ndarray:
    """Return a scrambled copy: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014), a bijection.

    Parameters
    ----------
    values : ndarray of uint64

    Examples
    --------
    >>> int(mix(np.array([1], dtype=np.uint64))[0]) == mix_one(1)
    True
    """
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def mix_one(value: int) -> int:
    """Return :func:`mix` of one Python integer below 2**64."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def constants(seed: int, count: int) -> np.ndarray:
    """Return ``count`` pseudo-random uint64: the SplitMix64 stream of ``seed``."""
    return np.array([mix_one((seed * GOLDEN + (at + 1) * GOLDEN) & MASK) for at in range(count)], dtype=np.uint64)
