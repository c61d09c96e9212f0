"""Rows that share a band, as edges: linear in the rows, however many share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from sparring.dedup.arrow import bytes_of, portions, uint64_of

# In a bucket, all pairs of the first so many rows are compared.
FULL = 8
# Entries (a band's hash and the row's content, 24 bytes) that one task is to pair, on average, and the most tasks.
ENTRY_BYTES, TASK_ENTRIES, MOST_TASKS = 24, 1 << 20, 1 << 10
PAIR = "src_high long, src_low long, dst_high long, dst_low long"


def candidate_edges(banded: DataFrame, entries: int) -> DataFrame:
    """Return the pairs of contents that are worth comparing, each once.

    In a bucket, which is the rows that share a band, contents stand in order and copies count once.  The first eight
    are paired with each other; each later one with the first and with the one before it.  So a bucket of n contents
    has less than ``2 n + 28`` edges, and contents that share several bands have them once.

    Parameters
    ----------
    banded : DataFrame
        ``high``, ``low``: 128 bits of a row's content, longs; ``bands``: the hashes of its bands as little-endian
        bytes, 8 each, or null.
    entries : int
        Bands of all rows, about; decides on how many tasks they are spread.

    Returns
    -------
    DataFrame
        ``src_high, src_low, dst_high, dst_low``: two contents in order.

    Notes
    -----
    Cost: a shuffle of ``entries`` x 24 bytes in blocks, not rows, which spills; a task holds what it receives,
    some 25 MB up to 10**9 entries, in proportion beyond; then a shuffle of the edges.
    """
    tasks = min(max(banded.sparkSession.sparkContext.defaultParallelism, entries // TASK_ENTRIES), MOST_TASKS)
    # Spark spreads targets by their hash: with several a task, tasks differ less.
    blocks = banded.select("high", "low", "bands").mapInArrow(_scatter(4 * tasks), "target int, block binary")
    paired = blocks.repartition(tasks, "target").select("block").mapInArrow(_pair_blocks, PAIR)
    return paired.distinct()


def _scatter(targets: int) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function from rows to blocks of entries, one block a target and batch."""

    def scatter(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            banded = batch.filter(batch.column("bands").is_valid())
            yield from (_blocks(_entries(portion), targets) for portion in portions(banded))

    return scatter


def _blocks(entries: np.ndarray, targets: int) -> pa.RecordBatch:
    """Return the entries of each target that has some as one binary."""
    target = ((entries[:, 0] >> np.uint64(32)) * np.uint64(targets) >> np.uint64(32)).astype(np.uint16)
    order = np.argsort(target, kind="stable")
    ends = np.searchsorted(target[order], np.arange(targets + 1))
    offsets = (ENTRY_BYTES * ends).astype(np.int32)
    block = pa.Array.from_buffers(pa.binary(), targets, [None, pa.py_buffer(offsets), pa.py_buffer(entries[order])])
    columns = [pa.array(np.arange(targets, dtype=np.int32)), block]
    return pa.RecordBatch.from_arrays(columns, ["target", "block"]).filter(pa.array(np.diff(ends) > 0))


def _entries(batch: pa.RecordBatch) -> np.ndarray:
    """Return band, high and low of each band of each row: uint64 of shape (bands of all rows, 3)."""
    high, low = uint64_of(batch.column("high")), uint64_of(batch.column("low"))
    bands = bytes_of(batch.column("bands")).view("<u8").reshape(len(high), -1)
    once = first_of_equal(high, low)[0]
    entries = np.empty((len(once), bands.shape[1], 3), dtype="<u8")
    entries[:, :, 0] = bands[once]
    entries[:, :, 1] = high[once, None]
    entries[:, :, 2] = low[once, None]
    return entries.reshape(-1, 3)


def first_of_equal(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of one of each distinct pair of values, and for every pair the place of its like there."""
    order = np.lexsort((low, high))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.cumsum(new) - 1
    return order[new], places


def _pair_blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pair the contents of all buckets of one task."""
    blocks = [bytes_of(batch.column(0)).view("<u8").reshape(-1, 3) for batch in batches]
    if not blocks:
        return
    entries = _shared(np.concatenate(blocks))
    left, right = _edges(entries[:, 0])
    columns = [pa.array(entries[side, at].view(np.int64)) for side in (left, right) for at in (1, 2)]
    names = [field.split()[0] for field in PAIR.split(", ")]
    yield pa.RecordBatch.from_arrays(columns, names)


def _shared(entries: np.ndarray) -> np.ndarray:
    """Return the entries whose bucket holds others, and few more, each once, in order of bucket and content."""
    entries = entries[_perhaps_shared(entries[:, 0])]
    entries = entries[np.lexsort((entries[:, 2], entries[:, 1], entries[:, 0]))]
    new = np.ones(len(entries), dtype=bool)
    new[1:] = (entries[1:] != entries[:-1]).any(axis=1)
    return entries[new]


def _perhaps_shared(buckets: np.ndarray) -> np.ndarray:
    """Return the positions of numbers that occur again, and of a few others that begin like another one.

    Most buckets hold one row.  They are found by sorting numbers, which takes less time than sorting positions: the
    last bits of each number, which are as good as any others, make room for its position.
    """
    room = np.uint64(max(len(buckets), 1).bit_length())
    mask = (np.uint64(1) << room) - np.uint64(1)
    packed = np.sort((buckets & ~mask) | np.arange(len(buckets), dtype=np.uint64))
    alike = np.zeros(len(buckets) + 1, dtype=bool)
    alike[1:-1] = packed[1:] >> room == packed[:-1] >> room
    return (packed[alike[1:] | alike[:-1]] & mask).astype(np.int64)


def _edges(buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the entries to pair; ``buckets`` is sorted."""
    rows = np.arange(len(buckets))
    begins = np.ones(len(buckets), dtype=bool)
    begins[1:] = buckets[1:] != buckets[:-1]
    firsts = np.maximum.accumulate(np.where(begins, rows, 0))
    place = rows - firsts
    early = [(step, rows[(place > step) & (place < FULL)]) for step in range(FULL - 1)]
    late = rows[place >= FULL]
    left = [*(firsts[found] + step for step, found in early), firsts[late], late - 1]
    return np.concatenate(left), np.concatenate([*(found for _, found in early), late, late])
