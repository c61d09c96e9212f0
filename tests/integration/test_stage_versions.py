"""What each data stage makes of a fixed table: whoever changes it must raise the stage's version.

An upgrade of Sparring redoes the stages whose version differs, and trusts the others.  So the digest of what a stage
makes is recorded with its version in ``stage_digests.json``; a digest that differs under the same version fails here.
After a change that is meant, raise ``version`` of the stage and record: ``SPARRING_RECORD=1 pytest FILE``.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from sparring.config import load_config
from sparring.run.context import RunContext
from sparring.run.pipeline import DATA_STAGES
from sparring.run.progress import Progress

RECORDED = Path(__file__).with_name("stage_digests.json")
LABELS = {
    "binary": lambda rows: np.where(rows.x + rows.noise > 5, "yes", "no"),
    "multiclass": lambda rows: np.array(["low", "mid", "high"])[((rows.x + rows.noise) // 5).clip(0, 2)],
    "regression": lambda rows: 2 * rows.x + rows.noise,
}


def table(task: str) -> pd.DataFrame:
    """600 rows of whole numbers, so that every sum is exact, with copies and missing cells."""
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(
        {
            "id": np.arange(600),
            "patient": rng.integers(0, 150, 600),
            "x": rng.integers(0, 10, 600),
            "noise": rng.integers(0, 5, 600),
            "hour": rng.integers(0, 24, 600),
            "city": rng.choice(["Oslo", "Rome", "Lima"], 600),
        }
    )
    rows["y"] = LABELS[task](rows)
    rows["note"] = [f"note {number}" for number in rng.permutation(600)]
    copied = rows.iloc[:12].assign(id=np.arange(600, 612))
    whole = pd.concat([rows, copied], ignore_index=True)
    return whole.assign(x=whole.x.astype("Int64").where(np.arange(612) % 50 != 0)).drop(columns="noise")


@pytest.fixture(scope="module", params=sorted(LABELS))
def digests(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Stage -> version and digest of what it made, for a task."""
    folder = tmp_path_factory.mktemp(request.param)
    table(request.param).to_parquet(folder / "table.parquet")
    contender = {"name": "one", "engine": "single_node", "family": "gradient_boosted_trees"}
    contender["hyperparameters"] = {"num_round": 3}
    config = {
        "name": "fixed",
        "table": {
            "path": "table.parquet",
            "label": "y",
            "key": ["id"],
            "group": ["patient"],
            "features": {"numeric": ["x"], "cyclic": {"hour": 24}, "categorical": ["city"]},
        },
        "prepare": {"min_frequency": 1},
        "contenders": [contender],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    run = RunContext(load_config(str(folder / "run.yaml")), str(folder / "run"), Progress(quiet=True))
    for stage in DATA_STAGES:
        stage.do(run)
    made = {"ingest": ["sparring__key", "sparring__label", "sparring__part"]}
    made["deduplicate"] = ["sparring__key", "sparring__cluster", "sparring__survivor"]
    made["split"] = ["sparring__key", "sparring__group", "sparring__split"]
    local = {name: run.path(name).removeprefix("file:") for name in (*made, "prepare", "naive")}
    found = {name: digest_of(pd.read_parquet(local[name])[names]) for name, names in made.items()}
    for name in ("prepare", "naive"):
        encoding = json.loads(Path(local[name], "encoding.json").read_text())
        found[name] = digest_of(encoding)
    found["audit"] = digest_of([finding["check"] for finding in run.report("audit")["findings"]])
    versions = {stage.name: stage.version for stage in DATA_STAGES}
    return {"task": request.param, **{name: [versions[name], digest] for name, digest in sorted(found.items())}}


def digest_of(value: object) -> str:
    """A hash of a table whatever its order, or of plain values."""
    if isinstance(value, pd.DataFrame):
        ordered = value.astype(str).sort_values(list(value.columns), ignore_index=True)
        value = ordered.to_csv(index=False)
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def test_a_stage_that_makes_something_else_has_another_version(digests: dict) -> None:
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    task, found = digests["task"], {name: value for name, value in digests.items() if name != "task"}
    if "SPARRING_RECORD" in os.environ:
        RECORDED.write_text(json.dumps(recorded | {task: found}, indent=1, sort_keys=True) + "\n")
        return
    assert set(found) == {stage.name for stage in DATA_STAGES}
    changed = [name for name, value in found.items() if recorded[task][name] != value]
    assert not changed, f"{changed} make something else: raise their version and record it, see this module"
