"""The pipeline's stage: similar rows are found among equal rows' survivors, and both kinds of clusters are united."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession

from sparring.config.schema import DeduplicateConfig
from sparring.dedup.write import deduplicate

REVIEW = "the room was clean and the staff could not have been kinder to us"
ROWS = [
    ("a", REVIEW, 4.0, 1.0),
    ("b", REVIEW, 4.0, 1.0),
    ("c", REVIEW + "!", 4.5, 0.0),
    ("d", "nothing to say about it", 4.0, 0.0),
    ("e", None, 1.0, 0.0),
    ("f", None, 1.0, 0.0),
    ("g", REVIEW + "!!", 9.0, 1.0),
]
ROLES = {"key": "key", "label": "label", "time": None}


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, "key string, text string, stars double, label double").repartition(2).cache()


def run(rows: DataFrame, folder: Path, **options: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    config = DeduplicateConfig(**options)
    facts = deduplicate(rows, config, ["text", "stars"], ROLES, 1, f"file:{folder}/out")
    return facts, pd.read_parquet(folder / "out").set_index("key").sort_index()


def clusters(table: pd.DataFrame) -> list[str]:
    return sorted("".join(sorted(keys)) for keys in table.groupby("sparring__cluster").groups.values())


NEAR = {"text": ["text"], "numeric": {"stars": 1.0}, "weights": {"text": 2.0}, "threshold": 0.8}


def test_equal_rows_only_by_default(rows: DataFrame, tmp_path: Path) -> None:
    facts, table = run(rows, tmp_path)
    assert clusters(table) == ["ab", "c", "d", "ef", "g"]
    assert (facts["duplicates_removed"], facts["rows"], facts["near"]) == (2, 5, None)


def test_a_copy_follows_its_survivor_into_the_cluster_of_similar_rows(rows: DataFrame, tmp_path: Path) -> None:
    facts, table = run(rows, tmp_path, near=NEAR)
    # g has too many stars; e and f miss the text, their stars count alone, and equal rows are one cluster already.
    assert clusters(table) == ["abc", "d", "ef", "g"]
    assert table.index[table.sparring__survivor].tolist() == ["a", "d", "e", "g"]
    assert table.sparring__cluster["c"] == table.sparring__cluster["b"] == "a"
    assert (facts["rows"], facts["duplicates_removed"], facts["clusters"]) == (4, 3, 2)
    near = facts["near"]
    assert (near["rows"], near["duplicates_removed"], near["clusters"], near["conflicting"]) == (5, 1, 1, 1)
    assert near["funnel"]["similar_pairs"] == 1
    assert [(pair["src"], pair["dst"]) for pair in near["samples"]] == [("a", "c")]
    assert near["biggest"] == [{"clusterId": "a", "rows": 2}]
    assert near["sizes"] == {"2-3": 1}


@pytest.mark.parametrize(
    ("options", "survivors"),
    [
        ({"near": NEAR, "conflicts": "drop"}, "deg"),
        ({"near": NEAR | {"remove": False}}, "acdeg"),
        ({"near": NEAR, "enabled": False}, "abcdefg"),
    ],
)
def test_what_stays(rows: DataFrame, tmp_path: Path, options: dict[str, Any], survivors: str) -> None:
    facts, table = run(rows, tmp_path, **options)
    assert "abc" in clusters(table)
    assert "".join(table.index[table.sparring__survivor]) == survivors
    assert facts["rows"] == len(survivors) == 7 - facts["duplicates_removed"]
    # Rows of a cluster that stay must not straddle: the split is told so.
    kept = table[table.sparring__survivor]
    assert DeduplicateConfig(**options).keeps_duplicates == kept.sparring__cluster.duplicated().any()


@pytest.mark.parametrize(
    ("near", "words"),
    [
        ({}, "no column is compared"),
        ({"text": ["a"], "categorical": ["a"]}, "'a' is listed under two kinds"),
        ({"numeric": {"x": -1.0}}, "tolerance of 'x' must be >= 0"),
        ({"text": ["a"], "weights": {"b": 1.0}}, "'b' must be a compared column"),
    ],
)
def test_mistakes_in_the_configuration_are_named(near: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DeduplicateConfig(near=near)
