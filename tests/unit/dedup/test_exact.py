"""Exact duplicates: who is a copy of whom, who survives, what is reported, and at which cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import DataFrame, SparkSession

from sparring.dedup import Deduplicator
from sparring.engine import functions as F
from sparring.errors import ParamError, SchemaError

PEOPLE = "id long, name string, city string, seen int, label double"
ROWS = [
    (1, "ann", "rome", 5, 0.0),
    (2, "ann", "rome", 9, 1.0),
    (3, "ann", "rome", 9, 1.0),
    (4, "bob", None, 1, 0.0),
    (5, "bob", None, None, 0.0),
    (6, None, "bob", 1, 0.0),
    (7, "eve", "", 1, None),
    (8, "eve", None, 1, 1.0),
]


@pytest.fixture
def people(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, PEOPLE)


def survivors(marked: DataFrame) -> list[int]:
    return sorted(row["id"] for row in marked.where("isSurvivor").select("id").collect())


def mark(people: DataFrame, **params: Any) -> DataFrame:
    return Deduplicator(inputCols=["name", "city"], keyCols=["id"], **params).transform(people)


def exchanges(frame: DataFrame) -> int:
    return frame._jdf.queryExecution().executedPlan().toString().count("Exchange ")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1, 4, 6, 7, 8]),
        ({"survivor": "latest", "timeCol": "seen"}, [2, 4, 6, 7, 8]),
        ({"survivor": "most_complete"}, [1, 4, 6, 7, 8]),
        ({"survivor": "max:id"}, [3, 5, 6, 7, 8]),
        ({"conflicts": "drop", "labelCol": "label"}, [4, 6, 7, 8]),
        ({"conflicts": "majority", "labelCol": "label"}, [2, 4, 6, 7, 8]),
        ({"conflicts": "majority", "labelCol": "label", "survivor": "max:id"}, [3, 5, 6, 7, 8]),
    ],
)
def test_the_policies_choose_as_documented(people: DataFrame, params: dict[str, Any], expected: list[int]) -> None:
    assert survivors(mark(people, **params)) == expected


def test_the_most_complete_row_wins_over_an_earlier_one(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(1, "a", None), (2, "a", 3), (3, "a", 4)], "id int, name string, age int")
    stage = Deduplicator(inputCols=["name"], keyCols=["id"], survivor="most_complete")
    assert survivors(stage.transform(rows)) == [2]


@pytest.mark.spark_only
def test_every_row_stays_and_all_columns_count_by_default(people: DataFrame) -> None:
    marked = Deduplicator(keyCols=["id"]).transform(people)
    assert marked.columns == [*people.columns, "clusterId", "isSurvivor"]
    assert marked.drop("clusterId", "isSurvivor").exceptAll(people).count() == 0
    assert survivors(marked) == [row[0] for row in ROWS]
    assert survivors(Deduplicator().transform(people.union(people))) == [row[0] for row in ROWS]


@pytest.mark.spark_only
@pytest.mark.parametrize(
    "params", [{}, {"conflicts": "drop", "labelCol": "label"}, {"conflicts": "majority", "labelCol": "label"}]
)
def test_one_shuffle_of_the_rows_whatever_the_policy(people: DataFrame, params: dict[str, Any]) -> None:
    assert exchanges(mark(people, **params)) == 1


cells = st.sampled_from(["a", "b", "", None])
tables = st.lists(st.tuples(cells, cells, st.sampled_from([0.0, 1.0, None])), min_size=1, max_size=40)


# Shrinking would start hundreds of Spark jobs; the failing table is printed as it is.
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(table=tables, conflicts=st.sampled_from(["keep", "drop", "majority"]), partitions=st.sampled_from([1, 3]))
def test_survivors_and_report_agree_with_plain_python(
    spark: SparkSession, table: list[tuple[Any, ...]], conflicts: str, partitions: int
) -> None:
    clusters: dict[tuple[Any, Any], list[tuple[int, float | None]]] = defaultdict(list)
    for at, (name, city, label) in enumerate(table):
        clusters[name, city].append((at, label))
    expected = []
    for members in clusters.values():
        votes = Counter(label for _, label in members if label is not None)
        if conflicts == "keep" or len(votes) < 2:
            expected.append(members[0][0] if conflicts != "majority" or not votes else _first(members, votes))
        elif conflicts == "majority":
            expected.append(_first(members, votes))
    rows = spark.createDataFrame(
        [(at, *row) for at, row in enumerate(table)], "id long, name string, city string, label double"
    ).repartition(partitions, "label")
    stage = Deduplicator(inputCols=["name", "city"], keyCols=["id"], conflicts=conflicts, labelCol="label")
    marked = stage.transform(rows).cache()
    assert survivors(marked) == sorted(expected)
    ids = marked.select("name", "city", "clusterId").distinct().collect()
    assert len(ids) == len({row["clusterId"] for row in ids}) == len(clusters)

    found = stage.report(marked)
    sizes = [len(members) for members in clusters.values()]
    mixed = [m for m in clusters.values() if len({label for _, label in m} - {None}) > 1]
    assert found.rows == len(table)
    assert found.duplicates_removed == len(table) - len(expected)
    assert found.clusters == sum(size > 1 for size in sizes) == sum(found.sizes.values())
    assert (found.conflicting, found.conflicting_rows) == (len(mixed), sum(map(len, mixed)))
    assert found.removed_by_conflict == (sum(map(len, mixed)) if conflicts == "drop" else 0)
    assert found.largest_cluster == max(sizes)
    assert [each["rows"] for each in found.biggest] == sorted((s for s in sizes if s > 1), reverse=True)[:10]
    marked.unpersist()


def _first(members: list[tuple[int, float | None]], votes: Counter[float]) -> int:
    most = max(votes.values())
    return next(at for at, label in members if label is not None and votes[label] == most)


@pytest.mark.spark_only
def test_the_answer_does_not_depend_on_partitions_order_or_adaptive_execution(
    people: DataFrame, spark_conf: SparkSession
) -> None:
    answers = set()
    for partitions, shuffle, adaptive in [(1, 1, True), (7, 3, False), (64, 16, True)]:
        spark_conf.conf.set("spark.sql.shuffle.partitions", shuffle)
        spark_conf.conf.set("spark.sql.adaptive.enabled", adaptive)
        marked = mark(people.orderBy(F.xxhash64("id")).repartition(partitions), survivor="latest", timeCol="seen")
        answers.add(tuple(sorted(tuple(row) for row in marked.select("id", "clusterId", "isSurvivor").collect())))
    assert len(answers) == 1


def test_a_row_with_very_many_copies_is_one_cluster(spark: SparkSession) -> None:
    rows = spark.range(300_000).select(F.col("id"), F.least(F.col("id"), F.lit(3)).alias("v"))
    stage = Deduplicator(inputCols=["v"], keyCols=["id"])
    found = stage.report(stage.transform(rows))
    assert (found.clusters, found.largest_cluster, found.duplicates_removed) == (1, 299_997, 299_996)
    assert found.sizes == {"262144-524287": 1}


def test_it_works_in_a_pipeline_and_survives_saving(people: DataFrame, tmp_path: Path) -> None:
    stage = Deduplicator(inputCols=["name", "city"], keyCols=["id"], survivor="max:seen", clusterCol="c")
    stage.save(str(tmp_path / "stage"))
    again = Deduplicator.load(str(tmp_path / "stage"))
    assert again.extractParamMap() == stage.extractParamMap()
    model = Pipeline(stages=[stage]).fit(people)
    model.save(str(tmp_path / "pipeline"))
    expected = stage.transform(people).orderBy("id").collect()
    assert PipelineModel.load(str(tmp_path / "pipeline")).transform(people).orderBy("id").collect() == expected
    assert stage.copy({stage.survivor: "first"}).getOrDefault("survivor") == "first"


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"inputCols": ["nam"]}, SchemaError, "Did you mean 'name'"),
        ({"keyCols": ["key"]}, SchemaError, "Deduplicator.keyCols"),
        ({"survivor": "latst"}, ParamError, "first, latest, most_complete or max:COL"),
        ({"survivor": "latest"}, ParamError, "timeCol"),
        ({"survivor": "max:height"}, SchemaError, "Deduplicator.survivor"),
        ({"conflicts": "drop"}, ParamError, "labelCol"),
        ({"clusterCol": "city"}, SchemaError, "'city' is in the table already"),
    ],
)
def test_mistakes_are_named_before_any_job(
    people: DataFrame, params: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(")):
        Deduplicator(**params).transform(people)
