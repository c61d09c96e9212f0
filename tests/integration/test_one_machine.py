"""A run without Spark: no Java is asked for, and ``verify`` tells whether Spark would have made the same rows."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from sparring.run.exit_codes import ExitCode


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = 600
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "c": rng.choice(["a", "b", None], rows),
            "g": rng.integers(0, 90, rows),
            "y": rng.choice(["no", "yes"], rows),
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "run.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "one",
                "table": {
                    "path": str(tmp_path / "table.csv"),
                    "label": "y",
                    "group": ["g"],
                    "features": {"numeric": ["x"], "categorical": ["c"]},
                },
                "leakage": {"enabled": False},
                "contenders": [{"name": "sklearn", "engine": "single_node", "family": "logistic_regression"}],
            }
        )
    )
    return tmp_path / "run.yaml"


def test_a_run_on_one_machine_needs_no_java(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sparring", "run", str(config), "--output", str(tmp_path / "run"), "--json"]
    done = subprocess.run(
        command, env=without_java(tmp_path), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    engines = {stage["name"]: stage["engine"] for stage in report["stages"]}
    assert {engines[name] for name in ("ingest", "deduplicate", "split", "audit", "prepare")} == {"one_machine"}
    (job,) = report["whole_job"]
    assert job["total"] == pytest.approx(job["data"] + job["contender"])
    assert job["data"] > 0


def test_verify_says_whether_both_engines_made_the_same(sparring: Callable, config: Path, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    assert (
        sparring("run", str(config), "--output", run, "--set", "engine=one_machine", "--until", "split").returncode == 0
    )
    done = sparring("verify", run, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["engines"] == ["one_machine", "spark"]
    assert {stage["stage"]: stage["rows"] for stage in found["stages"]} == dict.fromkeys(
        ("ingest", "deduplicate", "split"), 600
    )
    assert not (tmp_path / "run" / "verify").exists()
    (part,) = (tmp_path / "run" / "split").glob("*.parquet")
    rows = pq.read_table(part)
    at = rows.column_names.index("x")
    changed = pc.if_else(pa.array(np.arange(len(rows)) == 7), pa.scalar(1e-300), rows.column("x"))
    pq.write_table(rows.set_column(at, "x", changed), part)
    told = sparring("verify", run)
    assert told.returncode == ExitCode.NOT_THE_SAME
    assert "split: split: column 'x'" in told.stdout


def test_a_run_goes_on_with_the_other_engine(sparring: Callable, config: Path, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    for engine, until in (("one_machine", "split"), ("spark", "prepare"), ("one_machine", "prepare")):
        arguments = ("run", str(config), "--output", run, "--set", f"engine={engine}", "--until", until)
        assert sparring(*arguments).returncode == 0
    stages = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
    assert {name: stage["engine"] for name, stage in stages.items()} == {
        "ingest": "one_machine",
        "deduplicate": "one_machine",
        "split": "one_machine",
        "audit": "spark",
        "prepare": "spark",
    }


def test_verify_without_a_run_says_so(sparring: Callable, tmp_path: Path) -> None:
    done = sparring("verify", str(tmp_path / "nowhere"))
    assert done.returncode == ExitCode.PACKAGE
    assert "nowhere" in done.stderr


def without_java(folder: Path) -> dict[str, str]:
    """An environment in which there is no program, and so no Java; one that is found would fail."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "SPARK", "PYSPARK"))}
    return kept | {"PATH": str(folder), "JAVA_HOME": str(folder)}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_prediction_needs_no_java_in_any_mode(tmp_path: Path, task: str) -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"id": [f"k{at}" for at in range(400)], "x": rng.normal(size=400), "z": rng.normal(size=400)})
    labels = rows.x + 0.5 * rng.normal(size=400)
    bins = {"binary": [0.0], "multiclass": [-0.5, 0.5]}
    rows["y"] = labels if task == "regression" else [f"class {code}" for code in np.digitize(labels, bins[task])]
    rows.to_csv(tmp_path / "table.csv", index=False)
    config = {
        "name": "predict",
        "table": {"path": "table.csv", "label": "y", "key": ["id"], "features": {"numeric": ["x", "z"]}},
        "leakage": {"enabled": False, "audit": False},
        "contenders": [
            {
                "name": "trees",
                "engine": "single_node",
                "family": "gradient_boosted_trees",
                "hyperparameters": {"num_round": 5},
            }
        ],
        "resources": {"isolation": "session"},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))

    def sparring(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "sparring", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=without_java(tmp_path), capture_output=True, text=True, check=False
        )

    assert sparring("run", "run.yaml", "--output", "run").returncode == 0
    found = []
    for mode in ("auto", "realtime", "batch"):
        done = sparring("predict", "table.csv", "--run", "run", "--contender", "trees", "--mode", mode, "--out", mode)
        assert done.returncode == 0, done.stderr
        found.append(pd.read_parquet(tmp_path / mode / "predictions").sort_values("id", ignore_index=True))
    assert len(found[0]) == 400
    assert found[0].predicted.nunique() == {"binary": 2, "multiclass": 3}.get(task, found[0].predicted.nunique())
    for other in found[1:]:
        if task == "regression":
            np.testing.assert_allclose(other.predicted, found[0].predicted, atol=1e-6)
        else:
            assert other.predicted.tolist() == found[0].predicted.tolist()


def test_stages_take_tables_without_java(tmp_path: Path) -> None:
    script = """
import pandas as pd
from sparring import Deduplicator, FeaturePreparation, NearDeduplicator
from sparring.model_selection import KFold, StratifiedGroupSplitter
rows = pd.DataFrame({"id": range(60), "x": [at % 7 / 3 for at in range(60)], "c": ["a", "b", "c"] * 20})
rows["y"], rows["g"], rows["t"] = rows.id % 2, rows.id // 3, [f"a text, {at % 50}" for at in range(60)]
made = Deduplicator(inputCols=["x", "c"], keyCols=["id"], clusterCol="k1", survivorCol="s1").transform(rows)
made = NearDeduplicator(textCols=["t"], keyCols=["id"], clusterCol="k2", survivorCol="s2").transform(made)
made = StratifiedGroupSplitter(keyCols=["id"], stratifyCols=["y"], groupCols=["g"]).transform(made)
made = KFold(keyCols=["id"], numFolds=3).transform(made)
made = FeaturePreparation(numericCols=["x"], categoricalCols=["c"]).fit_transform(made)
print(len(made), made.features[0].size, made.k1.nunique(), made.k2.nunique())
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=without_java(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "60"
