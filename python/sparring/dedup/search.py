"""The search for near duplicates: sign, pair, prove, join.

::

    rows -> tokens -> content, signature, bands     one pass, in Arrow batches
    rows of one content -> the first of them        a shuffle of ids; from here on contents stand for their rows
    contents that share a band -> candidate pairs   a shuffle of blocks of contents and bands
    candidate pairs -> similar pairs                exact similarity, in Arrow batches
    similar pairs -> clusters                       connected components
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.storagelevel import StorageLevel

from sparring.dedup.arrow import binaries, portions, uint64_of
from sparring.dedup.banding import Bands, band_hashes
from sparring.dedup.candidates import candidate_edges, first_of_equal
from sparring.dedup.compared import ComparedColumns
from sparring.dedup.components import COMPONENT, connected_components, stored
from sparring.dedup.components import NODE as COMPONENT_NODE
from sparring.dedup.minhash import signatures
from sparring.dedup.text import Shingles
from sparring.engine import functions as F
from sparring.errors import TableError
from sparring.spark.batches import map_batches
from sparring.spark.checkpoint import computed_once
from sparring.spark.reserved import named, quoted

NODE, FIRST, CLUSTER = "sparring__node", "sparring__first", "sparring__cluster"
HIGH, LOW, BANDS, COPIES = "high", "low", "bands", "sparring__copies"
CONTENT = [HIGH, LOW]
# Rows of ids that are sent to every task rather than shuffled.
FEW = 500_000
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
        Whether ``sparring__node`` must be unique; else it is a row's content, and equal rows share it.
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
    members : DataFrame
        ``sparring__node`` and ``sparring__cluster`` of the rows that have a duplicate: the smallest node, as text.
    member_rows : int
        Rows of ``members``.
    pairs : DataFrame
        ``src``, ``dst`` and their ``similarity`` (null where pairs were not proved); of rows with the same tokens
        only the smallest is there.
    funnel : dict of str to int
        ``rows`` (without a key: different ones), ``distinct`` (in their tokens), ``candidate_pairs``,
        ``similar_pairs``, ``clusters`` (of all sizes).
    """

    members: DataFrame
    member_rows: int
    pairs: DataFrame
    funnel: dict[str, int]

    def mark(self, rows: DataFrame, cluster: str = CLUSTER) -> DataFrame:
        """Return ``rows``, which have a ``sparring__node``, with the id of their cluster in a column of that name.

        Cost: a join, without a shuffle when members are few.
        """
        members = self.members.withColumnRenamed(CLUSTER, cluster)
        joined = rows.join(_sent(members, self.member_rows), NODE, "left")
        return joined.withColumn(cluster, F.coalesce(quoted(cluster), F.col(NODE).cast("string")))


def search(rows: DataFrame, plan: Plan) -> NearSearch:
    """Return the clusters of ``rows``, which have a unique ``sparring__node`` besides the compared columns.

    Notes
    -----
    Cost: one pass over the compared columns for the signatures; shuffles of ids; of 24 bytes a row and band; of the
    candidate pairs; of the compared columns of the rows that are in one, to both ends of each; then the components.
    Ids and bands of all rows, and the compared columns of those in a pair, are persisted, on disk when memory ends,
    while the search needs them.
    """
    compared = rows.select(NODE, *plan.columns.selected(rows.schema))
    with persisted(_signed(compared, plan)) as signed, persisted(_contents(signed)) as contents:
        distinct, total = contents.agg(F.count("*"), F.coalesce(F.sum(COPIES), F.lit(0))).first() or (0, 0)
        if plan.keyed:
            _require_unique(signed)
        funnel = {"rows": total, "distinct": distinct}
        with persisted(candidate_edges(signed, distinct * plan.bands.number)) as candidates:
            count = funnel["candidate_pairs"] = candidates.count()
            with persisted(_wanted(candidates, contents, compared, plan, count)) as wanted:
                pairs, funnel["similar_pairs"] = stored(_similar(candidates, wanted, plan))
        members, funnel["clusters"] = _members(signed, contents, pairs, funnel)
        return NearSearch(*stored(members), pairs, funnel)


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep ``frame`` for as long as it is read, on disk when memory ends, also when what reads it fails."""
    try:
        yield frame.persist(StorageLevel.MEMORY_AND_DISK)
    finally:
        frame.unpersist()


def _sent(frame: DataFrame, rows: int) -> DataFrame:
    return F.broadcast(frame) if rows <= FEW else frame


# -- sign ------------------------------------------------------------------------------------------------------


def _signed(compared: DataFrame, plan: Plan) -> DataFrame:
    """Return each row's node, content and bands."""
    kind = compared.schema[NODE].dataType.simpleString()
    signed = map_batches(compared, _sign(plan), f"{NODE} {kind}, {HIGH} long, {LOW} long, {BANDS} binary")
    # A row without content is like no other.
    content = [F.coalesce(half, F.xxhash64(F.lit(half), NODE)).alias(half) for half in CONTENT]
    signed = signed.select(NODE, *content, BANDS)
    return signed if plan.keyed else signed.dropDuplicates([NODE])


def _sign(plan: Plan) -> Batches:
    """Return the function from compared columns to content and bands."""

    def sign(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            signed = [_signed_portion(portion, plan) for portion in portions(batch)]
            yield from pa.Table.from_batches(signed).combine_chunks().to_batches() if signed else ()

    return sign


def _signed_portion(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    tokens, complete = plan.columns.tokens(batch.columns[1:])
    filled = np.diff(tokens.offsets) > 0
    # Rows that count as different from themselves are no copies of others: their content is left out.
    copies = complete if plan.columns.missing == "mismatch" else filled
    content = [pa.array(half.view(np.int64), mask=~copies) for half in _content(tokens)]
    bands = band_hashes(signatures(tokens, plan.hashes, plan.seed, plan.kernel), plan.bands, plan.seed)
    columns = [batch.column(0), *content, binaries(bands.astype("<i8"), filled)]
    return pa.RecordBatch.from_arrays(columns, names=[NODE, HIGH, LOW, BANDS])


def _contents(signed: DataFrame) -> DataFrame:
    """Return each content once, with its smallest node and its rows."""
    return signed.groupBy(*CONTENT).agg(F.min(NODE).alias(FIRST), F.count("*").alias(COPIES))


def _content(tokens: Shingles) -> tuple[np.ndarray, np.ndarray]:
    """Return 128 bits that rows share when, in practice, they have the same tokens as often: two power sums."""
    filled = np.diff(tokens.offsets) > 0
    sums = [np.zeros(len(filled), dtype=np.uint64) for _ in range(2)]
    if filled.any():
        for half, powers in zip(sums, (tokens.hashes, tokens.hashes * tokens.hashes), strict=True):
            half[filled] = np.add.reduceat(powers, tokens.offsets[:-1][filled])
    return sums[0], sums[1]


def _require_unique(signed: DataFrame) -> None:
    repeated = signed.groupBy(NODE).count().where(F.col("count") > 1).orderBy(NODE).limit(1).collect()
    if repeated:
        raise TableError(
            f"NearDeduplicator.keyCols: {repeated[0]['count']:,} rows have the same key {repeated[0][NODE]}",
            "Name columns that identify a row, or none: then a row is identified by its content.",
        )


# -- prove -----------------------------------------------------------------------------------------------------


def _wanted(candidates: DataFrame, contents: DataFrame, compared: DataFrame, plan: Plan, count: int) -> DataFrame:
    """Return the first row of each content that is in a pair, with its compared columns if these are to be proved."""
    ends = [F.struct(*[F.col(f"{end}_{half}").alias(half) for half in CONTENT]) for end in ("src", "dst")]
    wanted = candidates.select(F.explode(F.array(*ends)).alias("end")).select("end.*").distinct()
    wanted = contents.select(*CONTENT, FIRST).join(_sent(wanted, 2 * count), CONTENT, "left_semi")
    if not plan.verify:
        return wanted
    rows = _sent(wanted.withColumnRenamed(FIRST, NODE), 2 * count)
    wanted = compared.join(rows, NODE).withColumnRenamed(NODE, FIRST)
    # Without a key equal rows share a node: any of them will do.
    return wanted if plan.keyed else wanted.dropDuplicates([FIRST])


def _similar(candidates: DataFrame, wanted: DataFrame, plan: Plan) -> DataFrame:
    """Return the candidates that are similar enough, as nodes, with their similarity."""
    joined = candidates
    for end in ("src", "dst"):
        renamed = [named(name).alias(f"{end}_{name}") for name in wanted.columns]
        joined = joined.join(wanted.select(*renamed), [f"{end}_{half}" for half in CONTENT])
    src, dst = F.col(f"src_{FIRST}"), F.col(f"dst_{FIRST}")
    if not plan.verify:
        none = F.lit(None).cast("double").alias("similarity")
        return joined.select(F.least(src, dst).alias("src"), F.greatest(src, dst).alias("dst"), none)
    width = len(plan.columns.names)
    order = [
        f"{end}_{name}" for end in ("src", "dst") for name in [FIRST, *CONTENT, *(f"_c{at}" for at in range(width))]
    ]
    kind = wanted.schema[FIRST].dataType.simpleString()
    proved = joined.select(*order).mapInArrow(_prove(plan), f"src {kind}, dst {kind}, similarity double")
    return proved.select(F.least("src", "dst").alias("src"), F.greatest("src", "dst").alias("dst"), "similarity")


def _prove(plan: Plan) -> Batches:
    def prove(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from (_proved_portion(portion, plan) for portion in portions(batch))

    return prove


def _proved_portion(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    """Return the similar pairs; a row that is in several pairs is cut into shingles once."""
    width = batch.num_columns // 2
    both = [pa.concat_arrays([batch.column(at), batch.column(width + at)]) for at in range(width)]
    once, places = first_of_equal(uint64_of(both[1]), uint64_of(both[2]))
    left, right = np.split(places, 2)
    similar = plan.columns.similarity([column.take(pa.array(once)) for column in both[3:]], left, right)
    columns = [batch.column(0), batch.column(width), pa.array(similar)]
    found = pa.RecordBatch.from_arrays(columns, names=["src", "dst", "similarity"])
    return found.filter(pa.array(similar >= plan.threshold))


# -- join ------------------------------------------------------------------------------------------------------


def _members(signed: DataFrame, contents: DataFrame, pairs: DataFrame, funnel: dict[str, int]) -> tuple[DataFrame, int]:
    """Return the rows that have a duplicate with their clusters, and the number of clusters of all sizes."""
    found = connected_components(pairs.select("src", "dst"), count=funnel["similar_pairs"])
    found = computed_once(found.select(F.col(COMPONENT_NODE).alias(FIRST), COMPONENT), eager=False)
    # A component is named by one of its nodes.
    named_so = F.count(F.when(F.col(COMPONENT) == F.col(FIRST), True))
    nodes, joined = found.agg(F.count("*"), named_so).first() or (0, 0)
    # Most contents have one row and no pair: what is left of them is joined to the rows.
    named = contents.join(_sent(found, nodes), FIRST, "left").where(F.col(COMPONENT).isNotNull() | (F.col(COPIES) > 1))
    named = named.select(*CONTENT, F.coalesce(COMPONENT, FIRST).cast("string").alias(CLUSTER))
    several = nodes + funnel["rows"] - funnel["distinct"]
    members = signed.select(NODE, *CONTENT).join(_sent(named, several), CONTENT).select(NODE, CLUSTER)
    return members, funnel["distinct"] - nodes + joined
