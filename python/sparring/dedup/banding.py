"""Which rows are worth comparing: signatures cut into bands, and how many of which length.

Two rows of similarity s share a band of r places with probability ``s**r``, and one of b bands with
``1 - (1 - s**r)**b`` (Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, section 3.4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparring.data.hashing import constants, mix

POINTS = 512


class Bands(NamedTuple):
    """Number of bands, and places of a signature in each."""

    number: int
    rows: int

    def probability(self, similarity: np.ndarray) -> np.ndarray:
        """Return the probability that two rows of that similarity share a band."""
        return 1 - (1 - similarity**self.rows) ** self.number


def choose_bands(threshold: float, size: int, false_positive_weight: float, false_negative_weight: float) -> Bands:
    """Return the bands with the least weighted error.

    The error is ``fp * integral(P, 0, threshold) + fn * integral(1 - P, threshold, 1)``, P being
    :meth:`Bands.probability`; false positives cost a comparison each, false negatives are lost.

    Parameters
    ----------
    threshold : float in (0, 1)
    size : int
        Places of a signature; ``number * rows <= size``.
    false_positive_weight, false_negative_weight : float

    Examples
    --------
    >>> choose_bands(0.8, 128, 0.5, 0.5)
    Bands(number=9, rows=13)
    """
    below = (np.arange(POINTS) + 0.5) / POINTS * threshold
    above = threshold + (np.arange(POINTS) + 0.5) / POINTS * (1 - threshold)
    best, least = Bands(1, 1), np.inf
    for rows in range(1, size + 1):
        for number in range(1, size // rows + 1):
            bands = Bands(number, rows)
            lost = (1 - bands.probability(above)).mean() * (1 - threshold)
            error = false_positive_weight * bands.probability(below).mean() * threshold + false_negative_weight * lost
            if error < least - 1e-12:
                best, least = bands, error
    return best


def band_hashes(signatures: np.ndarray, bands: Bands, seed: int) -> np.ndarray:
    """Return one number a band: equal, in practice, for equal places of the same band only.

    Parameters
    ----------
    signatures : ndarray of uint32, shape (n_rows, size)
    bands : Bands
    seed : int

    Returns
    -------
    ndarray of int64, shape (n_rows, bands.number)
    """
    used = signatures[:, : bands.number * bands.rows].astype(np.uint64)
    places = used.reshape(len(signatures), bands.number, bands.rows)
    hashes = np.broadcast_to(constants(seed, bands.number), places.shape[:2]).copy()
    for at in range(bands.rows):
        hashes = mix(hashes ^ places[:, :, at])
    return hashes.view(np.int64)
