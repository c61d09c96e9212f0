"""Preparation against scikit-learn: fitted on train only, one encoding with and without Spark."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.errors import PythonException
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as OfSpark
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sparring.config.schema import FeaturesConfig, PrepareConfig
from sparring.engine import functions as F
from sparring.errors import ParamError, SchemaError, TableError
from sparring.feature import FeaturePreparation, FeaturePreparationModel
from sparring.feature.encoder import Encoder, EncoderState
from sparring.feature.vectors import with_vectors
from sparring.feature.write import prepare
from sparring.spark.reserved import named

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
        FeaturePreparation(**COLUMNS).fit(rows.repartition(parts, OfSpark.rand(parts))).getOrDefault("state")
        for parts in (1, 3, 16)
    }
    assert len(states) == 1


@pytest.mark.spark_only
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


NAN = float("nan")


@pytest.mark.parametrize("kind", ["double", "float"])
def test_nan_is_missing_as_null_is(spark: SparkSession, kind: str) -> None:
    """The same state and the same features, for numbers, numbers on a circle and categories."""
    columns = {"numericCols": ["x"], "cyclicCols": ["h"], "cyclicPeriods": [24.0], "categoricalCols": ["c"]}
    found = {}
    for missing in (None, NAN):
        values = [(at, *[[1.0, missing, 2.5][(at + shift) % 3] for shift in range(3)]) for at in range(9)]
        rows = spark.createDataFrame(values, f"id int, x {kind}, h {kind}, c {kind}")
        model = FeaturePreparation(**columns, storage="dense").fit(rows)
        found[missing] = (model.getOrDefault("state"), model.encoder.names, encoded(model, rows).tolist())
    assert found[None] == found[NAN]
    state, names, features = found[NAN]
    assert EncoderState.from_json(state).numeric[0].fill == 1.75
    assert names[-4:] == ["c=1.0", "c=2.5", "c=unseen", "c=missing"]
    assert np.array(features)[:, -4:].sum(axis=0).tolist() == [3, 3, 0, 3]


@pytest.mark.spark_only
def test_categories_of_any_type_are_the_texts_that_were_learnt(spark: SparkSession) -> None:
    rows = spark.sql(
        "select id, 1 + id % 2 d, cast(0.1 + id % 2 as float) f, id % 2 = 0 b, "
        "date_add(date '2020-01-01', int(id % 2)) t, "
        "cast(id % 2 as decimal(3,1)) n, timestamp '2020-01-01 05:00:00' + make_interval(0, 0, 0, int(id % 2)) s "
        "from range(6)"
    ).selectExpr("int(id) id", "double(d) d", "f", "b", "t", "n", "s")
    names = ["d", "f", "b", "t", "n", "s"]
    model = FeaturePreparation(categoricalCols=names, storage="dense").fit(rows)
    features = encoded(model, rows)
    for name in names:
        at = [model.encoder.names.index(f"{name}={odd}") for odd in ("unseen", "missing")]
        assert features[:, at].sum() == 0, name


@pytest.mark.parametrize("column", ["x", "h"])
@pytest.mark.parametrize("value", [1e308, -1e308, float("inf"), float("-inf"), 3.5e38])
def test_a_number_that_float32_cannot_hold_is_an_error_or_skipped_or_missing(
    spark: SparkSession, column: str, value: float
) -> None:
    columns = {"numericCols": ["x"], "cyclicCols": ["h"], "cyclicPeriods": [24.0], "storage": "dense"}
    good = spark.createDataFrame([(at, float(at), at % 5 + 0.5) for at in range(8)], "id int, x double, h double")
    bad = good.withColumn(column, F.when(F.col("id") == 3, F.lit(value)).otherwise(F.col(column)))
    missing = good.withColumn(column, F.when(F.col("id") != 3, F.col(column)))
    with pytest.raises(TableError, match=rf"feature {column} (infinite|beyond \+-3.4e\+38).*handleInvalid"):
        FeaturePreparation(**columns).fit(bad)
    model = FeaturePreparation(**columns).fit(good)
    with pytest.raises((PythonException, TableError), match=rf"feature {column} (infinite|beyond) .*handleInvalid"):
        model.transform(bad).collect()
    for how, rows in (("skip", good.where(named("id") != 3)), ("keep", missing)):
        handled = FeaturePreparation(**columns, handleInvalid=how)
        fitted, reference = handled.fit(bad), FeaturePreparation(**columns).fit(rows)
        assert fitted.getOrDefault("state") == reference.getOrDefault("state")
        assert (encoded(fitted, bad) == encoded(reference, rows)).all()
        assert [row[column] for row in fitted.transform(bad).where(named("id") == 3).collect()] == [value] * (
            how == "keep"
        )


def test_what_scaling_takes_beyond_float32_is_out_of_range_too(spark: SparkSession) -> None:
    small = spark.createDataFrame([(at, at * 1e-30) for at in range(8)], "id int, x double")
    model = FeaturePreparation(numericCols=["x"], storage="dense", handleInvalid="keep").fit(small)
    low, high = model.encoder.limits["x"]
    assert 0 < high < 1e10
    ends = spark.createDataFrame([(0, low), (1, high), (2, high * 1.1)], "id int, x double")
    found = encoded(model, ends)[:, 0]
    assert np.isfinite(found).all()
    assert np.abs(found[:2]) == pytest.approx(np.finfo(np.float32).max, rel=1e-6)
    assert found[2] == pytest.approx(encoded(model, ends.withColumn("x", F.lit(None).cast("double")))[2, 0])


@pytest.mark.spark_only
def test_a_run_ends_in_words_where_scaling_takes_a_number_of_another_part_beyond_float32(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = spark.range(8).selectExpr(
        "string(id) sparring__key",
        "double(id % 2) sparring__label",
        "1.0D sparring__weight",
        "'g' sparring__group",
        "if(id < 6, 'train', 'test') sparring__split",
        "if(id < 6, id * 1e-30D, 1e30D) x",
    )
    with pytest.raises(TableError, match=r"feature x beyond .* once it is scaled as the train part is. Fix the row"):
        prepare(rows, FeaturesConfig(numeric=["x"]), PrepareConfig(), 1, str(tmp_path))
