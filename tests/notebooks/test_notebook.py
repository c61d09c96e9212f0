"""The notebook runs outside Databricks, as a whole, from its source."""

import json
import os
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_compare.py"


def test_the_notebook_is_in_databricks_source_format() -> None:
    text = NOTEBOOK.read_text()
    assert text.startswith("# Databricks notebook source\n")
    assert text.count("# COMMAND ----------") >= 5


def test_the_notebook_runs_as_a_script(small_run: Path, tmp_path: Path) -> None:
    parameters = {
        "SPARRING_CONFIG": str(small_run),
        "SPARRING_OUTPUT": str(tmp_path / "run"),
        "SPARRING_OVERRIDES": "resources.isolation=session leakage.audit=false",
    }
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        capture_output=True,
        text=True,
        env={**os.environ, **parameters},
        cwd=tmp_path,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Verdict:" in done.stdout
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["rows"]["input"] == 4_000
