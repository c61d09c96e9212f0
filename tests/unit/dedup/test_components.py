"""Components found by contraction, by one task and by SciPy are the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from scipy.sparse import coo_matrix, csgraph

from sparring.dedup.components import connected_components
from sparring.engine import functions as F


def by_scipy(edges: np.ndarray) -> dict[int, int]:
    """Return node -> smallest node of its component, for integer edges of shape (n, 2)."""
    nodes, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(edges.shape)
    graph = coo_matrix((np.ones(len(edges)), (ends[:, 0], ends[:, 1])), shape=(len(nodes), len(nodes)))
    labels = csgraph.connected_components(graph, directed=False)[1]
    smallest = pd.Series(nodes).groupby(labels).min()
    return dict(zip(nodes.tolist(), smallest[labels].tolist(), strict=True))


def frame(spark: SparkSession, edges: np.ndarray) -> DataFrame:
    return spark.createDataFrame(pd.DataFrame(edges, columns=["src", "dst"]))


def found(components: DataFrame) -> dict[int, int]:
    return {row["node"]: row["component"] for row in components.collect()}


def thousand_graphs() -> np.ndarray:
    """Return the edges of 1,000 random graphs, sparse to dense, side by side: nodes of the i-th start at 100 i."""
    random = np.random.default_rng(11)
    graphs = []
    for at in range(1_000):
        size = random.integers(2, 60)
        edges = random.integers(0, size, size=(random.integers(1, 2 * size), 2))
        graphs.append(100 * at + edges[edges[:, 0] != edges[:, 1]])
    return np.concatenate(graphs)


@pytest.mark.parametrize("one_task_edges", [0, 5_000, 2_000_000])
def test_a_thousand_random_graphs(spark: SparkSession, one_task_edges: int) -> None:
    edges = np.random.default_rng(3).permutation(thousand_graphs())
    expected = by_scipy(edges)
    assert found(connected_components(frame(spark, edges), one_task_edges)) == expected
    assert found(connected_components(frame(spark, edges), one_task_edges, count=len(edges))) == expected


@pytest.mark.parametrize("one_task_edges", [10_000, 2_000_000])
def test_a_chain_of_100_000_nodes_in_random_order(spark: SparkSession, one_task_edges: int) -> None:
    nodes = np.random.default_rng(5).permutation(100_000)
    edges = np.column_stack([nodes[:-1], nodes[1:]])
    components = connected_components(frame(spark, edges), one_task_edges)
    assert components.agg(F.count("*"), F.countDistinct("node"), F.max("component")).first() == (100_000, 100_000, 0)


def test_a_star_of_200_000_is_one_component_without_the_one_task(spark: SparkSession) -> None:
    edges = spark.range(1, 200_000).select(F.lit(77).cast("long").alias("src"), F.col("id").alias("dst"))
    found_in_star = connected_components(edges, 0).agg(F.count("*"), F.max("component")).first()
    assert found_in_star == (199_999, 1)


def test_texts_loops_and_repeated_edges(spark: SparkSession) -> None:
    edges = spark.createDataFrame(
        [("b", "a"), ("a", "b"), ("b", "c"), ("z", "z"), ("x", "y")], "src string, dst string"
    )
    expected = {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x"}
    for one_task_edges in (0, 100):
        assert found(connected_components(edges, one_task_edges)) == expected


@pytest.mark.parametrize("one_task_edges", [0, 100])
def test_no_edges_no_components(spark: SparkSession, one_task_edges: int) -> None:
    edges = spark.createDataFrame([], "src long, dst long")
    for nothing in (connected_components(edges, one_task_edges), connected_components(edges, one_task_edges, 0)):
        assert nothing.columns == ["node", "component"]
        assert nothing.count() == 0
