"""Text to sets of hashed shingles, a whole Arrow array at a time.

Nothing here loops over texts: characters of all texts lie in one array, and a shingle's hash is a polynomial of the
hashes of its characters (or words), computed for all positions at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.dedup.hashing import GOLDEN, mix

BASE = np.uint64(0x9FB21C651E98DF25)
SPACE = 32
UNICODE_FORMS = ("NFC", "NFD", "NFKC", "NFKD", "none")
# A longer word's characters are weighted in cycles; a power of two.
LONGEST_WORD = 1 << 14
# Characters worked on at a time: they stay in the processor's cache.
BLOCK = 1 << 16


class Shingles(NamedTuple):
    """Hashed shingles of several texts, repeated ones included.

    Attributes
    ----------
    hashes : ndarray of uint64
    offsets : ndarray of int64, shape (n_texts + 1,)
        Shingles of text i are ``hashes[offsets[i]:offsets[i + 1]]``.
    """

    hashes: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True)
class TextRules:
    """What of a text counts.

    Attributes
    ----------
    unit : {"char", "word"}
        What a shingle is made of; words are separated by white space.
    size : int, >= 1
        Units a shingle.  A shorter text is one shingle, itself; an empty one has none.
    unicode : {"NFC", "NFKC", "NFD", "NFKD", "none"}
    lowercase : bool
    collapse_spaces : bool
        White space at the ends is dropped, elsewhere it is one space.
    """

    unit: str = "char"
    size: int = 5
    unicode: str = "NFKC"
    lowercase: bool = True
    collapse_spaces: bool = True

    def normalize(self, texts: pa.Array) -> pa.Array:
        """Return the texts as they are compared; null stays null."""
        data, _ = _bytes(texts)
        # Pure ASCII, the common case, has one form; and most texts have no white space to collapse.
        ascii_only = not (data & 0x80).any()
        if self.unicode != "none" and not ascii_only:
            texts = pc.utf8_normalize(texts, form=self.unicode)
        if self.lowercase:
            texts = pc.ascii_lower(texts) if ascii_only else pc.utf8_lower(texts)
        if self.collapse_spaces or self.unit == "word":
            if not ascii_only or _has_loose_spaces(data):
                texts = pc.replace_substring_regex(texts, r"\s+", " ")
            texts = pc.utf8_trim_whitespace(texts)
        return texts

    def shingles(self, texts: pa.Array) -> Shingles:
        """Return the shingles of ``texts``, which were normalised; null has none."""
        characters, offsets = _code_points(texts)
        found = [self._block(characters, offsets[cut]) for cut in _blocks(offsets)]
        counts = np.concatenate([[0], *(np.diff(block.offsets) for block in found)])
        return Shingles(np.concatenate([block.hashes for block in found]), np.cumsum(counts))

    def _block(self, characters: np.ndarray, offsets: np.ndarray) -> Shingles:
        characters, offsets = characters[offsets[0] : offsets[-1]], offsets - offsets[0]
        units = _mixed_characters(characters)
        if self.unit == "word":
            units, offsets = _words(characters, units, offsets)
        return _windows(units, offsets, self.size)


def _blocks(offsets: np.ndarray) -> list[slice]:
    """Return portions of consecutive texts, whose arrays stay in the processor's cache."""
    cuts = np.flatnonzero(np.diff(offsets[:-1] // BLOCK)) + 1
    edges = [0, *cuts.tolist(), len(offsets) - 1]
    return [slice(low, high + 1) for low, high in pairwise(edges)]


def _bytes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the UTF-8 bytes of all texts, without a copy if there is no null, and where each text's begin."""
    texts = pc.fill_null(texts, "")
    width = "<i8" if pa.types.is_large_string(texts.type) else "<i4"
    _, starts, values = texts.buffers()
    first = texts.offset
    if starts is None or values is None:
        return np.zeros(0, dtype=np.uint8), np.zeros(len(texts) + 1, dtype=np.int64)
    offsets = np.frombuffer(starts, dtype=width)[first : first + len(texts) + 1].astype(np.int64)
    held = memoryview(values)[offsets[0] : offsets[-1]]
    return np.frombuffer(held, dtype=np.uint8), offsets - offsets[0]


def _has_loose_spaces(data: np.ndarray) -> bool:
    """Return whether white space other than single spaces occurs in ASCII text."""
    if ((data >= 9) & (data <= 13)).any():
        return True
    spaces = data == SPACE
    return bool((spaces[1:] & spaces[:-1]).any())


def _code_points(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return all characters, uint32, and where each text's begin."""
    data, offsets = _bytes(texts)
    if not (data & 0x80).any():
        return data.astype(np.uint32), offsets
    leads = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80)])
    return np.frombuffer(data.tobytes().decode().encode("utf-32-le"), dtype="<u4"), leads[offsets]


def _mixed_characters(characters: np.ndarray) -> np.ndarray:
    """Return a pseudo-random number for each character, so that sums of them do not cancel."""
    top = int(characters.max(initial=0)) + 1
    if top <= 4 * len(characters) + 256:
        return mix(np.arange(1, top + 1, dtype=np.uint64) * np.uint64(GOLDEN))[characters]
    return mix((characters.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))


def _words(characters: np.ndarray, units: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all words, and where each text's begin."""
    inside = characters != SPACE
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    # The first character of a text begins a word, whatever the text before it ended with.
    firsts = offsets[:-1][np.diff(offsets) > 0]
    begins[firsts] = inside[firsts]
    starts = np.flatnonzero(begins)
    words_before = np.concatenate([[0], np.cumsum(begins)])
    if not len(starts):
        return units[:0], words_before[offsets]
    units = np.where(inside, units, np.uint64(0))
    return _polynomials(units, starts, words_before[1:]), words_before[offsets]


def _polynomials(units: np.ndarray, starts: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Return one hash a piece, from ``starts`` on; ``pieces`` counts those that have begun, at each unit."""
    place = np.arange(len(units)) - starts[np.maximum(pieces - 1, 0)]
    return mix(np.add.reduceat(units * _powers()[place & (LONGEST_WORD - 1)], starts))


def whole_hashes(texts: pa.Array) -> np.ndarray:
    """Return one hash a text, all of it; no text may be null or empty."""
    characters, offsets = _code_points(texts)
    if not len(characters):
        return np.zeros(0, dtype=np.uint64)
    pieces = np.repeat(np.arange(1, len(offsets)), np.diff(offsets))
    return _polynomials(_mixed_characters(characters), offsets[:-1], pieces)


@cache
def _powers() -> np.ndarray:
    return np.cumprod(np.concatenate([[np.uint64(1)], np.full(LONGEST_WORD - 1, BASE)]), dtype=np.uint64)


def _windows(units: np.ndarray, offsets: np.ndarray, size: int) -> Shingles:
    """Return the hash of every window of ``size`` units that lies in one text."""
    lengths = np.diff(offsets)
    counts = np.where(lengths > 0, np.maximum(lengths - size + 1, 1), 0)
    ends = np.concatenate([[0], np.cumsum(counts)])
    # Position of each window's first unit: windows of a text are consecutive.
    firsts = np.arange(ends[-1]) + np.repeat(offsets[:-1] - ends[:-1], counts)
    padded = np.concatenate([units, np.zeros(size, dtype=np.uint64)])
    everywhere = padded[: len(units)].copy()
    for step in range(1, size):
        everywhere *= BASE
        everywhere += padded[step : step + len(units)]
    hashes = everywhere[firsts]
    short = np.flatnonzero((lengths > 0) & (lengths < size))
    hashes[ends[short]] = _short(padded, offsets[short], lengths[short], size)
    return Shingles(mix(hashes), ends)


def _short(padded: np.ndarray, starts: np.ndarray, lengths: np.ndarray, size: int) -> np.ndarray:
    """Return the hash of each text of fewer units than a shingle."""
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for step in range(size):
        hashes *= BASE
        hashes += np.where(step < lengths, padded[starts + step], np.uint64(0))
    return hashes
