"""Every row of one side compared with every row of the other: exact, in blocks, by NumPy and SciPy.

The smaller side (*held*) is broadcast; the other one streams by in Arrow batches.  For a block of 256 held and 4,096
streaming rows

* numbers and categories are small whole numbers, their codes on the held side; a column costs one comparison of a
  column of codes with a row of codes and one addition to a matrix of bytes;
* texts are sparse 0/1 matrices of shingles, ``held @ batch.T`` counts the shared ones;
* missing values are counted by a product of two 0/1 matrices.

Of each held row only the best so far is kept, so that memory is that of one block, and the result has one line a held
row however many rows stream by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.spark.batches import map_batches
from sparring.spark.reserved import quoted

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import Column, DataFrame
    from scipy.sparse import csr_matrix

    from sparring.dedup.text import TextRules

HELD_BLOCK, STREAM_BLOCK = 256, 4_096
# Text is bulkier: a block of it holds fewer rows.
TEXT_BLOCK = 512
UNKNOWN, ABSENT = -1, -2
NOWHERE = -3


class Alike(NamedTuple):
    """The best counterpart of each held row: similarity and its id; -1 and None where there was no row.

    ``by_fold`` and ``ids_by_fold`` hold the same of each fold, shape (folds, held).
    """

    similarity: np.ndarray
    ids: np.ndarray
    by_fold: np.ndarray
    ids_by_fold: np.ndarray


@dataclass(frozen=True)
class ReferenceRows:
    """Rows held in memory, encoded for comparison.

    Attributes
    ----------
    codes : ndarray of int32, shape (columns, rows)
        Position of each value among the column's distinct ones; missing values have a code of their own.
    values : list of Array
        Distinct values by column.
    shingles : list of (vocabulary, matrix, sizes)
        One a text.
    rules : TextRules
    """

    codes: np.ndarray
    values: list[pa.Array]
    shingles: list[tuple[np.ndarray, csr_matrix, np.ndarray]]
    rules: TextRules | None

    @classmethod
    def of(cls, plain: Sequence[pa.Array], texts: Sequence[pa.Array], rules: TextRules | None = None) -> ReferenceRows:
        """Encode rows: ``plain`` columns are compared by equality, ``texts`` by the Jaccard similarity of shingles."""
        codes, values = [], []
        for column in plain:
            encoded = _plain(column).dictionary_encode()
            codes.append(encoded.indices.fill_null(NOWHERE).to_numpy().astype(np.int32))
            values.append(encoded.dictionary)
        shingles = []
        for column in texts:
            rules = rules or _default_rules()
            hashes, offsets = rules.shingles(rules.normalize(column))
            vocabulary = np.unique(hashes)
            matrix = _matrix(np.searchsorted(vocabulary, hashes), offsets, len(vocabulary))
            shingles.append((vocabulary, matrix, np.diff(matrix.indptr)))
        rows = len(plain[0] if plain else texts[0])
        return cls(np.array(codes, dtype=np.int32).reshape(len(codes), rows), values, shingles, rules)

    def __len__(self) -> int:
        return self.codes.shape[1]

    def similarities(self, plain: Sequence[pa.Array], texts: Sequence[pa.Array]) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the similarity of a block of held rows (given by its slice) with all rows of a batch.

        The mean over the columns of 1 for equal values, else 0, and of the Jaccard similarity of texts; columns
        that are missing on either side do not count.
        """
        stream = np.array([self._codes(at, column) for at, column in enumerate(plain)], dtype=np.int32).reshape(
            len(plain), len(plain[0] if plain else texts[0])
        )
        matrices = [self._shingles(at, column) for at, column in enumerate(texts)]
        absent = np.vstack([stream == ABSENT, *(sizes[None] == 0 for _, sizes in matrices)]).astype(np.float32)
        gone = np.vstack([self.codes == NOWHERE, *(sizes[None] == 0 for _, _, sizes in self.shingles)])
        for begin in range(0, len(self), HELD_BLOCK):
            block = slice(begin, min(begin + HELD_BLOCK, len(self)))
            lost = gone[:, block].astype(np.float32)
            total = len(absent) - lost.sum(0)[:, None] - absent.sum(0)[None, :] + lost.T @ absent
            agreeing = self._agreeing(block, stream) + self._shared(block, matrices)
            yield block, np.divide(agreeing, total, out=np.zeros_like(total), where=total > 0.5)

    def _codes(self, at: int, column: pa.Array) -> np.ndarray:
        known = _plain(column)
        codes = pc.index_in(known, value_set=self.values[at]).fill_null(UNKNOWN).to_numpy()
        return np.where(known.is_null().to_numpy(zero_copy_only=False), ABSENT, codes)

    def _shingles(self, at: int, column: pa.Array) -> tuple[csr_matrix, np.ndarray]:
        """Return the batch's shingles that held texts have too, and how many each text has of any kind."""
        from scipy.sparse import csr_matrix

        assert self.rules is not None
        vocabulary = self.shingles[at][0]
        hashes, offsets = self.rules.shingles(self.rules.normalize(column))
        own, places = np.unique(hashes, return_inverse=True)
        every = _matrix(places, offsets, len(own))
        found = np.minimum(np.searchsorted(vocabulary, own), max(len(vocabulary) - 1, 0))
        known = np.flatnonzero(vocabulary[found] == own) if len(vocabulary) else np.zeros(0, dtype=np.int64)
        # A 0/1 matrix that renames the batch's shingles, and forgets those that no held text has.
        renamed = (np.ones(len(known), dtype=np.float32), (known, found[known]))
        return every @ csr_matrix(renamed, shape=(len(own), len(vocabulary))), np.diff(every.indptr)

    def _agreeing(self, block: slice, stream: np.ndarray) -> np.ndarray:
        count = np.zeros(
            (block.stop - block.start, stream.shape[1]), dtype=np.uint8 if len(stream) < 256 else np.uint16
        )
        same = np.empty(count.shape, dtype=bool)
        for held, other in zip(self.codes[:, block], stream, strict=True):
            np.equal(held[:, None], other[None, :], out=same)
            count += same.view(np.uint8)
        return count.astype(np.float32)

    def _shared(self, block: slice, matrices: list[tuple[csr_matrix, np.ndarray]]) -> np.ndarray | float:
        similar: np.ndarray | float = 0.0
        for (_, held, sizes), (stream, others) in zip(self.shingles, matrices, strict=True):
            shared = (held[block] @ stream.T).toarray()
            either = sizes[block][:, None] + others[None, :] - shared
            similar = similar + np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
        return similar


def _plain(column: pa.Array) -> pa.Array:
    """Return numbers as double with null for NaN and 0.0 for -0.0, anything else as text."""
    if pa.types.is_floating(column.type):
        numbers = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) + 0.0
        return pa.array(numbers, from_pandas=True)
    return column.cast(pa.string())


def _default_rules() -> TextRules:
    # A worker imports this module; what only texts need is imported for them.
    from sparring.dedup.text import TextRules

    return TextRules()


def _matrix(places: np.ndarray, offsets: np.ndarray, width: int) -> csr_matrix:
    """Return a 0/1 matrix; repeated places count once."""
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((np.ones(len(places), dtype=np.float32), places, offsets), shape=(len(offsets) - 1, width))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def best_alike(
    stream: DataFrame,
    identity: str,
    plain: list[str],
    texts: list[str],
    held: ReferenceRows,
    fold: Column | None = None,
    folds: int = 1,
) -> Alike:
    """Return for each held row the most similar row of ``stream``, of all and of each fold.

    Parameters
    ----------
    stream : DataFrame
    identity : str
        A text column that names its rows; of equally similar ones the smallest is named.
    plain, texts : list of str
        The columns that ``held`` was made of, in this order.
    held : ReferenceRows
    fold : Column, optional
        Number of a row's fold, below ``folds``; by default all are in fold 0.
    folds : int, default 1

    Notes
    -----
    Cost: one pass over ``stream``; a broadcast of ``held``; the driver sees one line a held row, fold and task.
    """
    from sparring.engine import functions as F

    broadcast = stream.sparkSession.sparkContext.broadcast(held)
    number = (F.lit(0) if fold is None else fold).cast("int").alias("sparring__piece")
    columns = stream.select(number, identity, *[quoted(name) for name in [*plain, *texts]])
    schema = "held int, fold int, similarity float, id string"
    found = map_batches(columns, _best(broadcast, len(plain), folds), schema).toPandas()
    broadcast.unpersist()
    found = found.sort_values(["held", "similarity", "id"], ascending=[True, False, True])
    by_fold, ids_by_fold = np.full((folds, len(held)), -1.0), np.full((folds, len(held)), None, dtype=object)
    of_fold = found.drop_duplicates(["held", "fold"])
    places = of_fold["fold"].to_numpy(), of_fold["held"].to_numpy()
    by_fold[places], ids_by_fold[places] = of_fold["similarity"], of_fold["id"]
    found = found.drop_duplicates("held")
    similarity, ids = np.full(len(held), -1.0), np.full(len(held), None, dtype=object)
    similarity[found["held"]], ids[found["held"]] = found["similarity"], found["id"]
    return Alike(similarity, ids, by_fold, ids_by_fold)


def _best(
    broadcast: Broadcast[ReferenceRows], width: int, folds: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def best(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = broadcast.value
        shape = folds, len(held)
        similarity, ids = np.full(shape, -1.0, dtype=np.float32), np.full(shape, None, dtype=object)
        size = TEXT_BLOCK if held.shingles else STREAM_BLOCK
        for batch in batches:
            for fold, rows in _by_fold(batch):
                for begin in range(0, rows.num_rows, size):
                    _improve(held, rows.slice(begin, size), width, similarity[fold], ids[fold])
        folds_seen, seen = (at.astype(np.int32) for at in np.nonzero(similarity >= 0))
        best_ids = pa.array(ids[folds_seen, seen], pa.string())
        columns = [seen, folds_seen, similarity[folds_seen, seen], best_ids]
        yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], ["held", "fold", "similarity", "id"])

    return best


def _by_fold(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    folds = batch.column(0).to_numpy()
    rows = pa.RecordBatch.from_arrays(batch.columns[1:], batch.schema.names[1:])
    for fold in np.unique(folds):
        yield int(fold), rows.take(pa.array(np.flatnonzero(folds == fold)))


def _improve(held: ReferenceRows, batch: pa.RecordBatch, width: int, similarity: np.ndarray, ids: np.ndarray) -> None:
    """Replace what was best so far where the batch has something better, or as good with a smaller id."""
    order = pa.compute.sort_indices(batch.column(0))
    batch = batch.take(order)
    names = batch.column(0).to_numpy(zero_copy_only=False)
    for block, similar in held.similarities(batch.columns[1 : 1 + width], batch.columns[1 + width :]):
        at = similar.argmax(axis=1)
        value = similar[np.arange(len(at)), at].astype(np.float32)
        before = similarity[block]
        tied = (value == before) & (ids[block] > names[at]) if (value == before).any() else np.zeros(len(at), bool)
        better = (value > before) | tied
        similarity[block][better] = value[better]
        ids[block][better] = names[at][better]
