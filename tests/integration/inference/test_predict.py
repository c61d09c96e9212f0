"""``sparring predict``: all modes on both engines, one answer; bad rows apart; nothing left behind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.errors import PythonException
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from sparring.cli import app
from sparring.config import load_config
from sparring.errors import ConfigError, PackageError, ParamError, SageMakerError, TableError
from sparring.inference.modes import Scoring
from sparring.inference.packaged import PackageModel
from sparring.report.scoring import scoring_of
from sparring.run.package import archive, package
from sparring.run.pipeline import Run
from sparring.run.predict import Prediction
from sparring.sagemaker.target import AwsTarget

from .conftest import left

ROWS = 400
AWS_MODES = ("realtime", "serverless", "async", "batch")
# Mode and engine.
WAYS = [(mode, engine) for engine in ("one_machine", "spark") for mode in (engine, *AWS_MODES)]
# Small requests, so that there are several, and every way to write them.
SETS = {
    "realtime": ("predict.requests.max_rows=60", "predict.content_type=application/jsonlines"),
    "serverless": ("predict.requests.max_rows=150", "predict.content_type=text/csv"),
    "async": ("predict.asynchronous.max_rows=90",),
    "batch": ("predict.batch.max_rows=150", "predict.batch.join=true"),
}


def people(count: int, seed: int) -> pd.DataFrame:
    """Rows with every kind of column."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    table = pd.DataFrame(
        {
            "id": [f"{number:05d}" for number in range(count)],
            "x": np.where(rng.random(count) < 0.05, np.nan, x),
            "hour": rng.integers(0, 24, count),
            "seen": (pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 5e7, count), "s")).as_unit("us"),
            "city": rng.choice(["Oslo", "Rome, IT", "Wien é"], count),
            "code": rng.integers(1, 6, count),
        }
    )
    table.loc[rng.random(count) < 0.05, "city"] = None
    return table.assign(sick=np.where(rng.random(count) < 1 / (1 + np.exp(-x - (table.code > 3))), "yes", "no"))


@pytest.fixture(scope="module")
def run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run with one contender."""
    folder = tmp_path_factory.mktemp("predict")
    people(1_000, 5).to_parquet(folder / "table.parquet")
    features = {"numeric": ["x"], "cyclic": {"hour": 24}, "timestamp": ["seen"], "categorical": ["city", "code"]}
    hyperparameters = {"num_round": 10, "max_depth": 4}
    contender = {"name": "xgboost", "engine": "single_node", "family": "gradient_boosted_trees"}
    config = {
        "name": "predict",
        "table": {"path": str(folder / "table.parquet"), "key": ["id"], "label": "sick", "features": features},
        "contenders": [contender | {"hyperparameters": hyperparameters}],
        "resources": {"memory": "1g", "cores": 2, "isolation": "session"},
        "leakage": {"enabled": False},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    Run(load_config(str(folder / "run.yaml")), str(folder / "run")).execute()
    return str(folder / "run")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Rows to score without a label, as CSV: eight of them are bad, and one number is NaN."""
    rows = people(ROWS, 6).drop(columns="sick").astype({"x": str, "code": str})
    rows.loc[0, "x"], rows.loc[1, "x"], rows.loc[2, "code"] = "much", "inf", "four"
    rows.loc[[3, 4], "id"] = None
    rows.loc[5, "x"], rows.loc[6, "x"], rows.loc[7, "x"], rows.loc[8, "x"] = "1e308", "-1e308", "-inf", "NaN"
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    rows.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def shared(target: AwsTarget, monkeypatch: pytest.MonkeyPatch) -> AwsTarget:
    monkeypatch.setattr("sparring.run.predict.open_target", lambda config, resources: target)
    return target


def accuracy(run: str) -> dict:
    """The accuracy of the only contender as the page shows it, with the threshold that was chosen."""
    (contender,) = json.loads(Path(run, "report.json").read_text())["contenders"]
    return contender["metrics"]["accuracy"]


def chosen(run: str) -> float:
    return accuracy(run)["threshold"]


def words(probabilities: pd.Series, threshold: float) -> list[str]:
    """What the label would say, computed without the product."""
    return ["yes" if probability >= threshold else "no" for probability in probabilities]


def read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path / "predictions").sort_values("id").reset_index(drop=True)


@pytest.fixture(scope="module")
def expected(spark: SparkSession, run: str, table: str, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The predictions of Spark itself."""
    folder = tmp_path_factory.mktemp("expected") / "out"
    Prediction(table, run, "spark", out=str(folder)).execute()
    return read(folder)


@pytest.mark.parametrize(("mode", "engine"), WAYS)
def test_all_modes_give_one_answer_and_leave_nothing(
    run: str, table: str, expected: pd.DataFrame, shared: AwsTarget, tmp_path: Path, mode: str, engine: str
) -> None:
    sets = (*SETS.get(mode, ()), f"engine={engine}")
    told = Prediction(table, run, mode, out=str(tmp_path / "out"), overrides=sets).execute()
    assert left(shared) == []
    assert expected.columns.tolist() == ["id", "probability", "predicted"]
    assert len(expected) == ROWS - 8
    assert expected.probability.nunique() > 50
    assert expected.predicted.tolist() == words(expected.probability, chosen(run))
    assert set(expected.predicted) == {"yes", "no"}
    bad = {
        "feature code not of type bigint": 1,
        "feature x beyond +-3.4e+38": 2,
        "feature x infinite": 2,
        "feature x not a number": 1,
        "key id missing": 2,
    }
    found = read(tmp_path / "out")
    assert found.id.tolist() == expected.id.tolist()
    assert np.abs(found.probability - expected.probability).max() <= 1e-6
    assert found.predicted.tolist() == expected.predicted.tolist()
    assert (told["rows"], told["metrics"]["rows"], told["quarantined"]) == (ROWS - 8, ROWS - 8, bad)
    assert (told["threshold"], told["threshold_from"]) == (chosen(run), "validation")
    assert told["predicted"]["yes"] == (found.predicted == "yes").sum()
    assert (told["engine"], told["emulated"]) == (engine, mode in AWS_MODES)
    # An emulator's time is never priced as SageMaker's.
    assert (told["cost"] is None) == (mode in AWS_MODES)
    assert json.loads((tmp_path / "out" / "scoring.json").read_text())["rows"] == ROWS - 8
    if mode == "realtime":
        assert told["metrics"]["requests"] > 3
    if mode == "serverless":
        assert told["phases"]["cold_start"] > 0


def test_the_model_s_own_predictions_come_again(spark: SparkSession, run: str, tmp_path: Path) -> None:
    """The run scored its test part itself: the same rows, raw, get the same scores."""
    config = json.loads(Path(run, "manifest.json").read_text())["config"]
    Prediction(config["table"]["path"], run, "spark", out=str(tmp_path / "out")).execute()
    stored = pd.read_parquet(Path(run, "train", "xgboost", "predictions"))
    again = read(tmp_path / "out").set_index("id").loc[stored.key]
    assert np.abs(again.probability.to_numpy() - stored.score.to_numpy()).max() <= 1e-6
    # So does the accuracy that the page shows for the test part.
    test = (stored.split == "test").to_numpy()
    right = np.where(stored.label == 1, "yes", "no")[test] == again.predicted.to_numpy()[test]
    assert right.mean() == pytest.approx(accuracy(run)["value"], abs=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 0.35, 1.0])
def test_a_threshold_of_ones_own_is_used(
    spark: SparkSession, run: str, table: str, threshold: float, tmp_path: Path
) -> None:
    overrides = (f"predict.threshold={threshold}",)
    facts = Prediction(table, run, "spark", out=str(tmp_path / "out"), overrides=overrides).execute()
    found = read(tmp_path / "out")
    assert found.predicted.tolist() == words(found.probability, threshold)
    assert (facts["threshold"], facts["threshold_from"]) == (threshold, "predict.threshold")


@pytest.fixture(scope="module")
def packed(run: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The run's package."""
    folder = tmp_path_factory.mktemp("packed")
    (folder / "made").mkdir()
    package(run, None, folder / "made")
    (folder / "model.tar.gz").write_bytes(archive(folder / "made"))
    return str(folder / "model.tar.gz")


def test_the_package_stage_predicts_the_label_s_own_values(spark: SparkSession, run: str, packed: str) -> None:
    rows = spark.createDataFrame(people(50, 3).drop(columns=["sick", "id"]))
    stage = PackageModel(package=packed, probabilityCol="p", predictedCol="said")
    scored = stage.transform(rows)
    found = scored.toPandas()
    assert found.said.tolist() == words(found.p, chosen(run))
    assert scored.schema == stage.transformSchema(rows.schema)


@pytest.mark.parametrize("value", [1e308, -1e308, float("inf"), float("-inf")])
def test_the_package_stage_handles_rows_that_cannot_be_scored(spark: SparkSession, packed: str, value: float) -> None:
    table = people(8, 3).drop(columns="sick")
    good = spark.createDataFrame(table)
    bad = spark.createDataFrame(table.assign(x=table.x.where(table.id != "00003", value)))
    expected = PackageModel(package=packed).transform(good).toPandas().set_index("id")
    with pytest.raises(PythonException, match=r"column 'x': .* is not a number from"):
        PackageModel(package=packed).transform(bad).collect()
    skipped = PackageModel(package=packed, handleInvalid="skip").transform(bad).toPandas().set_index("id")
    assert skipped.index.tolist() == [key for key in expected.index if key != "00003"]
    assert (skipped.probability == expected.probability[skipped.index]).all()
    stage = PackageModel(package=packed, handleInvalid="keep", reasonCol="why")
    kept = stage.transform(bad).toPandas().set_index("id")
    assert kept.index.tolist() == expected.index.tolist()
    assert kept.loc["00003", ["probability", "predicted"]].isna().all()
    word = "infinite" if np.isinf(value) else "beyond +-3.4e+38"
    assert kept.why.dropna().to_dict() == {"00003": f"feature x {word}"}
    assert (kept.probability.dropna() == skipped.probability).all()
    with pytest.raises(ParamError, match="handleInvalid"):
        PackageModel(package=packed, handleInvalid="drop").transform(good)


def test_the_command_says_what_it_did(spark: SparkSession, run: str, table: str) -> None:
    done = CliRunner().invoke(app, ["predict", table, "--run", run])
    assert done.exit_code == 0, done.output
    assert "392 rows scored with xgboost (spark)" in done.output
    assert "sick = yes predicted for" in done.output
    assert "chosen on the run's validation rows" in " ".join(done.output.split())
    assert "2 rows quarantined: key id missing" in done.output
    assert "USD (list prices of" in done.output
    (facts,) = scoring_of(run)
    assert facts["mode"] == "spark"
    page = Path(run, "report.html").read_text()
    assert "<h2>Scoring: time and price</h2>" in page
    assert 'data-pointer="/scoring/0/cost/low"' in page


def test_a_failure_leaves_no_resource_and_no_half_result(
    spark: SparkSession, run: str, table: str, shared: AwsTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sparring.inference.modes._through_endpoint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Prediction(table, run, "realtime", out=str(tmp_path / "out")).execute()
    monkeypatch.setattr("sparring.inference.modes.LOCAL_IMAGE", "nowhere/unknown:1")
    for mode in ("async", "batch"):
        with pytest.raises(SageMakerError, match="unknown"):
            Prediction(table, run, mode, out=str(tmp_path / "out")).execute()
    assert left(shared) == []
    assert not (tmp_path / "out").exists()
    assert not list(Path(run, "scoring").glob("*registry*"))


def test_what_is_wrong_is_said_before_anything_is_made(
    spark: SparkSession, run: str, table: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"mode must be one of auto, realtime, .*, spark, one_machine"):
        Prediction(table, run, "quick").execute()
    with pytest.raises(ConfigError, match="'builtin:trains' is no table that Sparring brings along"):
        Prediction("builtin:trains", run, "spark").execute()
    with pytest.raises(PackageError, match="has no contender 'forest'"):
        Prediction(table, run, "spark", "forest").execute()
    with pytest.raises(PackageError, match="is no run"):
        Prediction(table, str(tmp_path), "spark").execute()
    with pytest.raises(ConfigError, match=r"predict\.requests\.max_bytes"):
        Prediction(table, run, "spark", overrides=("predict.requests.max_bytes=7000000",)).execute()
    people(10, 1).drop(columns="city").to_parquet(tmp_path / "narrow.parquet")
    with pytest.raises(TableError, match="The model takes column 'city'"):
        Prediction(str(tmp_path / "narrow.parquet"), run, "spark").execute()


def test_on_aws_an_image_is_needed(spark: SparkSession, run: str) -> None:
    target = AwsTarget("arn:aws:iam::123456789012:role/r", "bucket", "", "eu-west-1")
    scoring = Scoring("model.tar.gz", ["x"], load_config("demo").predict, target)
    with pytest.raises(ConfigError, match=r"predict\.image is missing"), scoring.uploaded():
        pass
