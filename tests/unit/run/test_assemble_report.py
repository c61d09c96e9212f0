"""From the files of a run to its report, for every task: made-up trainers, real files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score, root_mean_squared_error

from sparring.config.schema import RunConfig
from sparring.errors import ConfigError
from sparring.io import storage
from sparring.run.assemble_report import assemble_report
from sparring.run.manifest import Manifest
from sparring.task import Target, Task, task_named

ROWS = {"train": 900, "validation": 300, "test": 600}
TARGETS = {
    "binary": Target("string", ("no", "yes")),
    "multiclass": Target("string", ("calm", "rough", "very rough")),
    "regression": Target("double"),
}


def labels_of(task: Task, effect: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noisy = effect + random.normal(size=len(effect))
    if task.name == "regression":
        return 10 * noisy
    return np.digitize(noisy, [0.4] if task.name == "binary" else [-0.5, 0.8]).astype(float)


def scores_of(task: Task, seen: np.ndarray) -> list[Any]:
    if task.name == "regression":
        return (10 * seen).tolist()
    if task.name == "binary":
        return (1 / (1 + np.exp(0.6 - 1.5 * seen))).tolist()
    shares = np.exp(-((np.array([-1.2, 0.15, 1.5]) - seen[:, None]) ** 2))
    return (shares / shares.sum(axis=1, keepdims=True)).tolist()


def write(folder: str, rows: pd.DataFrame, matrix: str = "prepare") -> None:
    """Write the prepared matrix, without features: no model is compared here."""
    for part, own in rows.groupby("split"):
        path = Path(folder, matrix, "matrix", f"split={part}")
        path.mkdir(parents=True)
        pq.write_table(pa.Table.from_pandas(own[["key", "group", "label", "weight"]]), path / "part-0.parquet")
    storage.write_json(storage.join(folder, matrix, "encoding.json"), {"size": 2, "names": ["a", "b"]})


def contender(name: str, **changes: Any) -> dict[str, Any]:
    """The ``result.json`` of one that was trained."""
    stated = {"group": "made-up", "settings": {}, "score_tolerance": 1e-6, "objective_tolerance": None}
    own = {
        "name": name,
        "engine": "single_node",
        "path": "one machine",
        "library": "made-up",
        "family": "made-up",
        "title": name,
        "seed": 1,
    }
    used = {"wall_seconds": 1.0, "cpu_seconds": 1.0, "peak_memory_bytes": 1, "phases": {"fit": 1.0}, "unmeasured": {}}
    rest = {"status": "ok", "error": None, "emulated": False, "notes": [], "versions": {}, "hyperparameters": {}}
    return {
        **own,
        **used,
        **rest,
        "matrix": {"fingerprints": {"train": "f-900"}},
        "capacity": {},
        "equivalence": stated,
        "cores": 1,
        "isolation": "process",
        **changes,
    }


def a_run(
    folder: str, task: Task, **evaluation: Any
) -> tuple[RunConfig, Manifest, list[dict[str, Any]], dict[str, Any]]:
    """Matrix, predictions and reports of the stages, as a run leaves them: two of one model, one that is worse."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"split": np.repeat(list(ROWS), list(ROWS.values()))})
    effect, target = random.normal(size=len(rows)), TARGETS[task.name]
    rows["key"] = [f"k{at:05d}" for at in range(len(rows))]
    rows["group"], rows["weight"] = [f"g{at // 2}" for at in range(len(rows))], 1.0
    rows["label"] = labels_of(task, effect, random)
    write(folder, rows)
    write(folder, rows.assign(group=[f"g{at % 100}" for at in range(len(rows))]), "naive")
    noise = {"one": 0.2, "other": 0.2, "poor": 2.0}
    scored = rows[rows.split != "train"]
    places = {f"train/{name}": spread for name, spread in noise.items()} | {"naive/train": 0.1}
    for place, spread in places.items():
        own = np.random.default_rng(round(10 * spread)).normal(size=len(rows))[rows.split != "train"]
        scores = scores_of(task, effect[rows.split != "train"] + spread * own)
        path = Path(folder, place, "predictions")
        path.mkdir(parents=True)
        columns = {name: pa.array(scored[name]) for name in ("key", "split", "label", "weight", "group")}
        pq.write_table(pa.table({**columns, task.score_column(): pa.array(scores)}), path / "part-0.parquet")
    config = RunConfig(
        name="made-up",
        table={"path": "none.csv", "label": "sea", "group": ["buoy"], "features": {"numeric": ["a", "b"]}},
        contenders=[{"name": name, "engine": "single_node", "family": "gradient_boosted_trees"} for name in noise],
        leakage={"contender": "one"},
        evaluation=evaluation,
    )
    manifest = Manifest(folder)
    parts = {part: {"rows": count} for part, count in ROWS.items()}
    reports: dict[str, dict[str, Any]] = {
        "ingest": {
            "input": 1800,
            "accepted": 1800,
            "quarantined": {},
            "task": task.name,
            "task_reason": "made up",
            "target": target.to_dict(),
        },
        "deduplicate": {"duplicates_removed": 0, "near": None, "enabled": False},
        "split": {"parts": parts, "kept_out": {}, "group": ["buoy"], "groups_across_parts": 0},
        "audit": {"findings": [], "checks": [], "columns": [], "worst": None},
    }
    manifest.stages = {name: {"status": "done", "seconds": 1.0, "report": report} for name, report in reports.items()}
    return config, manifest, [contender(name) for name in noise], contender("one")


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_run_of_every_task_becomes_a_report(name: str, tmp_path: Path) -> None:
    task, folder = task_named(name), str(tmp_path)
    config, manifest, results, naive = a_run(folder, task)
    page, facts = assemble_report(config, folder, manifest, results, naive)
    report = storage.read_json(storage.join(folder, "report.json"))
    assert Path(page.removeprefix("file:")).is_file()
    assert (report["task"]["name"], report["task"]["label"]) == (name, "sea")
    assert report["task"]["classes"] == TARGETS[name].names
    verdict = report["verdict"]
    assert (verdict["metric"], verdict["kind"], verdict["worse"]) == (task.primary, "equivalent", ["poor"])
    assert verdict["margin"] == (0.002 if name != "regression" else pytest.approx(0.01 * margin_of(report)))
    (same, apart) = report["equivalence"]
    assert (same["left"], same["right"], same["equal"], same["max_score_difference"]) == ("other", "one", True, 0)
    assert (apart["left"], apart["equal"]) == ("poor", False)
    leakage = report["leakage"]
    assert leakage["flatters"] is True
    assert leakage["inflation"] == pytest.approx(leakage["naive"]["value"] - leakage["safe"]["value"])
    assert (leakage["naive"]["group_overlap_rate"], leakage["safe"]["group_overlap_rate"]) == (1.0, 0.0)
    stored = pd.read_parquet(tmp_path / "train" / "one" / "predictions").query("split == 'test'")
    expected = {
        "binary": lambda: roc_auc_score(stored.label, stored.score),
        "multiclass": lambda: roc_auc_score(stored.label, np.vstack(stored.probabilities), multi_class="ovr"),
        "regression": lambda: root_mean_squared_error(stored.label, stored.score),
    }[name]()
    assert report["contenders"][0]["metrics"][task.primary]["value"] == pytest.approx(expected, rel=1e-12)
    assert facts["evaluations"]["one"]["metric"]["name"] == task.primary


def margin_of(report: dict[str, Any]) -> float:
    """The error of the simplest baseline."""
    return float(next(row for row in report["baselines"] if row["name"] == "mean")["metrics"]["rmse"]["value"])


@pytest.mark.parametrize(
    ("task", "metric", "margin"),
    [("binary", "log_loss", None), ("multiclass", "f1_macro", 0.01), ("regression", "mae", 3)],
)
def test_the_configured_metric_and_margin_decide(task: str, metric: str, margin: float | None, tmp_path: Path) -> None:
    config, manifest, results, naive = a_run(str(tmp_path), task_named(task), metric=metric, margin=margin)
    _, facts = assemble_report(config, str(tmp_path), manifest, results, naive)
    assert facts["verdict"]["metric"] == facts["task"]["metric"] == metric
    assert facts["verdict"]["margin"] == (margin or 0.002)
    assert all(row["metric"] == metric for row in facts["differences"])


def test_a_metric_of_another_task_is_refused(tmp_path: Path) -> None:
    config, manifest, results, naive = a_run(str(tmp_path), task_named("binary"), metric="rmse")
    with pytest.raises(ConfigError, match=r"evaluation\.metric: 'rmse'"):
        assemble_report(config, str(tmp_path), manifest, results, naive)


def test_a_run_in_which_nothing_finished_has_a_report(tmp_path: Path) -> None:
    config, manifest, results, _ = a_run(str(tmp_path), task_named("multiclass"))
    failed = {"status": "failed", "error": {"type": "Crash", "message": "no memory"}, "equivalence": None}
    _, facts = assemble_report(config, str(tmp_path), manifest, [result | failed for result in results], None)
    assert (facts["verdict"]["kind"], facts["verdict"]["metric"]) == ("refused", None)
