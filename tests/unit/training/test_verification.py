"""Our checks of what a contender read are no part of what is measured, and still find what is wrong."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparring.comparison.isolated_run import run_contender
from sparring.data.matrix import PreparedMatrix
from sparring.training.runner import train
from sparring.training.spec import TrainingSpec
from sparring.training.xgboost_single_node import SingleNodeXGBoost

SLOW = 3.0
# Read by every Python that starts with its folder on the path: the contender's process, too.
SLOW_CHECK = f"""
import time
import numpy as np
from sparring.data import matrix

fingerprint = matrix.Part.fingerprint

def slow(part):
    held, end = np.ones(200 << 17), time.perf_counter() + {SLOW}
    while time.perf_counter() < end:
        sum(range(10_000))
    return fingerprint(part)

matrix.Part.fingerprint = slow
"""


def task_of(matrix: PreparedMatrix, folder: Path) -> TrainingSpec:
    return TrainingSpec(
        name="trees",
        engine="single_node",
        family="gradient_boosted_trees",
        hyperparameters={"num_round": 2},
        matrix=matrix.folder,
        folder=str(folder),
        cores=1,
        memory="1g",
        seed=1,
        target={"type": "int", "classes": [0, 1]},
    )


def slow_check(monkeypatch: pytest.MonkeyPatch, folder: Path, isolation: str) -> None:
    if isolation == "process":
        (folder / "sitecustomize.py").write_text(SLOW_CHECK)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return
    exec(SLOW_CHECK.replace("matrix.Part.fingerprint = slow", ""), names := {})
    monkeypatch.setattr("sparring.data.matrix.Part.fingerprint", names["slow"])


@pytest.mark.parametrize("isolation", ["process", "session"])
def test_a_slow_and_large_check_changes_no_figure(
    isolation: str, sparse_matrix: PreparedMatrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run_contender(task_of(sparse_matrix, tmp_path / "before"), isolation)
    slow_check(monkeypatch, tmp_path, isolation)
    after = run_contender(task_of(sparse_matrix, tmp_path / "after"), isolation)
    assert before["status"] == after["status"] == "ok"
    # Three parts, each of which takes so long and holds 200 MiB.
    assert before["unmeasured"]["verify"] < SLOW < 3 * SLOW <= after["unmeasured"]["verify"]
    assert "verify" not in after["phases"]
    assert after["cpu_seconds"] < before["cpu_seconds"] + SLOW / 2
    assert after["wall_seconds"] - sum(after["phases"].values()) < before["wall_seconds"] + SLOW
    assert after["peak_memory_bytes"] < before["peak_memory_bytes"] + (100 << 20)
    assert after["matrix"] == before["matrix"]


def changed(matrix: PreparedMatrix, folder: Path, part: str, change: str) -> PreparedMatrix:
    """Return a copy of ``matrix`` with one file changed: a label, a feature, a lost or a doubled row."""

    shutil.copytree(matrix.folder, folder)
    file = next((folder / "matrix" / f"split={part}").glob("*.parquet"))
    table = pq.read_table(file, partitioning=None)
    if change == "label":
        labels = table["label"].to_numpy().copy()
        labels[0] = 1 - labels[0]
        table = table.set_column(table.schema.get_field_index("label"), "label", pa.array(labels))
    elif change == "feature":
        vectors = table["features"].combine_chunks()
        children = {name: vectors.field(name) for name in ("type", "size", "indices", "values")}
        values = children["values"].flatten().to_numpy().copy()
        values[np.flatnonzero(values)[0]] += 1
        children["values"] = pa.ListArray.from_arrays(children["values"].offsets, pa.array(values))
        new = pa.StructArray.from_arrays(list(children.values()), list(children))
        table = table.set_column(table.schema.get_field_index("features"), "features", new)
    else:
        table = table[1:] if change == "lost row" else pa.concat_tables([table, table[:1]])
    pq.write_table(table, file)
    return PreparedMatrix(str(folder))


@pytest.mark.parametrize("engine", ["single_node", "spark"])
@pytest.mark.parametrize(
    ("part", "change"),
    [("train", "feature"), ("test", "label"), ("validation", "lost row"), ("train", "doubled row")],
)
def test_what_was_read_is_what_preparation_wrote_or_the_contender_fails(
    spark: Any, engine: str, part: str, change: str, sparse_matrix: PreparedMatrix, tmp_path: Path
) -> None:
    matrix = changed(sparse_matrix, tmp_path / "changed", part, change)
    spec = task_of(matrix, tmp_path / "run")
    family = {"family": "logistic_regression", "hyperparameters": {"regParam": 0.1, "maxIter": 2}}
    result = train(TrainingSpec(**{**vars(spec), "engine": engine, **family}))
    assert result["status"] == "failed"
    assert result["error"]["type"] == "TableError"
    assert part in result["error"]["message"]
    assert not Path(spec.predictions).exists()


def test_the_arrays_that_were_fitted_are_what_is_verified(
    sparse_matrix: PreparedMatrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are right; the arrays are not: a check of the files would say nothing."""
    fit = SingleNodeXGBoost.fit_rows

    def careless(self: Any, features: Any, *rest: Any, **named: Any) -> Any:
        model = fit(self, features, *rest, **named)
        features.data[np.flatnonzero(features.data)[0]] *= 2
        return model

    monkeypatch.setattr(SingleNodeXGBoost, "fit_rows", careless)
    result = train(task_of(sparse_matrix, tmp_path / "run"))
    assert result["error"]["type"] == "TableError"
    assert "train" in result["error"]["message"]


def test_work_is_done_before_it_is_verified(sparse_matrix: PreparedMatrix, tmp_path: Path) -> None:
    spec, seen = task_of(sparse_matrix, tmp_path / "run"), {}

    def work_done() -> None:
        seen["files"] = sorted(path.name for path in Path(spec.predictions).iterdir())

    result = train(spec, work_done=work_done)
    assert seen["files"] == ["part-test.parquet", "part-validation.parquet"]
    assert result["unmeasured"]["verify"] >= 0
