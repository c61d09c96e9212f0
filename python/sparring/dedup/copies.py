"""Telling copies from coincidences in a table that Spark holds; the statistic is in :mod:`sparring.dedup.evidence`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sparring.data.canonical import cell_hash
from sparring.data.hashing import mix
from sparring.data.numbers import text_of
from sparring.data.reading import IDENTITY, Reading, identity_of
from sparring.dedup.evidence import (
    COINCIDENCE,
    COPY,
    MOST_COLUMNS,
    UNDECIDED,
    DistinctRows,
    KeyCounter,
    Subset,
    Weighed,
    evidence_of,
    weigh,
)
from sparring.spark.collected import to_arrow
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

CELLS, ROWS, LABEL = "sparring__cells", "sparring__rows", "sparring__label"
MOST_EQUAL, MOST_ALONE = 20_000, 10_000
CHUNKS = 4


@dataclass(frozen=True)
class Copies:
    """What the equal rows of a table are.

    Attributes
    ----------
    decision : {"none", "copies", "coincidences", "cannot_tell", "mixed"}
        ``none``: no two rows are equal; ``mixed``: rows of several kinds.
    otherwise : str
        Status of the identities that are not in ``status``.
    status : dict of str to str
        Identity -> copy, undecided or coincidence.
    evidence : dict
        The statistics, as plain values.
    removed_by_class : dict of str to int
        Label's value -> rows that go because they are copies.
    rows : int
        Rows of the table.
    """

    decision: str
    otherwise: str
    status: dict[str, str]
    evidence: dict[str, Any]
    removed_by_class: dict[str, int]
    rows: int

    @property
    def removed(self) -> int:
        """Rows that go."""
        return sum(self.removed_by_class.values())


def tell_copies(frame: DataFrame, reading: Reading, label: str) -> Copies:
    """Return whether the equal rows of ``frame`` are copies, by evidence.

    Parameters
    ----------
    frame : DataFrame
        The table as read.
    reading : Reading
    label : str
        Column that removed rows are counted by.

    Notes
    -----
    Cost: a shuffle of identities, twice; when rows are equal two passes over the table, in whole Arrow batches.  The
    driver sees 20,000 identities with an equal at most, and 10,000 of the others.  Where more have an equal, these
    are a sample, and all are decided alike: copies if at least 99% of the sample are.
    """
    from sparring.engine import functions as F

    text = text_of(named(label), frame.schema[label].dataType).alias(LABEL)
    hashed = frame.select(identity_of(reading, frame).alias(IDENTITY), _cells(frame, reading).alias(CELLS), text)
    clusters = hashed.groupBy(IDENTITY).agg(
        F.count("*").alias(ROWS), F.any_value(CELLS).alias(CELLS), F.min(LABEL).alias(LABEL)
    )
    counted = {
        row["several"]: row
        for row in clusters.groupBy((F.col(ROWS) > 1).alias("several"))
        .agg(F.count("*").alias("identities"), F.sum(ROWS).alias("rows"))
        .collect()
    }
    if True not in counted:
        return Copies("none", COINCIDENCE, {}, {"equal_rows": 0}, {}, counted[False]["rows"] if counted else 0)
    alone = counted[False]["identities"] if False in counted else 0
    total = sum(row["rows"] for row in counted.values())
    table, distinct = _distinct(clusters, counted[True]["identities"], alone, total)
    found = weigh(distinct, lambda wanted, subsets: _count(hashed, wanted, subsets))
    return _copies(table, distinct, found)


def count_equal(frame: DataFrame, reading: Reading, label: str) -> Copies:
    """Return all equal rows of ``frame`` as copies, because the user says so; parameters as for :func:`tell_copies`.

    Cost: a shuffle of identities.
    """
    from sparring.engine import functions as F

    text = text_of(named(label), frame.schema[label].dataType).alias(LABEL)
    hashed = frame.select(identity_of(reading, frame).alias(IDENTITY), text)
    clusters = hashed.groupBy(IDENTITY).agg(F.count("*").alias(ROWS), F.min(LABEL).alias(LABEL))
    counted = clusters.groupBy(LABEL).agg(F.sum(ROWS).alias("rows"), F.sum(F.col(ROWS) - 1).alias("surplus")).collect()
    removed = {str(row[LABEL]): int(row["surplus"]) for row in counted if row["surplus"]}
    total = int(sum(row["rows"] for row in counted))
    evidence = {"equal_rows": sum(removed.values())}
    return Copies("copies" if removed else "none", COPY, {}, evidence, dict(sorted(removed.items())), total)


def _cells(frame: DataFrame, reading: Reading) -> Column:
    """Return the hashes of up to 16 blocks of columns; a long text is four columns."""
    from sparring.engine import functions as F

    cells: list[Column] = []
    for name in reading.columns:
        if name in reading.long_texts:
            text = named(name)
            width = F.ceil(F.length(text) / CHUNKS)
            cells += [F.xxhash64(F.lit(at), text.substr(width * at + 1, width)) for at in range(CHUNKS)]
        else:
            cells.append(cell_hash(name, frame.schema))
    blocks = [cells[at::MOST_COLUMNS] for at in range(min(MOST_COLUMNS, len(cells)))]
    return F.array(*[F.xxhash64(F.lit(at), *block) for at, block in enumerate(blocks)])


def _distinct(clusters: DataFrame, several: int, alone: int, total: int) -> tuple[pa.Table, DistinctRows]:
    """Return identities with an equal, and some without, from all or by their hash."""
    from sparring.engine import functions as F

    every_equal, every_alone = -(-several // MOST_EQUAL), max(1, -(-alone // MOST_ALONE))
    drawn = F.conv(F.substring(IDENTITY, 1, 8), 16, 10).cast("long")
    every = F.when(F.col(ROWS) > 1, F.lit(every_equal)).otherwise(F.lit(every_alone))
    table = to_arrow(clusters.where(drawn % every == 0)).sort_by(IDENTITY)
    hashes = _matrix(table.column(CELLS).combine_chunks())
    rows = table.column(ROWS).to_numpy()
    return table, DistinctRows(hashes, rows, 1 / every_alone, total, 1 / every_equal)


def _matrix(cells: pa.Array) -> np.ndarray:
    flat = cells.flatten().to_numpy(zero_copy_only=False).view(np.uint64)
    return mix(flat.reshape(len(cells), -1))


def _count(hashed: DataFrame, wanted: np.ndarray, subsets: Sequence[Subset]) -> np.ndarray:
    counter = KeyCounter(wanted, subsets)
    shared = hashed.sparkSession.sparkContext.broadcast(counter)

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = np.zeros(sum(shared.value.sizes), dtype=np.int64)
        for batch in batches:
            if batch.num_rows:
                total += shared.value.count(_matrix(batch.column(0)))
        places = np.flatnonzero(total)
        yield pa.RecordBatch.from_arrays([pa.array(places), pa.array(total[places])], ["place", "rows"])

    counts = hashed.select(CELLS).mapInArrow(count, "place long, rows long").groupBy("place").sum("rows")
    found = to_arrow(counts)
    total = np.zeros(sum(counter.sizes), dtype=np.int64)
    total[found.column(0).to_numpy()] = found.column(1).to_numpy()
    shared.destroy()
    return counter.by_row(total)


def _copies(table: pa.Table, distinct: DistinctRows, found: Weighed) -> Copies:
    equal = distinct.rows > 1
    evidence = evidence_of(distinct, found)
    status = dict(zip(np.array(table.column(IDENTITY))[equal], found.status[equal].tolist(), strict=True))
    otherwise = UNDECIDED
    if distinct.sampled_equal < 1:
        share = evidence["rows_by_status"][COPY] / max(1, evidence["equal_rows"])
        otherwise = COPY if share >= 0.99 else UNDECIDED
        status = {}
        found = Weighed(np.where(equal, otherwise, ""), found.chance, found.ratio, found.near_misses, found.expected)
        evidence["rows_by_status"] = {otherwise: evidence["equal_rows"]}
    removed: dict[str, int] = {}
    labels = table.column(LABEL).to_pylist()
    for at in np.flatnonzero(found.status == COPY):
        removed[str(labels[at])] = removed.get(str(labels[at]), 0) + round(distinct.surplus[at])
    decision = _decision(evidence["rows_by_status"])
    return Copies(decision, otherwise, status, evidence, dict(sorted(removed.items())), distinct.total)


def _decision(rows: dict[str, int]) -> str:
    kinds = [status for status, count in rows.items() if count]
    if len(kinds) > 1:
        return "mixed"
    return {COPY: "copies", UNDECIDED: "cannot_tell", COINCIDENCE: "coincidences"}[kinds[0]]
