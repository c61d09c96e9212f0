"""A whole run on a small table: accounts, equivalence, resume, page."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from sparring.config import load_config
from sparring.errors import TableError
from sparring.run.context import RunContext
from sparring.run.pipeline import DATA_STAGES, Run
from sparring.run.progress import Progress
from sparring.run.stages import Train, ingest

MLLIB = """
{name: mllib-logistic, engine: spark, family: logistic_regression, hyperparameters: {regParam: 0.001}}
"""
SAGEMAKER = """
{name: sagemaker-xgboost, engine: sagemaker, family: gradient_boosted_trees, hyperparameters: {num_round: 20}}
"""


@pytest.fixture(scope="module")
def command(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess:
    """A run of the command line with all three engines, each contender in a process of its own."""
    out = tmp_path_factory.mktemp("run") / "out"
    arguments = ["run", str(small_run), "--output", str(out), "--set", f"contenders={contenders(small_run)}"]
    program = [sys.executable, "-c", "from sparring.cli import main; main()"]
    return subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def facts(spark: SparkSession, small_run: Path, command: subprocess.CompletedProcess) -> dict:
    """The facts of that run, from a second one that keeps what the first one made."""
    assert command.returncode == 0, command.stderr
    folder = Path(command.args[command.args.index("--output") + 1])
    finished = Run(load_config(str(small_run), [f"contenders={contenders(small_run)}"]), str(folder)).execute()
    return finished.facts | {"page": finished.page.removeprefix("file:"), "folder": folder}


def contenders(small_run: Path) -> str:
    """The configured contenders with MLlib and SageMaker added, as YAML."""
    import yaml

    config = yaml.safe_load(small_run.read_text())
    more = [yaml.safe_load(text) for text in (MLLIB, SAGEMAKER)]
    return yaml.safe_dump(config["contenders"] + more, default_flow_style=True, width=10_000)


def test_the_command_prints_a_table_a_verdict_and_the_page(command: subprocess.CompletedProcess, facts: dict) -> None:
    assert "Verdict:" in command.stdout
    assert facts["page"] in command.stdout.replace("\n", "")
    assert "\x1b" not in command.stdout + command.stderr  # plain lines when not a terminal
    assert "kept from the run before" not in command.stderr


def test_every_row_is_accounted_for(facts: dict) -> None:
    rows = facts["rows"]
    assert rows["input"] == 4_000
    assert rows["input"] == sum(count for name, count in rows.items() if name != "input")
    assert rows["duplicates_removed"] == 60
    assert facts["quarantine"] == {"label sick missing": 20}


def test_no_patient_is_in_two_parts(facts: dict) -> None:
    split = pd.read_parquet(facts["folder"] / "split")
    assert (split.groupby("patient").sparring__split.nunique() == 1).all()
    assert facts["split"]["groups_across_parts"] == 0


def test_copies_that_are_kept_stay_in_one_part(spark: SparkSession, small_run: Path, tmp_path: Path) -> None:
    changes = [
        "deduplicate.enabled=false",
        "leakage={enabled: false, audit: false}",
        "table.group=[]",
        "resources.isolation=session",
    ]
    Run(load_config(str(small_run), [*changes, "contenders.1.hyperparameters.num_round=1"]), str(tmp_path)).execute()
    split = pd.read_parquet(tmp_path / "split")
    assert len(split) == 3_980
    clusters = split.groupby("sparring__cluster").sparring__split
    assert (clusters.size() > 1).sum() == 60
    assert clusters.nunique().max() == 1


def test_every_contender_finished_on_the_same_rows(facts: dict) -> None:
    assert [r["status"] for r in facts["results"]] == ["ok"] * 4, [r["error"] for r in facts["results"]]
    assert len({json.dumps(r["matrix"]["fingerprints"], sort_keys=True) for r in facts["results"]}) == 1
    keys = [set(pd.read_parquet(facts["folder"] / "train" / r["name"] / "predictions").key) for r in facts["results"]]
    assert all(k == keys[0] for k in keys)
    assert len(keys[0]) == facts["rows"]["validation"] + facts["rows"]["test"]


def test_engines_agree(facts: dict) -> None:
    pairs = {(pair["left"], pair["right"]): pair for pair in facts["equivalence"]}
    logistic = pairs["mllib-logistic", "sklearn-logistic"]
    assert logistic["objective_gap"] <= 1e-9
    assert logistic["max_score_difference"] <= 1e-5
    assert pairs["sagemaker-xgboost", "xgboost"]["max_score_difference"] <= 1e-6


def test_resources_of_each_contender_are_measured(facts: dict) -> None:
    for result in facts["results"]:
        assert result["cpu_seconds"] > 0.1
        assert result["peak_memory_bytes"] > 50 << 20
        assert 0 < result["phases"]["fit"] < result["wall_seconds"]
        assert sum(result["phases"].values()) <= result["wall_seconds"] * 1.01


def test_the_emulator_says_that_it_is_one(facts: dict) -> None:
    by_name = {result["name"]: result for result in facts["results"]}
    assert by_name["sagemaker-xgboost"]["emulated"] is True
    assert "emulator" in Path(facts["page"]).read_text()


def test_the_safe_split_leaves_the_group_means_nothing(facts: dict) -> None:
    assert facts["leakage"]["safe"]["group_mean"] == 0.5
    assert facts["leakage"]["safe"]["group_overlap_rate"] == 0.0
    assert facts["leakage"]["naive"]["group_overlap_rate"] > 0.9


def test_the_split_is_audited_and_the_findings_are_reported(facts: dict) -> None:
    leakage = json.loads((facts["folder"] / "report.json").read_text())["leakage"]
    ended = {check["check"]: check["status"] for check in leakage["checks"]}
    assert (ended["exact overlap"], ended["group overlap"], ended["group-mean baseline"]) == ("clean",) * 3
    assert (ended["key overlap"], ended["time travel"]) == ("skipped",) * 2
    assert leakage["worst"] in (None, "low")
    assert {column["column"] for column in leakage["columns"]} == {"x", "z", "hour", "city"}
    assert leakage["inflation_low"] < leakage["inflation"] < leakage["inflation_high"]


def test_report_json_holds_the_figures(facts: dict) -> None:
    report = json.loads((facts["folder"] / "report.json").read_text())
    assert report["rows"] == facts["rows"] | {"adds_up": True}
    for contender in report["contenders"]:
        auc = contender["metrics"]["roc_auc"]
        assert 0.5 < auc["low"] < auc["value"] < auc["high"] < 1
    assert report["verdict"]["choice"] in {"xgboost", "sklearn-logistic", "mllib-logistic"}


@pytest.mark.parametrize(
    ("damage", "redone"),
    [
        (lambda folder: next((folder / "split").glob("*.parquet")).unlink(), "split"),
        (lambda folder: (folder / "prepare" / "encoding.json").write_text("{}"), "prepare"),
        (lambda folder: (folder / "train" / "xgboost" / "result.json").unlink(), "train xgboost"),
        (lambda folder: next((folder / "deduplicate").glob("*.parquet")).write_bytes(b""), "deduplicate"),
    ],
    ids=["a file is gone", "another content", "a result is gone", "emptied"],
)
def test_a_stage_is_kept_only_if_all_that_it_left_is_there(
    spark: SparkSession, small_run: Path, facts: dict, damage: Callable[[Path], object], redone: str
) -> None:
    damage(facts["folder"])
    run = RunContext(load_config(str(small_run)), str(facts["folder"]), Progress(quiet=True))
    stages = [*DATA_STAGES, *map(Train, run.config.contenders)]
    assert [stage.name for stage in stages if not stage.is_current(run)] == [redone]
    next(stage for stage in stages if stage.name == redone).do(run)
    assert all(stage.is_current(run) for stage in stages)


def test_a_run_can_end_after_a_stage_and_go_on(
    spark: SparkSession, small_run: Path, tmp_path: Path, sparring: Callable
) -> None:
    done = sparring("run", str(small_run), "--output", str(tmp_path / "run"), "--until", "deduplicate", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["report"]["duplicates_removed"] == 60
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        *("deduplicate", "ingest", "log.txt", "manifest.json"),
    ]
    more = sparring("run", str(small_run), "--output", str(tmp_path / "run"), "--until", "split")
    assert more.stderr.count("kept from the run before") == 2
    assert more.stdout.startswith("Done until split")
    wrong = sparring("run", str(small_run), "--output", str(tmp_path / "run"), "--until", "splitt")
    assert wrong.returncode == 2
    assert "did you mean 'split'" in wrong.stderr.lower()


@pytest.mark.parametrize("text", ["", '{"format": 4, "sta', "[]", "null"], ids=["empty", "cut", "a list", "null"])
def test_a_damaged_manifest_is_refused_in_a_sentence(
    small_run: Path, tmp_path: Path, sparring: Callable, text: str
) -> None:
    (tmp_path / "manifest.json").write_text(text)
    done = sparring("run", str(small_run), "--output", str(tmp_path))
    assert done.returncode == 9
    assert "is damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "manifest.json").read_text() == text


def test_a_table_that_grows_while_it_is_read_is_an_error(
    spark: SparkSession, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "table.parquet"
    config = load_config(str(small_run))
    copy.write_bytes(Path(str(config.table.path)).read_bytes())
    read = ingest.ingest

    def slow(*arguments: Any) -> Any:
        found = read(*arguments)
        os.utime(copy)
        return found

    monkeypatch.setattr(ingest, "ingest", slow)
    with pytest.raises(TableError, match="was changed while it was read"):
        Run(load_config(str(small_run), [f"table.path={copy}"]), str(tmp_path / "run"), until="split").execute()
    assert not (tmp_path / "run").exists()


def test_a_second_run_keeps_every_stage_and_a_change_redoes_what_depends_on_it(
    spark: SparkSession, small_run: Path, facts: dict, capsys: pytest.CaptureFixture
) -> None:
    Run(load_config(str(small_run)), str(facts["folder"])).execute()
    assert capsys.readouterr().err.count("kept from the run before") == 9
    changed = load_config(str(small_run), ["contenders.1.hyperparameters.num_round=5"])
    Run(changed, str(facts["folder"])).execute()
    assert capsys.readouterr().err.count("kept from the run before") == 7
