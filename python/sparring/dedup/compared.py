"""What of two rows is compared: text by its shingles, categories by equality, numbers within a tolerance.

The same declared columns give a row's tokens, whose signatures find candidates, and the exact similarity of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.data.hashing import constants, mix
from sparring.data.numbers import text_of
from sparring.dedup.similarity import jaccard
from sparring.dedup.text import Shingles, TextRules, whole_hashes
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import StructType

MISSING = ("skip", "mismatch", "match")


@dataclass(frozen=True)
class ComparedColumns:
    """Columns of a table and how two values of each are compared.

    Attributes
    ----------
    texts, categories, numbers : sequence of str
        Similarity of a column: Jaccard of shingles; 1 if equal, else 0; 1 if within the tolerance, else 0.
    tolerances : sequence of float, >= 0
        One a number.
    weights : sequence of float, > 0
        One a column, texts first, then categories, then numbers.
    rules : TextRules
    missing : {"skip", "mismatch", "match"}
        A column that is missing on either side (null, NaN, a text without characters): does not count; counts as
        different; counts as equal when missing on both sides, else as different.
    """

    texts: Sequence[str]
    categories: Sequence[str]
    numbers: Sequence[str]
    tolerances: Sequence[float]
    weights: Sequence[float]
    rules: TextRules = field(default_factory=TextRules)
    missing: str = "skip"

    @property
    def names(self) -> list[str]:
        """All columns, in the order of the weights."""
        return [*self.texts, *self.categories, *self.numbers]

    def selected(self, schema: StructType) -> list[Column]:
        """Return the columns as a batch is to hold them: text and categories as text, numbers as double."""

        as_text = [text_of(named(name), schema[name].dataType) for name in (*self.texts, *self.categories)]
        as_number = [named(name).cast("double") for name in self.numbers]
        return [column.alias(f"_c{at}") for at, column in enumerate([*as_text, *as_number])]

    def tokens(self, columns: Sequence[pa.Array]) -> tuple[Shingles, np.ndarray]:
        """Return the tokens of each row, each column's under a salt of its own, and which rows miss no value."""
        parts = [self._column_tokens(at, column) for at, column in enumerate(columns)]
        complete = np.all([np.diff(part.offsets) > 0 for part in parts], axis=0)
        if len(parts) == 1:
            return parts[0], complete
        salts = constants(len(self.names), len(self.names))
        salted = [Shingles(mix(part.hashes ^ salts[at]), part.offsets) for at, part in enumerate(parts)]
        return _joined(salted), complete

    def similarity(self, columns: Sequence[pa.Array], left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the weighted mean, over the columns, of the similarities of pairs of rows.

        Parameters
        ----------
        columns : sequence of Array
            Compared columns of some rows.
        left, right : ndarray of int64, shape (n_pairs,)
            Positions of the rows of each pair.

        Returns
        -------
        ndarray of float64, shape (n_pairs,)
            0 where no column counts.
        """
        total, counted = np.zeros(len(left)), np.zeros(len(left))
        for at, weight in enumerate(self.weights):
            similar, absent = self._column_similarity(at, columns[at], left, right)
            one, both = absent[left] ^ absent[right], absent[left] & absent[right]
            if self.missing == "match":
                similar = np.where(both, 1.0, similar)
            counts = ~(one | both) if self.missing == "skip" else np.ones(len(similar), dtype=bool)
            total += weight * similar * counts
            counted += weight * counts
        return np.divide(total, counted, out=np.zeros_like(total), where=counted > 0)

    def _column_similarity(
        self, at: int, column: pa.Array, left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the similarity of one column of each pair, and in which rows it is missing."""
        if at < len(self.texts) + len(self.categories):
            sets = self._column_tokens(at, column)
            return jaccard(sets, left, right), np.diff(sets.offsets) == 0
        tolerance = self.tolerances[at - len(self.texts) - len(self.categories)]
        numbers = _numbers(column)
        apart = np.abs(numbers[left] - numbers[right])
        return (apart <= tolerance).astype(np.float64), ~np.isfinite(numbers)

    def _column_tokens(self, at: int, column: pa.Array) -> Shingles:
        if at < len(self.texts):
            return self.rules.shingles(self.rules.normalize(column))
        if at < len(self.texts) + len(self.categories):
            return _values(column)
        return _cells(_numbers(column), self.tolerances[at - len(self.texts) - len(self.categories)])


def _values(column: pa.Array) -> Shingles:
    """Return one token for each category, that of its text; none for null."""
    encoded = column.dictionary_encode()
    # An empty text is a category too, hence the beginning.
    hashes = whole_hashes(pc.binary_join_element_wise("v", encoded.dictionary, ":"))
    valid = encoded.indices.is_valid().to_numpy(zero_copy_only=False)
    chosen = hashes[encoded.indices.drop_null().to_numpy()]
    return Shingles(chosen, np.concatenate([[0], np.cumsum(valid)]))


def _numbers(column: pa.Array) -> np.ndarray:
    """Return float64 with NaN for null, and 0.0 for -0.0."""
    return column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) + 0.0


def _cells(numbers: np.ndarray, tolerance: float) -> Shingles:
    """Return the cells that a number lies in: of two grids, so that numbers within the tolerance share one."""
    valid = np.isfinite(numbers)
    ends = np.concatenate([[0], np.cumsum(valid)])
    if tolerance == 0:
        return Shingles(mix(numbers[valid].view(np.uint64)), ends)
    with np.errstate(over="ignore"):
        grids = [np.floor((numbers[valid] + shift) / (2 * tolerance)) + 0.0 for shift in (0.0, tolerance)]
    hashes = [mix(grid.view(np.uint64) ^ np.uint64(salt)) for salt, grid in enumerate(grids)]
    return Shingles(np.stack(hashes, axis=1).ravel(), 2 * ends)


def _joined(parts: Sequence[Shingles]) -> Shingles:
    """Return the tokens of all parts, row by row."""
    counts = [np.diff(part.offsets) for part in parts]
    offsets = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0))])
    hashes = np.empty(offsets[-1], dtype=np.uint64)
    begins = offsets[:-1].copy()
    for part, count in zip(parts, counts, strict=True):
        hashes[np.arange(len(part.hashes)) + np.repeat(begins - part.offsets[:-1], count)] = part.hashes
        begins += count
    return Shingles(hashes, offsets)
