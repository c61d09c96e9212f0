"""Stages take tables of pandas and Arrow, and give what they give of Spark's."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.ml.linalg import DenseVector, SparseVector
from pyspark.sql import SparkSession

from sparring.dedup import Deduplicator, NearDeduplicator
from sparring.feature import FeaturePreparation
from sparring.model_selection import GroupKFold, KFold, StratifiedGroupSplitter, StratifiedSplitter

ROWS = 120


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "name": [f"person {number}" for number in rng.integers(0, 100, ROWS)],
            "city": pd.Categorical(rng.choice([f"town {number}" for number in range(12)], ROWS)),
            "x": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(size=ROWS)),
            "seen": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 10**7, ROWS), "s"),
            "group": rng.integers(0, 20, ROWS),
            "sick": rng.integers(0, 2, ROWS),
        }
    )


STAGES = {
    "equal rows": Deduplicator(inputCols=["name", "city"], keyCols=["id"]),
    "near rows": NearDeduplicator(textCols=["name"], keyCols=["id"], threshold=0.7),
    "folds": KFold(keyCols=["id"]),
    "folds of groups": GroupKFold(keyCols=["id"], groupCols=["group"], numFolds=3),
    "split": StratifiedSplitter(keyCols=["id"], stratifyCols=["sick"]),
    "split of groups": StratifiedGroupSplitter(keyCols=["id"], stratifyCols=["sick"], groupCols=["group"]),
}
FEATURES = FeaturePreparation(numericCols=["x"], categoricalCols=["city"], timestampCols=["seen"])


def of_spark(spark: SparkSession, people: pd.DataFrame) -> Any:
    return spark.createDataFrame(people.assign(city=people.city.astype(str)))


@pytest.mark.parametrize("name", STAGES)
def test_the_rows_are_those_of_spark(spark: SparkSession, people: pd.DataFrame, name: str) -> None:
    stage = STAGES[name]
    expected = stage.transform(of_spark(spark, people)).toPandas().sort_values("id", ignore_index=True)
    added = expected.columns[len(people.columns) :].tolist()
    found = stage.transform(people)
    arrow = stage.transform(pa.Table.from_pandas(people))
    assert isinstance(found, pd.DataFrame)
    assert isinstance(arrow, pa.Table)
    for table in (found, arrow.to_pandas()):
        assert table.columns.tolist() == [*people.columns, *added]
        assert (table.sort_values("id", ignore_index=True)[added] == expected[added]).all(axis=None)


def test_features_are_those_of_spark(spark: SparkSession, people: pd.DataFrame) -> None:
    """Dense and sparse vectors alike: as pyspark.ml chooses between them."""
    rows = of_spark(spark, people)
    fitted = FEATURES.fit(rows)
    expected = fitted.transform(rows).toPandas().sort_values("id").features.tolist()
    found = FEATURES.fit_transform(people).features.tolist()
    assert {type(vector) for vector in expected} <= {DenseVector, SparseVector}
    assert found == expected
    assert [type(vector) for vector in found] == [type(vector) for vector in expected]
    assert FEATURES.fit(people).getOrDefault("state") == fitted.getOrDefault("state")
    assert fitted.transform(pa.Table.from_pandas(people)).num_rows == ROWS


@pytest.mark.parametrize("storage", ["dense", "sparse"])
def test_features_as_arrays(spark: SparkSession, people: pd.DataFrame, storage: str) -> None:
    stage = FEATURES.copy({FEATURES.storage: storage})
    rows = of_spark(spark, people)
    expected = stage.fit(rows).transform(rows).toPandas().sort_values("id")
    found = stage.fit_transform(people)
    for name in expected.columns[len(people.columns) :]:
        assert [list(row) for row in found[name]] == [list(row) for row in expected[name]]
