"""Splits: exact shares, whole groups, the same on every cluster, mistakes named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as OfSpark
from scipy.sparse import coo_matrix, csgraph

from sparring.engine import functions as F
from sparring.errors import ParamError, SchemaError, SplitError
from sparring.model_selection import StratifiedSplitter, split_balance
from sparring.model_selection.strata import CLASS, JSON_OPTIONS, with_class
from sparring.model_selection.values import value_text
from sparring.spark.reserved import named

WEIGHTS = {"train": 0.7, "validation": 0.1, "test": 0.2}


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """Visits of patients (some come often) in towns, with a rare outcome that runs in patients."""
    random = np.random.default_rng(7)
    patients = np.repeat(np.arange(700), random.geometric(0.2, 700))
    ill = random.random(700)[patients] * random.random(len(patients)) > 0.7
    return pd.DataFrame(
        {
            "id": [f"visit-{at}" for at in range(len(patients))],
            "patient": patients,
            "town": random.choice(["oslo", "bergen", "voss"], len(patients), p=[0.6, 0.3, 0.1]),
            "scan": random.integers(0, 50_000, len(patients)),
            "label": ill.astype(float),
        }
    )


@pytest.fixture(scope="module")
def rows(spark: SparkSession, visits: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(visits).cache()


def exchanges(frame: DataFrame) -> int:
    """Return how often the plan moves rows: broadcasts of small tables do not count."""
    plan = frame._jdf.queryExecution().executedPlan().toString()
    return plan.count("Exchange ") - plan.count("BroadcastExchange ")


def test_every_class_is_within_one_row_of_its_share_in_every_part(rows: DataFrame, visits: pd.DataFrame) -> None:
    split = StratifiedSplitter(keyCols=["id"], stratifyCols=["label", "town"], seed=1).transform(rows).toPandas()
    assert sorted(split["id"]) == sorted(visits["id"])
    sizes = visits.groupby(["label", "town"]).size()
    found = split.groupby(["label", "town", "split"]).size()
    for (label, town, part), count in found.items():
        assert abs(count - sizes[label, town] * WEIGHTS[part]) < 1
    assert len(found) == 18
    assert (split["groupId"] == split["id"]).all()


def test_rows_go_by_the_order_of_their_hashes_within_a_class(rows: DataFrame, spark: SparkSession) -> None:
    """Brute force: sort each class by hash64(seed, key), cut at the quotas."""
    split = StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], seed=5).transform(rows)
    hashed = split.withColumn("hash", F.xxhash64(F.lit(5).cast("long"), "id")).toPandas().sort_values("hash")
    for _, members in hashed.groupby("label"):
        order = members["split"].tolist()
        assert order == sorted(order, key=list(WEIGHTS).index)


@pytest.mark.spark_only
def test_without_groups_no_row_is_shuffled(rows: DataFrame) -> None:
    assert exchanges(StratifiedSplitter(keyCols=["id"], stratifyCols=["label"]).transform(rows)) == 0


def test_another_seed_is_another_split_and_each_is_even(rows: DataFrame, visits: pd.DataFrame) -> None:
    """Which rows go to test is uniform: over 8 seeds, no row is chosen much more often than chance allows."""
    chosen: Counter[str] = Counter()
    for seed in range(8):
        split = StratifiedSplitter(keyCols=["id"], seed=seed).transform(rows)
        chosen.update(row["id"] for row in split.where(named("split") == "test").select("id").collect())
    counts = np.array([chosen[key] for key in visits["id"]])
    # 8 draws with p = 0.2: variance 1.28, up to the sampling error of some 3,500 rows.
    assert 1.15 < counts.var() < 1.41


@pytest.mark.spark_only
@pytest.mark.parametrize("grouped", [False, True])
def test_the_split_depends_on_neither_partitions_nor_order_nor_adaptive_execution(
    rows: DataFrame, spark_conf: SparkSession, grouped: bool
) -> None:
    stage = StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"] if grouped else [])
    answers = set()
    for partitions, shuffles, adaptive in [(1, 1, True), (7, 7, False), (64, 3, True), (200, 4, False)]:
        spark_conf.conf.set("spark.sql.shuffle.partitions", shuffles)
        spark_conf.conf.set("spark.sql.adaptive.enabled", adaptive)
        split = stage.transform(rows.orderBy(F.xxhash64("id")).repartition(partitions))
        answers.add(frozenset((row["id"], row["split"], row["groupId"]) for row in split.collect()))
    assert len(answers) == 1


def test_no_group_straddles_and_classes_stay_near_their_shares(rows: DataFrame, visits: pd.DataFrame) -> None:
    stage = StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=["patient"])
    split = stage.transform(rows)
    frame = split.toPandas()
    assert sorted(frame["id"]) == sorted(visits["id"])
    assert frame.groupby("patient")["split"].nunique().max() == 1
    assert frame.groupby("patient")["groupId"].nunique().max() == 1
    counts = frame.groupby(["label", "split"]).size()
    for (label, part), count in counts.items():
        assert abs(count - (visits["label"] == label).sum() * WEIGHTS[part]) <= 1
    balance = split_balance(split, "label")
    assert balance["groups_across_parts"] == 0
    for part, found in balance["parts"].items():
        members = frame[frame["split"] == part]
        assert found == {
            "rows": len(members),
            "classes": {str(label): int((members["label"] == label).sum()) for label in (0, 1)},
            "groups": members["patient"].nunique(),
        }


def test_groups_and_clusters_are_united_before_they_are_distributed(rows: DataFrame, visits: pd.DataFrame) -> None:
    stage = StratifiedSplitter(keyCols=["id"], groupCols=["patient"], clusterCol="scan")
    few = rows.where(named("patient") < 600)
    frame = stage.transform(few).toPandas()
    assert len(frame) == (visits["patient"] < 600).sum()
    # Brute force: a row joins its patient and its scan.
    edges = coo_matrix((np.ones(len(frame)), (frame["patient"], 1_000 + frame["scan"])), shape=(51_000, 51_000))
    labels = csgraph.connected_components(edges, directed=False)[1][frame["patient"]]
    pairs = {(label, unit) for label, unit in zip(labels, frame["groupId"], strict=True)}
    assert len(pairs) == len(set(labels)) == frame["groupId"].nunique()


def test_a_cluster_alone_is_a_group_and_null_is_a_value(spark: SparkSession) -> None:
    rows = spark.range(1_000).select(
        "id", F.when(F.col("id") % 10 == 0, None).otherwise(F.col("id") % 300).alias("c"), F.lit(1).alias("label")
    )
    frame = StratifiedSplitter(keyCols=["id"], clusterCol="c").transform(rows).toPandas()
    assert len(frame) == 1_000
    assert frame.groupby("c", dropna=False)["split"].nunique().max() == 1


@pytest.mark.spark_only
def test_classes_of_plain_values_read_as_json_writes_them(spark: SparkSession) -> None:
    values = ["1", "null", "true", "1.5D", "double('NaN')", "-double('inf')", "1e-7D", "12.30", "date '1999-12-31'"]
    values += ["timestamp '2001-02-03 04:05:06.7'", "cast(null as int)", "cast(null as date)", "-7L"]
    columns = {f'a "{at}"': value for at, value in enumerate(values) if value != "null"}
    row = spark.range(1).select(*[OfSpark.expr(value).alias(name) for name, value in columns.items()])
    (found,) = with_class(row, row.columns).collect()
    text = F.to_json(
        F.struct(*[value_text(F.col(f"`{f.name}`"), f.dataType).alias(f.name) for f in row.schema]), JSON_OPTIONS
    )
    assert found[CLASS] == row.select(text).head()[0]


@pytest.mark.spark_only
def test_nulls_among_the_strata_are_a_class_of_their_own(spark: SparkSession) -> None:
    values = OfSpark.element_at(
        F.array(F.lit("null"), F.lit(None).cast("string"), F.lit("a")), (F.col("id") % 3 + 1).cast("int")
    )
    rows = spark.range(300).select("id", values.alias("c"))
    frame = StratifiedSplitter(keyCols=["id"], stratifyCols=["c"]).transform(rows).toPandas()
    assert set(frame.groupby(["c", "split"], dropna=False).size()) == {70, 10, 20}


def test_a_group_larger_than_the_largest_part_is_named(spark: SparkSession) -> None:
    rows = spark.range(1_000).select("id", F.when(F.col("id") < 800, "giant").otherwise(F.col("id")).alias("hospital"))
    with pytest.raises(SplitError, match="the group of hospital=giant has 800 of 1,000 rows"):
        StratifiedSplitter(keyCols=["id"], groupCols=["hospital"]).transform(rows)


def test_classes_too_small_for_the_parts_are_named_with_their_counts(spark: SparkSession) -> None:
    rows = spark.range(100).select("id", (F.col("id") < 2).cast("int").alias("label"), (F.col("id") % 50).alias("g"))
    for groups in ([], ["g"]):
        with pytest.raises(SplitError, match=r'"label":"1".*: 2 (rows|groups)'):
            StratifiedSplitter(keyCols=["id"], stratifyCols=["label"], groupCols=groups).transform(rows)
    with pytest.raises(SplitError, match="no rows"):
        StratifiedSplitter(keyCols=["id"]).transform(rows.where(named("id") < 0))


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"keyCols": []}, ParamError, "must name the columns that identify a row"),
        ({"weights": [0.5, 0.4]}, ParamError, "one number > 0 for each of the 3 parts, summing to 1"),
        ({"weights": [0.5, 0.4, 0.2]}, ParamError, "summing to 1"),
        ({"partNames": ["a", "a", "b"]}, ParamError, "distinct"),
        ({"stratifyCols": ["lable"]}, SchemaError, "Did you mean 'label'"),
        ({"groupCols": ["house"]}, SchemaError, "StratifiedSplitter.groupCols"),
        ({"clusterCol": "cluster"}, SchemaError, "StratifiedSplitter.clusterCol"),
        ({"splitCol": "town"}, SchemaError, "'town' is in the table already"),
    ],
)
def test_mistakes_are_named_before_any_job(
    rows: DataFrame, params: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        StratifiedSplitter(**({"keyCols": ["id"]} | params)).transform(rows)


def test_it_works_in_a_pipeline_and_survives_saving(rows: DataFrame, tmp_path: Path) -> None:
    stage = StratifiedSplitter(keyCols=["id"], partNames=["a", "b"], weights=[0.5, 0.5], groupCols=["patient"])
    model = Pipeline(stages=[stage]).fit(rows)
    model.save(str(tmp_path / "pipeline"))
    expected = stage.transform(rows).orderBy("id").collect()
    assert PipelineModel.load(str(tmp_path / "pipeline")).transform(rows).orderBy("id").collect() == expected
    assert stage.copy({stage.seed: 9}).transform(rows).orderBy("id").collect() != expected
