"""Configurations: every fault at once, in the user's words; overrides; proposals."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from sparring.config import load_config
from sparring.errors import ConfigError
from sparring.proposal.propose import Wishes, propose


def write(folder: Path, text: str) -> str:
    (folder / "c.yaml").write_text(text)
    return str(folder / "c.yaml")


def test_the_demo_is_valid_and_overrides_reach_lists_and_sections() -> None:
    config = load_config("demo", ["seed=7", "contenders.0.hyperparameters.regParam=0.5", "resources.cores=1"])
    assert config.seed == 7
    assert config.contenders[0].hyperparameters["regParam"] == 0.5
    assert config.resources.cores == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("splt.train=0.5", ["unknown key splt", "Did you mean 'split'?"]),
        ("contenders.9.name=x", ["no position in a list of 6"]),
        ("seed", ["not key=value"]),
        ("seed.x=1", ["holds a value, not a section"]),
        ("contenders.1.name=mllib-logistic", ["two contenders are named 'mllib-logistic'"]),
        ("table.features.numeric=[hour]", ["'hour' is listed under two kinds"]),
        ("table.features.numeric=[late]", ["'late' is the label and a feature too"]),
        ("leakage.contender=nobody", ["'nobody'", "xgboost"]),
    ],
)
def test_a_mistake_is_explained(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config("demo", [override])
    for word in words:
        assert word in str(raised.value)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config("demo", ["seed=-1", "name=a b", "tabel=1"])
    for word in ("seed", "name", "unknown key tabel"):
        assert word in str(raised.value)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(write(tmp_path, "a: [1"))
    with pytest.raises(ConfigError, match="holds no keys"):
        load_config(write(tmp_path, "just text"))


def test_a_proposal_survives_odd_names_and_explains_what_it_left_out(spark: SparkSession, tmp_path: Path) -> None:
    rows = 400
    frame = pd.DataFrame(
        {
            "row: id": [f"r{at}" for at in range(rows)],
            "yes/no": [at % 2 for at in range(rows)],
            "#size": [at * 0.5 for at in range(rows)],
            "comment": [f"text {at % 300}" for at in range(rows)],
            "kind": ["a", "b"] * (rows // 2),
            "same": [1] * rows,
        }
    )
    frame.to_parquet(tmp_path / "odd table.parquet")
    text = propose(str(tmp_path / "odd table.parquet"), Wishes("yes/no")).text
    config = load_config(write(tmp_path, text))
    assert config.table.key == ["row: id"]
    assert config.table.features.numeric == ["#size"]
    assert config.table.features.categorical == ["kind"]
    assert "same: one value only" in text
    assert "comment: text with more than 200 values" in text
    assert yaml.safe_load(text)["table"]["positive"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["split.method=time"], "needs table.time"),
        (["split.method=time", "table.time=hour"], "cannot keep groups together, table.group is"),
        (["split.method=time", "table.time=hour", "table.group=[]", "deduplicate.enabled=false"], "copies together"),
        (["split.gap=7 days"], "gap belongs to method 'time'"),
        (["split.method=random"], "split.method"),
    ],
)
def test_a_split_that_cannot_be_is_refused(small_run: Path, changes: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(str(small_run), changes)
