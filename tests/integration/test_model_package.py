"""Models packed out of a finished run answer raw rows with the run's own stored predictions, without Spark."""

import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3
import yaml
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from sparring.cli import app
from sparring.config import load_config
from sparring.errors import PackageError
from sparring.run.package import archive, package, unpacked
from sparring.run.pipeline import Run
from sparring.serving.manifest import MANIFEST, PREPARATION
from sparring.serving.packaged import PackagedModel
from sparring.task import Target

CONTENDERS = {
    "mllib-logistic": ("spark", "logistic_regression", {"regParam": 0.001}),
    "mllib-gbt": ("spark", "gradient_boosted_trees", {"maxIter": 5, "maxDepth": 4}),
    "sklearn-logistic": ("single_node", "logistic_regression", {"regParam": 0.001}),
    "xgboost": ("single_node", "gradient_boosted_trees", {"num_round": 10, "max_depth": 4}),
}
FEATURES = {
    "numeric": ["x", "whole", "flag"],
    "cyclic": {"hour": 24},
    "timestamp": ["seen", "day"],
    "categorical": ["city", "code", "level", "since", "smoker"],
}
TYPES = {"x": "double", "whole": "bigint", "flag": "boolean", "seen": "timestamp_ntz", "day": "date"}
TYPES |= {"hour": "bigint", "city": "string", "code": "bigint", "level": "double", "since": "date", "smoker": "boolean"}


def table() -> pd.DataFrame:
    """1,500 rows with every kind of column, in types that a category's text does not show, and holes."""
    rng = np.random.default_rng(5)
    n = 1_500
    x, code = rng.normal(size=n), rng.integers(1, 6, n)
    rows = pd.DataFrame(
        {
            "id": np.arange(n),
            "x": np.where(rng.random(n) < 0.05, np.nan, x),
            "whole": rng.integers(-9, 9, n),
            "flag": rng.random(n) < 0.3,
            "hour": rng.integers(0, 24, n),
            "seen": pd.Timestamp("2013-01-01") + pd.to_timedelta(rng.integers(0, 5e7, n), "s"),
            "day": (pd.Timestamp("2012-06-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")).date,
            "city": rng.choice(["Oslo", 'Ro"me, IT', "Wien é", "Bern"], n),
            "code": code,
            "level": rng.choice([0.5, 1.0, 10_000_000.0, 1e-5], n),
            "since": pd.to_datetime(rng.choice(["2001-02-03", "2011-12-13"], n)).date,
            "smoker": rng.random(n) < 0.5,
        }
    )
    rows.loc[rng.random(n) < 0.05, "city"] = None
    logit = x + (code > 3) + rows.smoker + rows.flag - 1.5
    return rows.assign(sick=(rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int))


def configuration(folder: Path) -> Path:
    """The configuration of a run on :func:`table`, which is written beside it."""
    table().to_parquet(folder / "table.parquet", coerce_timestamps="us")
    contenders = [
        {"name": name, "engine": engine, "family": family, "hyperparameters": values}
        for name, (engine, family, values) in CONTENDERS.items()
    ]
    config = {
        "name": "package",
        "table": {"path": str(folder / "table.parquet"), "key": ["id"], "label": "sick", "features": FEATURES},
        "prepare": {"min_frequency": 1, "storage": "sparse"},
        "contenders": contenders,
        "leakage": {"enabled": False},
        "resources": {"memory": "1g", "cores": 2, "isolation": "session"},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return folder / "run.yaml"


@pytest.fixture(scope="module")
def run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("package")
    Run(load_config(str(configuration(folder))), str(folder / "run")).execute()
    return folder / "run"


def packed(run: Path, contender: str | None, folder: Path) -> PackagedModel:
    """The contender as a server would have it: packed, unpacked, loaded."""
    (folder / "made").mkdir()
    package(str(run), contender, folder / "made")
    (folder / "model").mkdir()
    (folder / "model.tar.gz").write_bytes(archive(folder / "made"))
    unpacked(str(folder / "model.tar.gz"), folder / "model")
    return PackagedModel(folder / "model")


def raw_and_stored(run: Path, contender: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The raw rows of validation and test, and the scores that the run stored for them."""
    stored = pd.read_parquet(run / "train" / contender / "predictions").set_index("key").score
    rows = table().set_index("id", drop=False).loc[stored.index.astype(int)]
    return rows.drop(columns=["id", "sick"]), stored.to_numpy()


def bodies(rows: pd.DataFrame, names: list[str]) -> dict[str, tuple[bytes, str]]:
    """The same rows in every form that a package reads."""
    lines = rows.to_json(orient="records", lines=True, date_format="iso").encode()
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), parquet)
    lists = json.loads(rows[names].to_json(orient="values", date_format="iso"))
    records = json.loads(rows.to_json(orient="records", date_format="iso"))
    return {
        "csv": (rows.to_csv(index=False).encode(), "text/csv"),
        "csv in order": (rows[names].to_csv(index=False, header=False).encode(), "text/csv; header=absent"),
        "json": (json.dumps({"instances": records}).encode(), "application/json"),
        "json lists": (json.dumps(lists).encode(), "application/json"),
        "json lines": (lines, "application/jsonlines"),
        "parquet": (parquet.getvalue(), "application/x-parquet"),
    }


def test_every_contender_and_format_answers_the_stored_predictions(run: Path, tmp_path: Path) -> None:
    for contender in sorted(path.name for path in (run / "train").iterdir()):
        (tmp_path / contender).mkdir()
        model = packed(run, contender, tmp_path / contender)
        rows, stored = raw_and_stored(run, contender)
        assert len(stored) > 400
        assert stored.std() > 0.05
        for form, (body, content_type) in bodies(rows, [c.name for c in model.manifest.columns]).items():
            difference = np.abs(model.score(body, content_type) - stored).max()
            assert difference <= 1e-6, (contender, form, difference)


def test_the_manifest_says_what_it_takes_and_where_it_comes_from(run: Path, tmp_path: Path) -> None:
    manifest = packed(run, None, tmp_path).manifest
    report = json.loads((run / "report.json").read_text())
    assert manifest.run["contender"] == report["verdict"]["choice"]
    assert {column.name: column.type for column in manifest.columns} == TYPES
    assert manifest.run["fingerprints"] == report["encoding"]["fingerprints"]
    assert (manifest.label, manifest.target) == ("sick", Target("bigint", (0, 1)))
    winner = next(c for c in report["contenders"] if c["name"] == manifest.run["contender"])
    assert manifest.threshold == winner["metrics"]["accuracy"]["threshold"]
    assert manifest.threshold_from == "validation"
    assert manifest.storage == "sparse"
    assert set(manifest.files) == {PREPARATION, manifest.model_file}


def test_packing_again_makes_the_same_bytes_with_nothing_that_runs(run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        package(str(run), "mllib-gbt", tmp_path / name)
    made = archive(tmp_path / "one")
    assert made == archive(tmp_path / "two")
    with tarfile.open(fileobj=io.BytesIO(made)) as members:
        assert members.getnames() == [MANIFEST, PREPARATION, "trees.npz"]


def test_loading_a_package_needs_no_spark(run: Path, tmp_path: Path) -> None:
    model = packed(run, "mllib-gbt", tmp_path)
    rows, stored = raw_and_stored(run, "mllib-gbt")
    (tmp_path / "rows.csv").write_text(rows.to_csv(index=False))
    code = f"""
import sys
from pathlib import Path
from sparring.serving.packaged import PackagedModel
model = PackagedModel(Path({str(model.folder)!r}))
print(model.score(Path({str(tmp_path / "rows.csv")!r}).read_bytes(), "text/csv").sum())
heavy = {{"pyspark", "sklearn", "xgboost", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(stored.sum(), abs=1e-6)


def test_what_cannot_be_packed_is_refused_with_a_reason(run: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"no contender 'xgbost'.*Did you mean 'xgboost'"):
        package(str(run), "xgbost", tmp_path)
    old = tmp_path.parent / f"{tmp_path.name}-old"
    shutil.copytree(run, old)
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["stages"]["ingest"]["report"]["target"]
    (old / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PackageError, match="does not tell what the label's values were"):
        package(str(old), None, tmp_path)
    with pytest.raises(PackageError, match="is no run: it has no manifest"):
        package(str(tmp_path), None, tmp_path)
    with pytest.raises(PackageError, match=r"absent\.tar\.gz is no model package"):
        unpacked(str(tmp_path / "absent.tar.gz"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def threshold(run: Path, contender: str) -> float:
    """What the run chose on its validation rows."""
    found = {c["name"]: c for c in json.loads((run / "report.json").read_text())["contenders"]}
    return found[contender]["metrics"]["accuracy"]["threshold"]


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """``sparring serve`` as a process, once it answers pings, and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from sparring.cli import main; main()", "serve", *arguments, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        ping = f"http://127.0.0.1:{port}/ping"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                assert urllib3.request("GET", ping, retries=False).status == 200
                break
            except urllib3.exceptions.HTTPError:
                continue
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("source", ["run", "package"])
def test_serve_answers_raw_rows_with_the_winners_predictions(run: Path, source: str, tmp_path: Path) -> None:
    winner = json.loads((run / "report.json").read_text())["verdict"]["choice"]
    rows, stored = raw_and_stored(run, winner)
    arguments = [str(run), "--workers", "2"]
    if source == "package":
        winner, arguments = "mllib-gbt", [str(tmp_path / "model.tar.gz")]
        stored = raw_and_stored(run, winner)[1]
        rows = raw_and_stored(run, winner)[0]
        done = CliRunner().invoke(app, ["package", str(run), "--contender", winner, "--out", arguments[0]])
        assert done.exit_code == 0, done.output
        assert "Raw columns: x, whole, flag, hour" in " ".join(done.output.split())
    with served(*arguments) as (process, address):
        url = f"{address}/invocations"
        body, headers = rows.to_csv(index=False).encode(), {"Content-Type": "text/csv", "Accept": "application/json"}
        answer = urllib3.request("POST", url, body=body, headers=headers, timeout=60)
        assert answer.status == 200, answer.data
        scores = [prediction["score"] for prediction in answer.json()["predictions"]]
        assert np.abs(np.array(scores) - stored).max() <= 1e-6
        predicted = [prediction["predicted"] for prediction in answer.json()["predictions"]]
        assert predicted == [int(score >= threshold(run, winner)) for score in scores]
        assert set(predicted) == {0, 1}
        parquet = urllib3.request(
            "POST", url, body=body, headers={**headers, "Accept": "application/x-parquet"}, timeout=60
        )
        assert pq.read_table(io.BytesIO(parquet.data))["score"].to_pylist() == scores
        bad = rows.astype(object).head(3)
        bad.iloc[1, 0] = "warm"
        refused = urllib3.request("POST", url, body=bad.to_csv(index=False).encode(), headers=headers, timeout=60)
        assert (refused.status, refused.data) == (400, b"row 2, column 'x': 'warm' is not a number")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert f"Serving {winner} on {address}" in process.stdout.read()


def test_categories_that_train_did_not_show_are_unseen_not_refused(run: Path, tmp_path: Path) -> None:
    model = packed(run, "sklearn-logistic", tmp_path)
    row = raw_and_stored(run, "sklearn-logistic")[0].head(1).astype(object)
    scores = []
    for city in ("Oslo", "Atlantis", "Lemuria"):
        row["city"] = city
        scores.append(model.score(row.to_csv(index=False).encode(), "text/csv")[0])
    assert scores[1] == scores[2] != scores[0]
