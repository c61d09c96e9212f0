"""Which rows of a table in Spark are equal, and which of these are copies."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from sparring.config.schema import DeduplicateConfig, FeaturesConfig, TableConfig
from sparring.data.ingest import ingest
from sparring.data.reading import IDENTITY, reading_of
from sparring.dedup.caveats import caveats_of, require_some_left
from sparring.dedup.copies import Copies, count_equal, tell_copies
from sparring.dedup.evidence import UNDECIDED
from sparring.dedup.write import deduplicate
from sparring.errors import TableError

ROWS = 1_200


def fine(copies: int = 12) -> pd.DataFrame:
    """Distinct rows and, at the end, copies of the first ones, under a running number."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"x{at}": rng.normal(size=ROWS).round(6) for at in range(5)})
    frame["y"] = np.where(rng.random(ROWS) < 0.4, "yes", "no")
    frame = pd.concat([frame, frame.head(copies)], ignore_index=True)
    return frame.assign(id=np.arange(len(frame)))


def coarse() -> pd.DataFrame:
    """People of one age group, sex and class are no copies."""
    rng = np.random.default_rng(2)
    columns = {"age": rng.integers(1, 9, ROWS), "sex": rng.integers(0, 2, ROWS), "class": rng.integers(1, 4, ROWS)}
    return pd.DataFrame(columns).assign(y=np.where(rng.random(ROWS) < 0.4, "yes", "no"), id=np.arange(ROWS))


def table(frame: pd.DataFrame, **roles: Any) -> TableConfig:
    numeric = [name for name in frame.columns if name not in ("y", "id", "name")]
    return TableConfig(path="-", label="y", features=FeaturesConfig(numeric=numeric), **roles)


def told(spark: SparkSession, frame: pd.DataFrame, **roles: Any) -> Copies:
    rows = spark.createDataFrame(frame)
    return tell_copies(rows, reading_of(rows, table(frame, **roles)), "y")


def test_copies_under_a_running_number_are_found(spark: SparkSession) -> None:
    found = told(spark, fine())
    assert (found.decision, found.removed, found.rows) == ("copies", 12, ROWS + 12)
    assert found.removed_by_class == fine().tail(12).y.value_counts().sort_index().to_dict()


def test_people_who_look_alike_are_no_copies(spark: SparkSession) -> None:
    found = told(spark, coarse())
    assert (found.decision, found.removed) == ("coincidences", 0)
    assert found.evidence["equal_rows"] > ROWS / 2


def test_a_name_is_content_and_a_number_is_not(spark: SparkSession) -> None:
    people = [
        f"{a} {b}, {c}" for a in ["Ann", "Bob", "Cid", "Dan", "Eve"] for b in ["Ash", "Elm", "Oak"] for c in range(90)
    ]
    named = coarse().assign(name=people[:ROWS])
    rows = spark.createDataFrame(named)
    reading = reading_of(rows, table(named, key=["name"]))
    assert "name" in reading.columns
    assert list(reading.left_out) == ["id"]
    assert told(spark, named, key=["name"]).decision == "none"


@pytest.mark.parametrize(
    "surrogate",
    [
        lambda at: at,
        lambda at: f"ID-{at:06d}",
        lambda at: f"{at * 2654435761 % 2**64:016x}",
        lambda at: f"{at:08x}-0000-4000-8000-{at:012x}",
    ],
    ids=["number", "numbered", "hash", "uuid"],
)
def test_a_surrogate_key_does_not_count(spark: SparkSession, surrogate) -> None:
    frame = fine().assign(id=[surrogate(at) for at in range(ROWS + 12)])
    assert told(spark, frame).removed == 12


VALUES = {
    "nanoseconds": [1_700_000_000_000_000_000 + at for at in range(60)],
    "decimals": [Decimal(f"0.{at:018d}") for at in range(60)],
    "binary": [bytes([0xFF, at]) for at in range(60)],
    "timestamps": [datetime(2024, 1, 1, 0, 0, 0, at) for at in range(60)],
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_compared_as_read(spark: SparkSession, kind: str) -> None:
    rows = spark.createDataFrame([(value, "yes") for value in VALUES[kind]], schema_of(spark, kind))
    config = TableConfig(path="-", label="y", features=FeaturesConfig(numeric=["x"]))
    assert count_equal(rows, reading_of(rows, config, ["x"]), "y").removed == 0


def schema_of(spark: SparkSession, kind: str) -> str:
    types = {"nanoseconds": "long", "decimals": "decimal(20,18)", "binary": "binary", "timestamps": "timestamp"}
    return f"x {types[kind]}, y string"


def test_epoch_nanoseconds_stay_different_rows_through_ingest_and_deduplication(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"x": VALUES["nanoseconds"], "y": ["yes", "no"] * 30})
    frame.to_parquet(tmp_path / "table.parquet")
    config = TableConfig(path=str(tmp_path / "table.parquet"), label="y", features=FeaturesConfig(numeric=["x"]))
    options = DeduplicateConfig(columns=["x"])
    ingest(spark, config, str(tmp_path / "in"), (), options)
    found = deduplicate(accepted(spark, tmp_path), options, [IDENTITY], ROLES, 1, f"file:{tmp_path}/out")
    assert (found["rows"], found["duplicates_removed"]) == (60, 0)


ROLES = {"key": "sparring__key", "label": "sparring__label", "time": None}


def accepted(spark: SparkSession, folder: Path) -> DataFrame:
    from sparring.data.ingest import accepted as read

    return read(spark, str(folder / "in"))


def test_what_is_undecided_stays_in_one_cluster_and_coincidences_are_free(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.createDataFrame(
        [("a", "k1", 0.0), ("a", "k2", 0.0), ("b", "k3", 1.0), ("b", "k4", 1.0), ("c", "k5", 0.0), ("c", "k6", 0.0)],
        f"{IDENTITY} string, sparring__key string, sparring__label double",
    )
    status = {"a": "copy", "b": "undecided", "c": "coincidence"}
    copies = Copies("mixed", UNDECIDED, status, {}, {}, 6)
    found = deduplicate(rows, DeduplicateConfig(), [IDENTITY], ROLES, 1, f"file:{tmp_path}/out", copies)
    written = pd.read_parquet(tmp_path / "out").set_index("sparring__key").sort_index()
    assert written.sparring__survivor.tolist() == [True, False, True, True, True, True]
    assert written.sparring__cluster.nunique() == 4
    assert written.sparring__cluster["k3"] == written.sparring__cluster["k4"]
    assert written.sparring__cluster["k5"] != written.sparring__cluster["k6"]
    assert (found["rows"], found["removed_by_class"]) == (5, {"0": 1})


def test_caveats_name_what_was_removed_and_moved() -> None:
    found = {"rows": 60, "duplicates_removed": 40, "conflicting": 2, "conflicting_rows": 9}
    said = caveats_of(found | {"classes": {"0": 60, "1": 40}, "removed_by_class": {"0": 40}})
    assert [text.split(" ")[0] for text in said] == ["Deduplication", "It", "2"]
    assert "40 of 100 rows (40.0%)" in said[0]
    assert "class 1 from 40.0% to 66.7%" in said[1]
    assert caveats_of(found | {"duplicates_removed": 0, "conflicting": 0}) == []


def test_most_rows_go_on_the_users_word_only() -> None:
    require_some_left(51, 100, True)
    require_some_left(50, 100, False)
    with pytest.raises(TableError, match=r"51 of 100 rows.*allow_most"):
        require_some_left(51, 100, False)
