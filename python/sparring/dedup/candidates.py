"""Rows that share a band, as edges: linear in the rows, however many share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# In a bucket, all pairs of the first so many rows are compared.
FULL = 8


def candidate_edges(banded: DataFrame, node: str, bands: str, seed: int) -> DataFrame:
    """Return the pairs of rows that are worth comparing, each once.

    In a bucket, which is the rows that share a band, rows stand in the order of a hash of their own, the same in
    every bucket.  The first eight are paired with each other; each later one with the first and with the one before
    it.  So a bucket of n rows has less than ``2 n + 28`` edges, and rows that share several bands have them once.

    Parameters
    ----------
    banded : DataFrame
    node : str
        Unique id, long or string.
    bands : str
        array<long>: one hash a band.
    seed : int

    Returns
    -------
    DataFrame
        ``src`` < ``dst``.

    Notes
    -----
    Cost: a shuffle and sort of rows x bands pairs (hash, id), which spills; a shuffle of the edges.
    """
    buckets = banded.select(F.explode(bands).alias("bucket"), F.xxhash64(F.lit(seed), node).alias("rank"), node)
    ordered = buckets.repartition("bucket").sortWithinPartitions("bucket", "rank", node)
    kind = banded.schema[node].dataType.simpleString()
    paired = ordered.select("bucket", node).mapInArrow(_pairs, f"src {kind}, dst {kind}")
    return paired.select(F.least("src", "dst").alias("src"), F.greatest("src", "dst").alias("dst")).distinct()


def _pairs(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pair rows that arrive bucket by bucket; of the last bucket so far, only what later rows need is kept."""
    kept_buckets, kept_nodes, seen = np.zeros(0, dtype=np.int64), None, 0
    for batch in batches:
        if not batch.num_rows:
            continue
        buckets = np.concatenate([kept_buckets, batch.column(0).to_numpy()])
        nodes = batch.column(1) if kept_nodes is None else pa.concat_arrays([kept_nodes, batch.column(1)])
        places = _places(buckets, seen, len(kept_buckets))
        left, right = _edges(places, len(kept_buckets))
        yield pa.RecordBatch.from_arrays([nodes.take(pa.array(left)), nodes.take(pa.array(right))], ["src", "dst"])
        last = np.flatnonzero(buckets == buckets[-1])
        seen = int(places[-1]) + 1
        # The first eight, and the one before the next.
        needed = last if len(last) <= FULL else np.append(last[:FULL], last[-1])
        kept_buckets, kept_nodes = buckets[needed], nodes.take(pa.array(needed))


def _places(buckets: np.ndarray, seen: int, kept: int) -> np.ndarray:
    """Return each row's place in its bucket, counted from 0.

    ``seen`` rows of the first bucket came before this batch; ``kept`` of them lead it.
    """
    starts = np.flatnonzero(np.concatenate([[True], buckets[1:] != buckets[:-1]]))
    places = np.arange(len(buckets)) - np.repeat(starts, np.diff(np.append(starts, len(buckets))))
    if seen > kept:
        first = places[: starts[1] if len(starts) > 1 else len(places)]
        first[kept - 1 :] += seen - kept
    return places


def _edges(places: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of the rows to pair; those among the first ``kept`` were paired before."""
    rows = np.arange(kept, len(places))
    place = places[kept:]
    # Where the row's bucket begins in the arrays; past the first eight a kept bucket is shorter than the place says.
    begins = np.maximum.accumulate(np.where(places == 0, np.arange(len(places)), 0))[kept:]
    paired = [(step, _wanted(place, step)) for step in range(FULL)]
    pairs = [(begins[wanted] + step, rows[wanted]) for step, wanted in paired]
    late = place >= FULL
    pairs.append((rows[late] - 1, rows[late]))
    return np.concatenate([one for one, _ in pairs]), np.concatenate([two for _, two in pairs])


def _wanted(place: np.ndarray, step: int) -> np.ndarray:
    """Return which rows are paired with the one at place ``step`` of their bucket."""
    return (place > step) & ((place < FULL) | (step == 0))
