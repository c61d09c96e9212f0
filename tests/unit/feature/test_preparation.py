"""Preparation against scikit-learn: fitted on train only, one encoding with and without Spark."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sparring.errors import ParamError, SchemaError
from sparring.feature import FeaturePreparation, FeaturePreparationModel
from sparring.feature.encoder import Encoder, EncoderState
from sparring.feature.vectors import with_vectors

COLUMNS = {
    "numericCols": ["x", "z"],
    "cyclicCols": ["hour"],
    "cyclicPeriods": [24.0],
    "timestampCols": ["seen"],
    "categoricalCols": ["city"],
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = 500
    cities = rng.choice(["Oslo", "Rome", "Bern", None], rows, p=[0.5, 0.3, 0.1, 0.1])
    cities[:2] = "Rare"
    x = rng.normal(5, 3, rows)
    x[rng.choice(rows, 40, replace=False)] = np.nan
    seen = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, rows), unit="s")
    return pd.DataFrame(
        {"x": x, "z": rng.integers(0, 9, rows), "hour": rng.integers(0, 24, rows), "seen": seen, "city": cities}
    )


@pytest.fixture(scope="module")
def rows(spark: SparkSession, table: pd.DataFrame) -> DataFrame:
    return (
        spark.createDataFrame(table.replace({np.nan: None})).withColumn("id", F.monotonically_increasing_id()).cache()
    )


def encoded(model: FeaturePreparationModel, rows: DataFrame) -> np.ndarray:
    """Dense features in the order of id."""
    found = model.transform(rows).orderBy("id").select("features").toPandas().features
    return np.stack(found.to_list())


def test_numbers_equal_scikit_learns_imputer_and_scaler(rows: DataFrame, table: pd.DataFrame) -> None:
    model = FeaturePreparation(**COLUMNS, storage="dense").fit(rows)
    names = model.encoder.names
    features = encoded(model, rows)
    filled = SimpleImputer(strategy="median").fit_transform(table[["x", "z"]])
    scaler = StandardScaler().fit(table[["x", "z"]].to_numpy())
    # pyspark.ml's StandardScaler and ours divide by the sample deviation, scikit-learn by the population's.
    sample = np.sqrt(scaler.n_samples_seen_ / (scaler.n_samples_seen_ - 1.0))
    expected = (filled - scaler.mean_) / (scaler.scale_ * sample)
    assert features[:, [names.index("x"), names.index("z")]] == pytest.approx(expected, abs=1e-5)
    assert (features[:, names.index("x=missing")] == table.x.isna()).all()
    assert "z=missing" not in names


def test_categories_equal_scikit_learns_one_hot_and_rare_ones_share_a_column(
    rows: DataFrame, table: pd.DataFrame
) -> None:
    model = FeaturePreparation(**COLUMNS, minFrequency=5, storage="dense").fit(rows)
    names, features = model.encoder.names, encoded(model, rows)
    one_hot = OneHotEncoder(sparse_output=False).fit(table[["city"]].fillna("missing"))
    expected = dict(zip(one_hot.categories_[0], one_hot.transform(table[["city"]].fillna("missing")).T, strict=True))
    for city, column in {**expected, "unseen": expected["Rare"]}.items():
        if city != "Rare":
            assert (features[:, names.index(f"city={city}")] == column).all()
    assert "city=Rare" not in names


def test_times_and_cycles_equal_pandas(rows: DataFrame, table: pd.DataFrame) -> None:
    model = FeaturePreparation(**COLUMNS, storage="dense").fit(rows)
    names, features = model.encoder.names, encoded(model, rows)
    angles = {
        "hour": table.hour / 24,
        "seen:month": table.seen.dt.month / 12,
        "seen:weekday": table.seen.dt.dayofweek / 7,
        "seen:hour": table.seen.dt.hour / 24,
    }
    for name, share in angles.items():
        assert features[:, names.index(f"{name}:sin")] == pytest.approx(np.sin(2 * np.pi * share), abs=1e-6)
        assert features[:, names.index(f"{name}:cos")] == pytest.approx(np.cos(2 * np.pi * share), abs=1e-6)


def test_values_that_train_did_not_show_are_unseen_and_change_nothing_else(rows: DataFrame) -> None:
    model = FeaturePreparation(**COLUMNS, storage="dense").fit(rows)
    odd = rows.limit(1).withColumn("city", F.lit("Atlantis")).withColumn("x", F.lit(None).cast("double"))
    names, features = model.encoder.names, encoded(model, odd)
    assert features[0, names.index("city=unseen")] == 1
    assert features[0, names.index("x=missing")] == 1
    assert np.isfinite(features).all()


def test_partitions_and_order_do_not_matter(rows: DataFrame) -> None:
    states = {
        FeaturePreparation(**COLUMNS).fit(rows.repartition(parts, F.rand(parts))).getOrDefault("state")
        for parts in (1, 3, 16)
    }
    assert len(states) == 1


def test_sparse_dense_vectors_and_the_encoder_without_spark_agree(
    spark: SparkSession, rows: DataFrame, tmp_path: Path
) -> None:
    dense = FeaturePreparation(**COLUMNS, storage="dense").fit(rows)
    sparse = FeaturePreparation(**COLUMNS, storage="sparse").fit(rows)
    expected = encoded(dense, rows)
    arrow = pa.RecordBatch.from_pandas(rows.orderBy("id").toPandas())
    assert (dense.encoder.dense(arrow) == expected).all()
    for at, matrix in enumerate((dense.transform(rows), sparse.transform(rows))):
        vectors = with_vectors(matrix, dense.encoder.size, str(tmp_path / str(at))).orderBy("id").select("features")
        assert (np.stack([row.features.toArray() for row in vectors.collect()]) == expected).all()
    state = EncoderState.from_json(dense.getOrDefault("state"))
    assert (Encoder(state).dense(arrow) == expected).all()


def test_it_survives_saving_alone_and_in_a_pipeline(rows: DataFrame, tmp_path: Path) -> None:
    stage = FeaturePreparation(**COLUMNS, storage="dense", impute="mean")
    stage.save(str(tmp_path / "stage"))
    assert FeaturePreparation.load(str(tmp_path / "stage")).getOrDefault("impute") == "mean"
    model = Pipeline(stages=[stage]).fit(rows)
    model.save(str(tmp_path / "pipeline"))
    again = PipelineModel.load(str(tmp_path / "pipeline")).stages[0]
    assert (encoded(again, rows) == encoded(model.stages[0], rows)).all()
    assert stage.copy({stage.scale: False}).getOrDefault("scale") is False


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({"impute": "zero"}, ParamError, ["impute", "'median', 'mean'", "'zero'"]),
        ({"cyclicPeriods": [0.0]}, ParamError, ["cyclicPeriods", "> 0"]),
        ({"numericCols": ["xx"]}, SchemaError, ["numericCols", "'xx'", "Did you mean 'x'?"]),
        ({"numericCols": ["city"]}, SchemaError, ["numericCols", "'city'", "string"]),
    ],
)
def test_mistakes_are_named_before_a_job_starts(
    rows: DataFrame, params: dict, error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        FeaturePreparation(**{**COLUMNS, **params}).transformSchema(rows.schema)
    for word in words:
        assert word in str(raised.value)
