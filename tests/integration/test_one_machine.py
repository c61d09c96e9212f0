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
    without = {name: value for name, value in os.environ.items() if not name.startswith(("JAVA", "SPARK", "PYSPARK"))}
    # Where no program is, no Java either; and one that is found would fail.
    environment = without | {"PATH": str(tmp_path), "JAVA_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "sparring", "run", str(config), "--output", str(tmp_path / "run"), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
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
