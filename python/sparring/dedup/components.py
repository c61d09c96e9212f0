"""Connected components: which nodes a set of edges joins, in pure PySpark.

Large graphs are contracted round by round (local contraction: Lacki, Mirrokni and Wlodarczyk, "Connected
Components at Scale via Local Contractions", 2018): every node joins the one of lowest pseudo-random rank within two
steps, which removes a constant share of the nodes each time, a chain's too.  What is left, once small, is solved by
SciPy in one task.  Both ways name a component by its smallest member, so the answer does not depend on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame

from sparring.engine import functions as F
from sparring.spark.checkpoint import computed_once
from sparring.spark.reserved import named

ONE_TASK_EDGES = 2_000_000
NODE, COMPONENT = "node", "component"


def connected_components(edges: DataFrame, one_task_edges: int = ONE_TASK_EDGES, count: int | None = None) -> DataFrame:
    """Return the component of every node that has an edge.

    Parameters
    ----------
    edges : DataFrame
        Undirected edges in two columns ``src`` and ``dst`` of one type, long or string, without nulls; loops and
        repeated edges do no harm.
    one_task_edges : int, default 2,000,000
        Up to so many edges go to one task, which needs some 200 bytes an edge; 0 never does.
    count : int, optional
        Number of ``edges``, where it is known and they are stored: saves a shuffle and a pass when they are few.

    Returns
    -------
    DataFrame
        ``node`` and ``component``, its smallest member (bytewise for strings).

    Notes
    -----
    Cost: below ``one_task_edges`` one narrow pass; above, O(log nodes) rounds of five shuffles of the edges that
    remain, each checkpointed (reliably where the session has a checkpoint directory, else on the executors).

    Examples
    --------
    >>> edges = spark.createDataFrame([(1, 2), (2, 3), (7, 8)], "src long, dst long")       # doctest: +SKIP
    >>> connected_components(edges).orderBy("node").show()                                  # doctest: +SKIP
    """
    if count is not None and count <= one_task_edges:
        return _solve(edges.select("src", "dst")) if count else _nobody(edges)
    remaining, count = stored(_normal(edges.select("src", "dst")))
    rounds: list[DataFrame] = []
    while count > one_task_edges:
        leaders, _ = stored(_leaders(remaining, len(rounds)))
        rounds.append(leaders)
        remaining, count = stored(_contract(remaining, leaders))
    found = _solve(remaining) if count else None
    if not rounds:
        return found if found is not None else _nobody(edges)
    return _smallest_member(_unwind(rounds, found))


def _normal(edges: DataFrame) -> DataFrame:
    """Return each edge once, without loops."""
    ordered = edges.where(F.col("src") != F.col("dst")).select(
        F.least("src", "dst").alias("src"), F.greatest("src", "dst").alias("dst")
    )
    return ordered.distinct()


def _leaders(edges: DataFrame, salt: int) -> DataFrame:
    """Return for each node the one of lowest rank within two steps; two, so that a star is gone in one round."""

    def ranked(name: str) -> Column:
        return F.struct(F.xxhash64(F.lit(salt), name).alias("rank"), named(name).alias("id"))

    ways = edges.select(F.col("src").alias(NODE), F.col("dst").alias("near"))
    ways = ways.union(edges.select(F.col("dst").alias(NODE), F.col("src").alias("near")))
    one_step = ways.groupBy(NODE).agg(F.min(ranked("near")).alias("best"))
    best = one_step.select(F.col(NODE).alias("near"), F.least("best", ranked(NODE)).alias("best"))
    two_steps = ways.join(best, "near").groupBy(NODE).agg(F.min("best").alias("best"))
    return two_steps.select(NODE, F.col("best.id").alias("leader"))


def _contract(edges: DataFrame, leaders: DataFrame) -> DataFrame:
    """Return the edges between leaders."""
    for end in ("src", "dst"):
        renamed = leaders.select(F.col(NODE).alias(end), "leader")
        edges = edges.join(renamed, end).drop(end).withColumnRenamed("leader", end)
    return _normal(edges)


def _unwind(rounds: list[DataFrame], found: DataFrame | None) -> DataFrame:
    """Return every node of the first round with the last leader that its leaders lead to."""
    for leaders in reversed(rounds):
        if found is None:
            found = leaders.withColumnRenamed("leader", COMPONENT)
            continue
        last = found.select(F.col(NODE).alias("leader"), COMPONENT)
        # A leader without edges is done: it appears in no later round.
        found = leaders.join(last, "leader", "left").select(NODE, F.coalesce(COMPONENT, "leader").alias(COMPONENT))
    assert found is not None
    return found


def _smallest_member(found: DataFrame) -> DataFrame:
    smallest = found.groupBy(COMPONENT).agg(F.min(NODE).alias("smallest"))
    return found.join(smallest, COMPONENT).select(NODE, F.col("smallest").alias(COMPONENT))


def _solve(edges: DataFrame) -> DataFrame:
    """Return the components that one task finds."""
    kind = edges.schema["src"].dataType.simpleString()
    return edges.coalesce(1).mapInArrow(_solve_batches, f"{NODE} {kind}, {COMPONENT} {kind}")


def _solve_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    # Here, because most workers that import this module solve nothing.
    from scipy.sparse import coo_matrix, csgraph

    edges = pa.Table.from_batches(list(batches)).combine_chunks()
    src, dst = (edges.column(name).combine_chunks() for name in ("src", "dst"))
    nodes, ends = _numbered(pa.concat_arrays([src, dst]))
    sources, targets = np.split(ends, 2)
    graph = coo_matrix((np.ones(len(sources), dtype=np.int8), (sources, targets)), shape=(len(nodes), len(nodes)))
    _, labels = csgraph.connected_components(graph, directed=False)
    # Nodes are in order: the first of a label is its smallest.
    _, firsts = np.unique(labels, return_index=True)
    found = pa.table({NODE: nodes, COMPONENT: nodes.take(pa.array(firsts[labels]))})
    yield from found.to_batches(max_chunksize=100_000)


def _numbered(values: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct values in order, and the position in them of each value."""
    encoded = values.dictionary_encode()
    order = pa.compute.sort_indices(encoded.dictionary).to_numpy()
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return encoded.dictionary.take(pa.array(order)), position[encoded.indices.to_numpy()]


def _nobody(edges: DataFrame) -> DataFrame:
    return edges.select(F.col("src").alias(NODE), F.col("dst").alias(COMPONENT)).limit(0)


def stored(frame: DataFrame) -> tuple[DataFrame, int]:
    """Return ``frame`` without its history, computed, and its rows: the count computes it where that is local."""
    frame = computed_once(frame, eager=False)
    return frame, frame.count()
