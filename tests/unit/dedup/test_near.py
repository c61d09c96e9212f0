"""Near duplicates: those planted are found, each pair is proved, and the answer is the same on every cluster."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from scipy.sparse import coo_matrix, csgraph

from sparring.dedup import NearDeduplicator
from sparring.engine import functions as F
from sparring.errors import ParamError, SchemaError, TableError

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz "))


def changed(text: str, rng: np.random.Generator, letters: int) -> str:
    characters = np.array(list(text))
    characters[rng.choice(len(text), letters, replace=False)] = rng.choice(LETTERS, letters)
    return "".join(characters)


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    """150 texts with variants one to thirty letters away."""
    rng = np.random.default_rng(8)
    originals = ["".join(rng.choice(LETTERS, 200)) for _ in range(150)]
    variants = [changed(text, rng, letters) for text in originals for letters in rng.integers(1, 30, 2)]
    table = pd.DataFrame({"text": [*originals, *variants]})
    return table.assign(id=[f"t{at:03d}" for at in rng.permutation(len(table))])


@pytest.fixture(scope="module")
def rows(spark: SparkSession, texts: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(texts).repartition(3).cache()


def shingles(text: str) -> set[str]:
    text = " ".join(text.split())
    return {text[at : at + 5] for at in range(len(text) - 4)}


def test_pairs_and_clusters_are_those_of_all_pairs(rows: DataFrame, texts: pd.DataFrame) -> None:
    """Brute force over 101,025 pairs; candidates are lost no more often than the bands say."""
    stage = NearDeduplicator(textCols=["text"], keyCols=["id"], threshold=0.6)
    found = stage.search(rows)
    sets = {row.id: shingles(row.text) for row in texts.itertuples()}
    similar = {}
    for one, other in combinations(sorted(sets), 2):
        similarity = len(sets[one] & sets[other]) / len(sets[one] | sets[other])
        if similarity >= 0.6:
            similar[one, other] = similarity
    pairs = {(row["src"], row["dst"]): row["similarity"] for row in found.pairs.collect()}
    assert set(pairs) <= set(similar)
    assert all(value == pytest.approx(similar[pair]) for pair, value in pairs.items())
    likely = stage.bands.probability(np.array(list(similar.values())))
    assert len(pairs) >= likely.sum() - 4 * np.sqrt((likely * (1 - likely)).sum())
    assert len(pairs) >= 0.97 * len(similar)
    names = sorted(sets)
    at = {name: place for place, name in enumerate(names)}
    edges = np.array([(at[one], at[other]) for one, other in pairs])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(names), len(names)))
    labels = csgraph.connected_components(graph, directed=False)[1]
    clusters = {row["id"]: row["clusterId"] for row in stage.mark(rows, found).collect()}
    first = {label: names[place] for place, label in reversed(list(enumerate(labels)))}
    assert clusters == {name: first[labels[place]] for place, name in enumerate(names)}
    assert found.funnel["candidate_pairs"] >= found.funnel["similar_pairs"] == len(pairs)


@pytest.mark.spark_only
def test_the_answer_depends_on_neither_partitions_nor_order(rows: DataFrame, spark_conf: SparkSession) -> None:
    stage = NearDeduplicator(textCols=["text"], keyCols=["id"])
    answers = set()
    for partitions, shuffles, adaptive in ((1, 1, True), (7, 5, False)):
        spark_conf.conf.set("spark.sql.shuffle.partitions", shuffles)
        spark_conf.conf.set("spark.sql.adaptive.enabled", adaptive)
        marked = stage.transform(rows.orderBy(F.xxhash64("id")).repartition(partitions))
        answers.add(frozenset((row["id"], row["clusterId"], row["isSurvivor"]) for row in marked.collect()))
    assert len(answers) == 1


def test_one_survivor_a_cluster_all_columns_kept(rows: DataFrame) -> None:
    marked = NearDeduplicator(textCols=["text"], keyCols=["id"], kernel="one_permutation").transform(rows)
    assert marked.columns == ["text", "id", "clusterId", "isSurvivor"]
    frame = marked.toPandas()
    assert len(frame) == 450
    assert (frame.groupby("clusterId").isSurvivor.sum() == 1).all()
    survivors = frame[frame.isSurvivor]
    assert (survivors.id == frame.groupby("clusterId").id.min().loc[survivors.clusterId].to_numpy()).all()


def clusters_of(frame: DataFrame, **arguments: Any) -> list[set[int]]:
    """Return the clusters of more than one row, by id."""
    marked = NearDeduplicator(keyCols=["id"], **arguments).transform(frame).toPandas()
    return sorted((set(ids) for ids in marked.groupby("clusterId").id.agg(list) if len(ids) > 1), key=min)


def test_case_space_and_form_do_not_count_and_blank_texts_are_like_no_other(spark: SparkSession) -> None:
    values = ["Café  au lait", "cafe\u0301 AU lait", "ab", "AB ", "abc", "", "", None, None, "  "]
    frame = spark.createDataFrame(list(enumerate(values)), "id int, text string")
    assert clusters_of(frame, textCols=["text"]) == [{0, 1}, {2, 3}]
    assert clusters_of(frame, textCols=["text"], lowercase=False) == []
    assert clusters_of(frame, textCols=["text"], unicodeForm="none") == [{2, 3}]


def test_rows_are_compared_column_by_column(spark: SparkSession) -> None:
    people = [
        (0, "anna maria schmidt", "oslo", 1_000.0, 10),
        (1, "anna maria schmitt", "oslo", 1_004.0, 10),
        (2, "anna maria schmidt", "oslo", 1_000.0, 11),
        (3, "bob stone", "rome", 5.0, 12),
        (4, "bob stone", "rome", 5.0, 12),
        (5, "bob stone", "bern", 50.0, 13),
        (6, None, None, None, None),
        (7, None, None, None, None),
    ]
    frame = spark.createDataFrame(people, "id int, name string, city string, pay double, shoe int")
    compared = {"textCols": ["name"], "categoricalCols": ["city", "shoe"], "numericCols": ["pay"]}
    loose = {**compared, "shingleSize": 3, "candidateThreshold": 0.2}
    assert clusters_of(frame, **loose, tolerances=[5.0], threshold=0.75) == [{0, 1, 2}, {3, 4}]
    # 0 and 2 differ in the shoe alone, 0 and 1 in a letter and four crowns.
    assert clusters_of(frame, **loose, tolerances=[1.0], threshold=0.7) == [{0, 2}, {3, 4}]
    weights = [1.0, 1.0, 10.0, 1.0]
    assert clusters_of(frame, **loose, tolerances=[5.0], threshold=0.75, columnWeights=weights) == [{0, 1}, {3, 4}]


@pytest.mark.parametrize(("missing", "expected"), [("skip", [{0, 1}, {2, 3}]), ("match", [{2, 3}]), ("mismatch", [])])
def test_missing_values_follow_the_rule(spark: SparkSession, missing: str, expected: list[set[int]]) -> None:
    values = [(0, "a", "x", 1), (1, "a", None, 1), (2, "b", None, 2), (3, "b", None, 2)]
    frame = spark.createDataFrame(values, "id int, c string, d string, e int")
    found = clusters_of(frame, categoricalCols=["c", "d", "e"], missing=missing, threshold=0.9, candidateThreshold=0.1)
    assert found == expected


def test_numbers_within_the_tolerance_share_a_cell_wherever_they_lie(spark: SparkSession) -> None:
    rng = np.random.default_rng(6)
    base = rng.normal(0, 1e4, 300)
    pairs = [(2 * at + side, str(at), float(x + side * 0.99)) for at, x in enumerate(base) for side in (0, 1)]
    frame = spark.createDataFrame(pairs, "id int, name string, x double")
    found = clusters_of(
        frame, categoricalCols=["name"], numericCols=["x"], tolerances=[1.0], threshold=0.9, candidateThreshold=0.3
    )
    assert found == [{2 * at, 2 * at + 1} for at in range(300)]


def test_a_million_copies_are_one_content(spark: SparkSession) -> None:
    frame = spark.range(1_000_000).select("id", F.lit("the same few words").alias("text"))
    stage = NearDeduplicator(textCols=["text"], keyCols=["id"], shingleUnit="word", shingleSize=3, numHashes=16)
    found = stage.search(frame)
    counts = {"rows": 1_000_000, "distinct": 1, "candidate_pairs": 0, "similar_pairs": 0, "clusters": 1}
    assert found.funnel == counts
    assert found.member_rows == 1_000_000
    assert found.members.agg(F.countDistinct("sparring__cluster"), F.max("sparring__cluster")).first() == (1, "0")


def test_without_a_key_rows_are_known_by_content_and_equal_ones_stay(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("one and the same",), ("one and the same",), ("another thing",)], "text string")
    marked = NearDeduplicator(textCols=["text"]).transform(frame).toPandas()
    assert len(marked) == 3
    assert marked.isSurvivor.sum() == 2


@pytest.mark.spark_only
def test_a_search_that_fails_keeps_nothing_in_memory(
    rows: DataFrame, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("in the middle")

    held = set(spark.sparkContext._jsc.getPersistentRDDs())
    monkeypatch.setattr("sparring.dedup.search._similar", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        NearDeduplicator(textCols=["text"], keyCols=["id"]).search(rows)
    assert set(spark.sparkContext._jsc.getPersistentRDDs()) <= held


@pytest.mark.spark_only
def test_a_second_search_compiles_next_to_nothing(rows: DataFrame, spark: SparkSession) -> None:
    """With Spark's own limit, a hundred pieces of compiled code, it compiles some eighty."""
    compiled = spark._jvm.org.apache.spark.metrics.source.CodegenMetrics.METRIC_COMPILATION_TIME()  # type: ignore[union-attr]
    pieces = []
    for _ in range(2):
        before = compiled.getCount()
        NearDeduplicator(textCols=["text"], keyCols=["id"], threshold=0.6).transform(rows).where("isSurvivor").count()
        pieces.append(compiled.getCount() - before)
    # None, but for what adaptive execution decides by the timing of stages.
    assert pieces[1] < 10


def test_a_key_of_two_rows_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, "one thing"), (1, "quite another")], "id int, text string")
    with pytest.raises(TableError, match=r"keyCols: 2 rows have the same key 1"):
        NearDeduplicator(textCols=["text"], keyCols=["id"]).search(frame)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ParamError, "no column is compared"),
        ({"textCols": ["txt"]}, SchemaError, "NearDeduplicator.textCols: column 'txt'"),
        ({"numericCols": ["id"]}, SchemaError, "must be numeric, boolean"),
        ({"textCols": ["text"], "threshold": 1.0}, ParamError, r"threshold must be in \(0, 1\), got 1.0"),
        ({"textCols": ["text"], "kernel": "fast"}, ParamError, "one of 'permutations', 'one_permutation'"),
        ({"textCols": ["text"], "columnWeights": [1.0, 2.0]}, ParamError, "columnWeights must have 1 numbers"),
        ({"textCols": ["text"], "survivor": "latest"}, ParamError, "survivor"),
    ],
)
def test_mistakes_are_named_before_any_job(
    rows: DataFrame, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        NearDeduplicator(**arguments).transformSchema(rows.schema)
