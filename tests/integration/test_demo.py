"""The demo on real flights keeps its promises.

``SPARRING_DEMO_RUN`` names the folder of a demo that was just run, or is still running, on all 336,776 flights; without
it the flights of two months are compared here, in a quarter of the time.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from sparring.config import load_config
from sparring.data.builtin import flights_folder, read_flights
from sparring.data.ingest import accepted
from sparring.dedup import Deduplicator
from sparring.model_selection import StratifiedSplitter

GROUP = ["carrier", "flight", "origin", "dest", "sched_dep_time"]
CONTENDERS = ["mllib-logistic", "mllib-gbt", "sklearn-logistic", "xgboost", "spark-xgboost", "sagemaker-xgboost"]


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """The flights that the demo is about, as PyPI's package has them."""
    every = pd.read_csv(flights_folder() / "flights.csv.zip")
    return every[every.month <= (12 if "SPARRING_DEMO_RUN" in os.environ else 2)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession, until: Callable) -> Path:
    """The folder of a finished demo."""
    if "SPARRING_DEMO_RUN" in os.environ:
        folder = Path(os.environ["SPARRING_DEMO_RUN"])
        until((folder / "report.html").exists)
        return folder
    folder = tmp_path_factory.mktemp("demo")
    read_flights(spark).where("month <= 2").write.parquet(str(folder / "flights"))
    table = ["--set", "table.builtin=null", "--set", f"table.path={folder / 'flights'}"]
    command = [sys.executable, "-m", "sparring", "demo", "--output", str(folder / "run"), *table]
    subprocess.run(command, check=True, timeout=1_500)
    return folder / "run"


@pytest.fixture(scope="module")
def report(run: Path) -> dict:
    """The demo's report.json."""
    return json.loads((run / "report.json").read_text())


def test_all_contenders_finish(report: dict) -> None:
    assert [c["name"] for c in report["contenders"]] == CONTENDERS
    assert [c["error"] for c in report["contenders"]] == [None] * len(CONTENDERS)


def test_flights_that_never_left_are_counted_and_every_row_is_accounted_for(
    report: dict, flights: pd.DataFrame
) -> None:
    rows = report["rows"]
    assert rows["input"] == len(flights)
    assert report["quarantine"] == {"label late missing": flights.dep_delay.isna().sum()}
    parts = ("quarantined", "duplicates_removed", "train", "validation", "test")
    assert rows["input"] == sum(rows[part] for part in parts)


def test_no_schedule_is_in_two_parts_and_late_flights_keep_their_share(run: Path) -> None:
    split = pd.read_parquet(run / "split", columns=[*GROUP, "sparring__split", "sparring__label"])
    assert split.groupby(GROUP).sparring__split.nunique().max() == 1
    shares = split.groupby("sparring__split")["sparring__label"].agg(["size", "sum"]) / [
        len(split),
        split["sparring__label"].sum(),
    ]
    for part, share in {"train": 0.7, "validation": 0.1, "test": 0.2}.items():
        assert shares.loc[part].to_numpy() == pytest.approx([share, share], abs=1e-4)


@pytest.mark.parametrize("partitions", [1, 7, 64])
def test_the_split_does_not_depend_on_partitions_or_row_order(spark: SparkSession, run: Path, partitions: int) -> None:
    config = load_config("demo")
    rows = accepted(spark, str(run / "ingest")).repartition(partitions, F.rand(partitions))
    marked = Deduplicator(
        inputCols=config.deduplicate.columns, keyCols=["sparring__key"], labelCol="sparring__label"
    ).transform(rows)
    splitter = StratifiedSplitter(
        keyCols=["sparring__key"],
        stratifyCols=["sparring__label"],
        groupCols=GROUP,
        seed=config.seed,
        weights=[0.7, 0.1, 0.2],
        splitCol="sparring__split",
    )
    again = splitter.transform(marked.where("isSurvivor"))
    first = spark.read.parquet(str(run / "split"))
    # An order-free digest of (row, part): equal for equal assignments, different for any single move.
    digest = F.sum(F.xxhash64("sparring__key", "sparring__split").cast("decimal(38,0)"))
    assert again.agg(F.count("*"), digest).first() == first.agg(F.count("*"), digest).first()


def test_engines_agree_where_they_solve_the_same_problem(report: dict) -> None:
    pairs = {(pair["left"], pair["right"]): pair for pair in report["equivalence"]}
    logistic = pairs["mllib-logistic", "sklearn-logistic"]
    assert logistic["objective_gap"] <= 1e-9
    assert logistic["max_score_difference"] <= 1e-5
    assert pairs["sagemaker-xgboost", "xgboost"]["max_score_difference"] <= 1e-6


@pytest.mark.parametrize("name", CONTENDERS)
def test_metrics_equal_scikit_learns_on_the_stored_predictions(run: Path, report: dict, name: str) -> None:
    predictions = pd.read_parquet(run / "train" / name / "predictions")
    test = predictions[predictions.split == "test"]
    found = next(c for c in report["contenders"] if c["name"] == name)["metrics"]
    expected = {
        "roc_auc": roc_auc_score(test.label, test.score),
        "pr_auc": average_precision_score(test.label, test.score),
        "log_loss": log_loss(test.label, test.score),
        "brier": brier_score_loss(test.label, test.score),
        "accuracy": np.mean((test.score >= found["accuracy"]["threshold"]) == test.label),
    }
    for metric, value in expected.items():
        assert found[metric]["value"] == pytest.approx(value, abs=1e-9)
        assert found[metric]["low"] <= value <= found[metric]["high"]


def test_the_naive_split_leaks_and_the_safe_one_does_not(report: dict) -> None:
    leakage = report["leakage"]
    assert leakage["naive"]["group_overlap_rate"] > 0.9
    assert leakage["naive"]["group_mean"] > 0.6
    assert leakage["safe"]["group_overlap_rate"] == 0
    assert leakage["safe"]["group_mean"] == 0.5


def test_the_readme_s_predict_example_runs_as_written(run: Path, report: dict, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (line,) = re.findall(r"^uv run sparring (predict .*?)(?: +#.*)?$", text, re.M)
    # The demo writes runs/flights; what it scored with its models goes there, too.
    skipped = shutil.ignore_patterns("matrix", "naive", "split", "deduplicate")
    shutil.copytree(run, tmp_path / "runs" / "flights", ignore=skipped)
    command = [sys.executable, "-m", "sparring", *shlex.split(line), "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["rows"] == 336_776
    choice = next(c for c in report["contenders"] if c["name"] == report["verdict"]["choice"])
    assert facts["threshold"] == choice["metrics"]["accuracy"]["threshold"]
    scored = pd.read_parquet(tmp_path / "runs" / "flights" / "scoring" / "one_machine" / "predictions")
    assert (scored.predicted == (scored.probability >= facts["threshold"])).all()
    assert scored.predicted.dtype == "int32"
    assert facts["predicted"] == {"0": (scored.predicted == 0).sum(), "1": scored.predicted.sum()}


def test_peak_memory_stays_below_8_gigabytes(report: dict) -> None:
    assert all(c["peak_memory_bytes"] < 8e9 for c in report["contenders"])


def test_the_emulator_is_not_chosen(report: dict) -> None:
    emulated = [c["name"] for c in report["contenders"] if c["emulated"]]
    assert emulated == ["sagemaker-xgboost"]
    assert report["verdict"]["choice"] not in emulated
