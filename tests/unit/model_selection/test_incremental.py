"""A grown table: old rows stay, new ones join, what conflicts is quarantined, drift is repaired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from scipy.sparse import coo_matrix, csgraph

from sparring.errors import SplitError
from sparring.model_selection import StratifiedGroupKFold, StratifiedKFold, StratifiedSplitter

KEY = {"keyCols": ["id"]}


def batch(random: np.random.Generator, start: int, rows: int, groups: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"r{at}" for at in range(start, start + rows)],
            "label": (random.random(rows) < 0.3).astype(int),
            "g": random.integers(0, groups, rows),
            # Some rows have a twin.
            "c": np.where(
                random.random(rows) < 0.3, random.integers(0, 120, rows), 10_000 + np.arange(start, start + rows)
            ),
        }
    )


def test_appending_never_moves_an_old_row_and_quarantines_what_bridges(spark: SparkSession) -> None:
    random = np.random.default_rng(1)
    stage = StratifiedSplitter(**KEY, stratifyCols=["label"], groupCols=["g"], clusterCol="c", strict=False)
    table = batch(random, 0, 250, 200)
    before = stage.transform(spark.createDataFrame(table)).toPandas()[["id", "split"]]
    for _ in range(2):
        table = pd.concat([table, batch(random, len(table), 120, 300)], ignore_index=True)
        grown = stage.assign_new(spark.createDataFrame(table), spark.createDataFrame(before))
        after = grown.rows.toPandas()
        assert sorted(after["id"]) == sorted(table["id"])
        both = before.merge(after, on="id", suffixes=("_old", ""))
        assert (both["split_old"] == both["split"]).all()
        assert set(after["split"]) <= {"train", "validation", "test", "quarantine"}
        settled = after[after["split"] != "quarantine"]
        assert settled.groupby("g")["split"].nunique().max() == 1
        assert settled.groupby("c")["split"].nunique().max() == 1
        check_quarantine(before, after, grown)
        before = after[["id", "split"]]
    assert (before["split"] == "quarantine").sum() > 0


def check_quarantine(before: pd.DataFrame, after: pd.DataFrame, grown: Any) -> None:
    """Only new rows whose component, by brute force, meets two parts may be in quarantine; the report counts them."""
    held = dict(zip(before["id"], before["split"], strict=True))
    known = [held.get(key) for key in after["id"]]
    in_play = after[[part != "quarantine" for part in known]]
    edges = coo_matrix((np.ones(len(in_play)), (in_play["g"], 1_000 + in_play["c"])), shape=(20_000, 20_000))
    component = csgraph.connected_components(edges, directed=False)[1][in_play["g"]]
    parts: dict[int, set[str]] = {}
    for unit, key in zip(component, in_play["id"], strict=True):
        parts.setdefault(unit, set()).update({held[key]} if key in held else set())
    new = [key not in held for key in in_play["id"]]
    out = (in_play["split"] == "quarantine").to_numpy() & np.array(new)
    assert all(len(parts[unit]) > 1 for unit in component[out])
    found = grown.report()
    assert found["quarantined"] == out.sum() == sum(found["conflicting_splits"].values())
    assert found["old"] == len(before)
    assert found["joined"] + found["fresh"] == sum(new) - out.sum()
    assert all(" " in bridge for bridge in found["conflicting_splits"])


def test_new_groups_make_up_for_what_drifted(spark: SparkSession) -> None:
    old = pd.DataFrame({"id": [f"o{at}" for at in range(60)], "label": [0, 1] * 30, "g": np.arange(60) // 2})
    held = pd.DataFrame({"id": old["id"], "fold": np.where(np.arange(60) < 40, 0, 1)})
    new = pd.DataFrame({"id": [f"n{at}" for at in range(60)], "label": [0, 1] * 30, "g": 100 + np.arange(60) // 2})
    stage = StratifiedGroupKFold(**KEY, stratifyCols=["label"], groupCols=["g"], numFolds=2)
    grown = stage.assign_new(spark.createDataFrame(pd.concat([old, new])), spark.createDataFrame(held))
    frame = grown.rows.toPandas()
    assert frame.groupby(["label", "fold"]).size().tolist() == [30, 30, 30, 30]
    assert frame.groupby("g")["fold"].nunique().max() == 1
    assert frame["fold"].dtype == np.int32


def test_without_groups_classes_come_back_to_within_one_row(spark: SparkSession) -> None:
    old = pd.DataFrame({"id": [f"o{at}" for at in range(50)], "label": 0, "fold": [0] * 20 + [1] * 15 + [2] * 15})
    new = pd.DataFrame({"id": [f"n{at}" for at in range(24)], "label": [0] * 20 + [1] * 4})
    rows = spark.createDataFrame(pd.concat([old[["id", "label"]], new]))
    grown = StratifiedKFold(**KEY, stratifyCols=["label"], numFolds=3).assign_new(rows, spark.createDataFrame(old))
    frame = grown.rows.toPandas()
    assert np.ptp(frame[frame["label"] == 0]["fold"].value_counts()) <= 1
    assert np.ptp(frame[frame["label"] == 1]["fold"].value_counts()) <= 1
    assert grown.report() == {"old": 50, "joined": 0, "fresh": 24, "quarantined": 0, "conflicting_splits": {}}
    same = StratifiedKFold(**KEY, stratifyCols=["label"], numFolds=3).assign_new(rows, grown.rows)
    assert same.report()["old"] == 74


def test_a_previous_assignment_that_contradicts_itself_is_refused(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("a", 0), ("b", 1)], "id string, label int")
    stage = StratifiedSplitter(**KEY, stratifyCols=["label"])
    twice = spark.createDataFrame([("a", "train"), ("a", "test")], "id string, split string")
    with pytest.raises(SplitError, match="gives the key a test and train"):
        stage.assign_new(rows, twice)
    with pytest.raises(SplitError, match="gives the key a holdout"):
        stage.assign_new(rows, spark.createDataFrame([("a", "holdout")], "id string, split string"))
