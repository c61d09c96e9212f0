"""Text to sets of hashed shingles, a whole Arrow array at a time.

Nothing here loops over texts: characters of all texts lie in one array, and a shingle's hash is a polynomial of the
hashes of its characters (or words), computed for all positions at once.  A word is hashed once, eight bytes a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.data.hashing import GOLDEN, MASK, mix
from sparring.dedup.arrow import bytes_and_offsets

BASE = np.uint64(0x9FB21C651E98DF25)
SPACE = 32
# What Python's str.split takes for white space; Arrow's \\s is less.
WHITE_SPACE = r"[\s\pZ\x0b\x1c-\x1f\x{85}]+"
UNICODE_FORMS = ("NFC", "NFD", "NFKC", "NFKD", "none")
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
        data, _ = bytes_and_offsets(texts)
        # Pure ASCII, the common case, has one form; and most texts have no white space to collapse.
        ascii_only = not (data & 0x80).any()
        if self.unicode != "none" and not ascii_only:
            texts = pc.utf8_normalize(texts, form=self.unicode)
        if self.lowercase:
            texts = pc.ascii_lower(texts) if ascii_only else pc.utf8_lower(texts)
        if self.collapse_spaces or self.unit == "word":
            if not ascii_only or _has_loose_spaces(data):
                texts = pc.replace_substring_regex(texts, WHITE_SPACE, " ")
            texts = pc.utf8_trim(texts, " ")
        return texts

    def shingles(self, texts: pa.Array) -> Shingles:
        """Return the shingles of ``texts``, which were normalised; null has none."""
        characters, offsets = _code_points(texts) if self.unit == "char" else bytes_and_offsets(texts)
        found = [self._block(characters, offsets[cut]) for cut in _blocks(offsets)]
        counts = np.concatenate([[0], *(np.diff(block.offsets) for block in found)])
        return Shingles(np.concatenate([block.hashes for block in found]), np.cumsum(counts))

    def _block(self, characters: np.ndarray, offsets: np.ndarray) -> Shingles:
        characters, offsets = characters[offsets[0] : offsets[-1]], offsets - offsets[0]
        if self.unit == "word":
            return _windows(*_words(characters, offsets), self.size)
        return _windows(_mixed_characters(characters), offsets, self.size)


def _blocks(offsets: np.ndarray) -> list[slice]:
    """Return portions of consecutive texts, whose arrays stay in the processor's cache."""
    cuts = np.flatnonzero(np.diff(offsets[:-1] // BLOCK)) + 1
    edges = [0, *cuts.tolist(), len(offsets) - 1]
    return [slice(low, high + 1) for low, high in pairwise(edges)]


def _has_loose_spaces(data: np.ndarray) -> bool:
    """Return whether white space other than single spaces occurs in ASCII text."""
    if (((data >= 9) & (data <= 13)) | ((data >= 28) & (data <= 31))).any():
        return True
    spaces = data == SPACE
    return bool((spaces[1:] & spaces[:-1]).any())


def _code_points(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return all characters, uint32, and where each text's begin."""
    data, offsets = bytes_and_offsets(texts)
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


def _words(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all words, and where each text's begin."""
    inside = np.concatenate([data != SPACE, [False]])
    begins, ends = inside.copy(), inside.copy()
    begins[1:] &= ~inside[:-1]
    ends[:-1] &= ~inside[1:]
    # The first byte of a text begins a word, whatever the text before it ended with.
    filled = np.diff(offsets) > 0
    begins[offsets[:-1][filled]] = inside[offsets[:-1][filled]]
    ends[offsets[1:][filled] - 1] = inside[offsets[1:][filled] - 1]
    starts = np.flatnonzero(begins)
    return _piece_hashes(data, starts, np.flatnonzero(ends) + 1 - starts), np.searchsorted(starts, offsets)


def whole_hashes(texts: pa.Array) -> np.ndarray:
    """Return one hash a text, all of it; no text may be null or empty."""
    data, offsets = bytes_and_offsets(texts)
    return _piece_hashes(data, offsets[:-1], np.diff(offsets))


def _piece_hashes(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return one hash a piece of one or more bytes: its first eight, the sum of the mixed later eights, its length."""
    eights = np.zeros(len(data) // 8 + 2, dtype="<u8")
    eights.view(np.uint8)[: len(data)] = data
    hashes = _eight_bytes(eights, starts, lengths)
    long = np.flatnonzero(lengths > 8)
    if len(long):
        more = (lengths[long] - 1) // 8
        owners = np.repeat(long, more)
        places = np.arange(len(owners)) - np.repeat(np.cumsum(more) - more, more) + 1
        later = _eight_bytes(eights, starts[owners] + 8 * places, lengths[owners] - 8 * places)
        np.add.at(hashes, owners, mix(later ^ (places.astype(np.uint64) * np.uint64(GOLDEN))))
    return mix(hashes ^ (lengths.astype(np.uint64) * np.uint64(GOLDEN)))


def _eight_bytes(eights: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return up to eight bytes from each start on as one number, the first lowest."""
    at, shift = starts >> 3, ((starts & 7) << 3).astype(np.uint64)
    low = eights[at] >> shift
    # In two steps: a shift by 64 is undefined.
    low |= (eights[at + 1] << np.uint64(1)) << (np.uint64(63) - shift)
    bits = np.minimum(lengths, 8).astype(np.uint64) << np.uint64(3)
    low &= np.uint64(MASK) >> (np.uint64(64) - bits)
    return low


def _windows(units: np.ndarray, offsets: np.ndarray, size: int) -> Shingles:
    """Return the hash of every window of ``size`` units that lies in one text."""
    lengths = np.diff(offsets)
    counts = np.where(lengths > 0, np.maximum(lengths - size + 1, 1), 0)
    ends = np.concatenate([[0], np.cumsum(counts)])
    # Position of each window's first unit: windows of a text are consecutive.
    firsts = np.arange(ends[-1]) + np.repeat(offsets[:-1] - ends[:-1], counts)
    padded = np.concatenate([units, np.zeros(size, dtype=np.uint64)])
    hashes = _polynomials(padded, size)[firsts]
    short = np.flatnonzero((lengths > 0) & (lengths < size))
    hashes[ends[short]] = _short(padded, offsets[short], lengths[short], size)
    return Shingles(mix(hashes), ends)


def _polynomials(units: np.ndarray, size: int) -> np.ndarray:
    """Return the polynomial of the ``size`` units from each on, in O(log size) steps over all of them."""
    found, width = units, 1
    for bit in bin(size)[3:]:
        found = found[:-width] * np.uint64(pow(int(BASE), width, 1 << 64)) + found[width:]
        width *= 2
        if bit == "1":
            found = found[:-1] * BASE + units[width:]
            width += 1
    return found


def _short(padded: np.ndarray, starts: np.ndarray, lengths: np.ndarray, size: int) -> np.ndarray:
    """Return the hash of each text of fewer units than a shingle."""
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for step in range(size):
        hashes *= BASE
        hashes += np.where(step < lengths, padded[starts + step], np.uint64(0))
    return hashes
