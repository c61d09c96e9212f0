"""The search for near duplicates: sign, collapse copies, pair, prove, join.

::

    rows -> tokens -> signature -> bands          one pass, in Arrow batches
    rows with the same tokens -> one of them      a shuffle of ids
    rows that share a band -> candidate pairs     a shuffle of ids and bands
    candidate pairs -> similar pairs              exact similarity, in Arrow batches
    similar pairs -> clusters                     connected components
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.storagelevel import StorageLevel

from sparring.dedup.banding import Bands, band_hashes
from sparring.dedup.candidates import candidate_edges
from sparring.dedup.compared import ComparedColumns
from sparring.dedup.components import COMPONENT, connected_components
from sparring.dedup.components import NODE as COMPONENT_NODE
from sparring.dedup.hashing import constants, mix
from sparring.dedup.minhash import signatures
from sparring.dedup.text import Shingles
from sparring.errors import TableError

NODE, FIRST, BANDS = "_node", "_first", "_bands"
BROADCAST_PAIRS = 500_000
Batches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Plan:
    """How near duplicates are searched.

    Attributes
    ----------
    columns : ComparedColumns
    threshold : float
        Least similarity of a pair.
    bands : Bands
    hashes : int
        Places of a signature.
    kernel : str
        See :func:`~sparring.dedup.minhash.signatures`.
    verify : bool
        Whether candidates are proved.
    keyed : bool
        Whether ``_node`` must be unique; else it is a row's content, and equal rows share it.
    seed : int
    """

    columns: ComparedColumns
    threshold: float
    bands: Bands
    hashes: int
    kernel: str
    verify: bool
    keyed: bool
    seed: int


@dataclass(frozen=True)
class NearSearch:
    """What the search found.

    Attributes
    ----------
    clusters : DataFrame
        ``_node`` and ``clusterId``, its cluster's smallest member; every row is there once.
    pairs : DataFrame
        ``src``, ``dst`` and their ``similarity`` (null where pairs were not proved); of rows with the same tokens
        only the smallest is there.
    funnel : dict of str to int
        ``rows``, ``distinct`` (in their tokens), ``candidate_pairs``, ``similar_pairs``, ``clusters`` (of all sizes).
    """

    clusters: DataFrame
    pairs: DataFrame
    funnel: dict[str, int]


def search(rows: DataFrame, plan: Plan) -> NearSearch:
    """Return the clusters of ``rows``, which have a unique ``_node`` besides the compared columns.

    Notes
    -----
    Cost: one pass over the compared columns for the signatures; shuffles of rows x bands hashes and ids; of the
    candidate pairs; of the compared columns of the rows that are in one, to both ends of each; then the components.
    """
    compared = rows.select(NODE, *plan.columns.selected())
    kind = rows.schema[NODE].dataType.simpleString()
    signed = compared.mapInArrow(_sign(plan), f"{NODE} {kind}, _high long, _low long, {BANDS} array<long>")
    # A row without content is like no other.
    content = [F.coalesce(half, F.xxhash64(F.lit(half), NODE)) for half in ("_high", "_low")]
    alike = Window.partitionBy(*content)
    marked = signed.withColumn(FIRST, F.min(NODE).over(alike)).select(NODE, FIRST, BANDS)
    marked = marked.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        distinct = marked.where(F.col(NODE) == F.col(FIRST))
        funnel = {"rows": marked.count(), "distinct": distinct.count()}
        candidates = candidate_edges(distinct, NODE, BANDS, plan.seed).persist(StorageLevel.MEMORY_AND_DISK)
        funnel["candidate_pairs"] = candidates.count()
        pairs = _proved(candidates, compared, plan, funnel["candidate_pairs"]).localCheckpoint()
        candidates.unpersist()
        funnel["similar_pairs"] = pairs.count()
        clusters = _clusters(marked, pairs).localCheckpoint()
        if plan.keyed:
            _require_unique(clusters)
    finally:
        marked.unpersist()
    funnel["clusters"] = clusters.select("clusterId").distinct().count()
    return NearSearch(clusters.select(NODE, "clusterId"), pairs, funnel)


def _sign(plan: Plan) -> Batches:
    """Return the function from compared columns to content and bands."""

    def sign(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            tokens, complete = plan.columns.tokens(batch.columns[1:])
            high, low = _content(tokens)
            # Rows that count as different from themselves are no copies of others: their content is left out.
            copies = complete if plan.columns.missing == "mismatch" else np.diff(tokens.offsets) > 0
            signed = signatures(tokens, plan.hashes, plan.seed, plan.kernel)
            bands = _lists(band_hashes(signed, plan.bands, plan.seed), np.diff(tokens.offsets) > 0)
            content = [pa.array(half.view(np.int64), mask=~copies) for half in (high, low)]
            names = [NODE, "_high", "_low", BANDS]
            yield pa.RecordBatch.from_arrays([batch.column(0), *content, bands], names=names)

    return sign


def _content(tokens: Shingles) -> tuple[np.ndarray, np.ndarray]:
    """Return 128 bits that rows share when, in practice, they have the same tokens as often."""
    salts = constants(0xC0, 2)
    filled = np.diff(tokens.offsets) > 0
    halves = [np.zeros(len(filled), dtype=np.uint64) for _ in salts]
    if filled.any():
        for half, salt in zip(halves, salts, strict=True):
            half[filled] = np.add.reduceat(mix(tokens.hashes ^ salt), tokens.offsets[:-1][filled])
    return halves[0], halves[1]


def _lists(bands: np.ndarray, filled: np.ndarray) -> pa.Array:
    """Return the bands of each row; none of a row without tokens, which is like no other."""
    offsets = np.concatenate([[0], np.cumsum(filled * bands.shape[1])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(bands[filled].ravel()))


def _proved(candidates: DataFrame, compared: DataFrame, plan: Plan, count: int) -> DataFrame:
    """Return the candidates that are similar enough, with their similarity."""
    if not plan.verify:
        return candidates.withColumn("similarity", F.lit(None).cast("double"))
    ends = candidates.select(F.explode(F.array("src", "dst")).alias(NODE)).distinct()
    wanted = compared.join(F.broadcast(ends) if count <= BROADCAST_PAIRS else ends, NODE, "left_semi")
    # Rows that are alike in every column may share an id: any of them will do.
    wanted = wanted.dropDuplicates([NODE])
    width = len(plan.columns.names)
    joined = candidates
    for end, side in (("src", "l"), ("dst", "r")):
        renamed = [F.col(f"_c{at}").alias(f"_{side}{at}") for at in range(width)]
        joined = joined.join(wanted.select(F.col(NODE).alias(end), *renamed), end)
    ordered = joined.select("src", "dst", *[f"_{side}{at}" for side in "lr" for at in range(width)])
    kind = candidates.schema["src"].dataType.simpleString()
    return ordered.mapInArrow(_prove(plan), f"src {kind}, dst {kind}, similarity double")


def _prove(plan: Plan) -> Batches:
    width = len(plan.columns.names)

    def prove(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            similar = plan.columns.similarity(batch.columns[2 : 2 + width], batch.columns[2 + width :])
            kept = pa.array(similar >= plan.threshold)
            columns = [*batch.columns[:2], pa.array(similar)]
            yield pa.RecordBatch.from_arrays(columns, names=["src", "dst", "similarity"]).filter(kept)

    return prove


def _clusters(marked: DataFrame, pairs: DataFrame) -> DataFrame:
    """Return each row's cluster: that of the first row with its tokens."""
    joined = connected_components(pairs.select("src", "dst"))
    joined = joined.select(F.col(COMPONENT_NODE).alias(FIRST), COMPONENT)
    named = F.coalesce(COMPONENT, FIRST).cast("string").alias("clusterId")
    ids = marked.groupBy(NODE).agg(F.min(FIRST).alias(FIRST), F.count("*").alias("_rows"))
    return ids.join(joined, FIRST, "left").select(NODE, named, "_rows")


def _require_unique(clusters: DataFrame) -> None:
    repeated = clusters.where("_rows > 1").orderBy(NODE).limit(1).collect()
    if repeated:
        raise TableError(
            f"NearDeduplicator.keyCols: {repeated[0]['_rows']:,} rows have the same key {repeated[0][NODE]}",
            "Name columns that identify a row, or none: then a row is identified by its content.",
        )
