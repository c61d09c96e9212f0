"""Verdict, report.json, page and terminal for every task and metric, such that nobody has heard of, too."""

import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from sparring.cli.console import print_result
from sparring.errors import ConfigError, TableError
from sparring.report import document, render
from sparring.task import METRICS, TASKS, Metric, Scored, Target, Task, metric_named, register_metric, register_task
from sparring.task.shown import Plot, Table

build: Callable[..., Any] = runpy.run_path(str(Path(__file__).with_name("made_up_facts.py")))["made_up_facts"]


def within_five(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    return float(np.average(np.abs(labels - scores) <= 5, weights=weights))


class Tides(Task):
    """Heights of water, of which no estimate may be a thousand off."""

    name = "tides"
    title = "a height"
    primary = "worst_tenth"
    group_baseline = "harbour mean"

    def target(self, values: Any, kind: str, column: str, positive: object = None) -> Target:
        return Target(kind)

    def splitter_params(self, label: str) -> dict[str, Any]:
        return {}

    def score_count(self, target: Target) -> int:
        return 1

    def check(self, labels: np.ndarray, scores: np.ndarray, owner: str) -> None:
        if np.abs(scores).max() > 1000:
            raise TableError(f"No such tide in {owner}", "Look at the moon.")

    def constants(self, labels: np.ndarray, weights: np.ndarray, indicators: np.ndarray) -> dict[str, np.ndarray]:
        return {"sea level": np.float64(0.0)}

    def plots(self, scored: Scored) -> list[Plot]:
        points = [[0.0, 0.0], [1.0, float(scored.scores.max())]]
        return [{"name": "moon", "kind": "quantiles", "title": "Moon", "x": "x", "y": "y", "points": points}]

    def tables(self, scored: Scored) -> list[Table]:
        rows = [{"name": "<i>ebb</i>", "values": [3]}]
        return [{"title": "Ebbs", "heads": ["Ebb", "Count"], "kinds": ["count"], "rows": rows}]


@pytest.fixture
def registered() -> Iterator[None]:
    """A metric of regression and a task with a metric of its own, both gone afterwards."""
    known = dict(METRICS), dict(TASKS)
    register_metric(
        Metric("within_five", "share within 5", True, frozenset({"regression", "tides"}), within_five, shown_as="share")
    )
    register_metric(
        Metric(
            "worst_tenth",
            "worst tenth's error",
            False,
            frozenset({"tides"}),
            lambda labels, scores, weights: float(np.quantile(np.abs(labels - scores), 0.9)),
            in_label_units=True,
        )
    )
    register_task(Tides())
    yield
    for registry, before in zip((METRICS, TASKS), known, strict=True):
        registry.clear()
        registry.update(before)  # type: ignore[arg-type]


def texts(facts: dict[str, Any]) -> dict[str, str]:
    """What readers see: page and terminal as text, and the file."""
    content = document(facts)
    page = re.sub(r"<(script|style).*?</\1>", "", render(content), flags=re.DOTALL)
    out = Console(width=400, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_result(facts, "file:/run/report.html", out)
    return {
        "page": re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)),
        "terminal": out.export_text(),
        "file": json.dumps(content),
    }


@pytest.mark.usefixtures("registered")
def test_a_metric_that_was_just_registered_shows_everywhere() -> None:
    shown = texts(build(task=TASKS["regression"]))
    assert "Share within 5" in shown["page"]
    assert '"within_five": {"value":' in shown["file"]
    deciding = build(task=TASKS["regression"], metric=METRICS["within_five"])
    verdict = deciding["verdict"]
    assert (verdict["metric"], verdict["choice"]) == ("within_five", "xgboost")
    assert "share within 5 is" in verdict["finding"]
    assert "Share within 5" in texts(deciding)["terminal"]
    assert deciding["evaluations"]["xgboost"]["metrics"]["within_five"]["method"] == "bootstrap of clusters"


@pytest.mark.usefixtures("registered")
def test_a_task_that_was_just_registered_shows_everywhere() -> None:
    facts = build(task=TASKS["tides"])
    verdict = facts["verdict"]
    assert (verdict["kind"], verdict["choice"], verdict["best"]) == ("equivalent", "xgboost", "xgboost")
    assert "worst tenth's error of late" in verdict["finding"]
    assert verdict["margin"] == pytest.approx(0.01 * facts["baselines"][0]["metrics"]["worst_tenth"]["value"])
    assert [row["name"] for row in facts["baselines"]] == ["sea level", "harbour mean"]
    shown = texts(facts)
    assert "Worst tenth&#39;s error (late)" in shown["page"]
    for text in ("Moon", "Ebbs", "a height", "&lt;i&gt;ebb&lt;/i&gt;", "Sea level"):
        assert text in shown["page"], text
    assert "Worst tenth's error of late (interval)" in shown["terminal"]
    assert '"worst_tenth"' in shown["file"]


def test_every_task_has_a_page_without_words_of_another(facts_of_task: dict[str, Any]) -> None:
    shown = texts(facts_of_task)
    task = facts_of_task["task"]
    for metric in task["metrics"]:
        assert metric["title"][1:] in shown["page"]
        assert f'"{metric["name"]}"' in shown["file"]
    foreign = {
        "binary": ["RMSE", "Macro"],
        "multiclass": ["RMSE", "positive"],
        "regression": ["AUC 0", "positive", "F1"],
    }
    for text in foreign[task["name"]]:
        assert text not in shown["page"].split("Leak audit of the split")[0], text
    assert facts_of_task["verdict"]["choice"] == "xgboost"


def test_classes_are_named_as_their_owner_writes_them(facts_of_task: dict[str, Any]) -> None:
    page = render(document(facts_of_task))
    for name in facts_of_task["task"]["classes"]:
        assert name.replace("<", "&lt;").replace(">", "&gt;") in page
    if facts_of_task["task"]["name"] == "multiclass":
        assert '"/split/parts/train/classes/a~1b~0c"' in page
        (table,) = facts_of_task["evaluations"]["xgboost"]["tables"]
        assert [row["name"] for row in table["rows"]] == facts_of_task["task"]["classes"]
        assert sum(row["values"][0] for row in table["rows"]) == 4000


def test_lower_is_better_where_it_is() -> None:
    facts = build(task=TASKS["regression"])
    values = {name: found["metrics"]["rmse"]["value"] for name, found in facts["evaluations"].items()}
    verdict = facts["verdict"]
    assert verdict["best"] == min(values, key=lambda name: values[name])
    assert "less is better" in verdict["finding"]
    content = document(facts)
    assert content["leakage"]["inflation"] < 0
    assert content["leakage"]["flatters"] is True
    for row in facts["differences"]:
        if row["better"] is not None:
            other = row["right"] if row["better"] == row["left"] else row["left"]
            assert values[row["better"]] < values[other]


def test_an_asked_for_quantile_decides() -> None:
    facts = build(task=TASKS["regression"], metric=metric_named("pinball_0.9", "regression"))
    assert facts["verdict"]["metric"] == "pinball_0.9"
    assert "pinball loss at 0.9 of late" in facts["verdict"]["finding"]
    assert [metric["name"] for metric in facts["task"]["metrics"]] == ["pinball_0.9", "rmse", "mae", "r2", "medae"]


@pytest.mark.parametrize(
    ("task", "name", "word"),
    [
        ("binary", "rmse", "no metric of a binary task; they are roc_auc, pr_auc"),
        ("regression", "rmsse", "Did you mean 'rmse'"),
        ("regression", "pinball_1.5", "between 0 and 1"),
        ("regression", "pinball_high", "pinball_NUMBER"),
        ("multiclass", "pinball_0.5", "no metric of a multiclass"),
    ],
)
def test_an_unknown_metric_is_refused_with_what_there_is(task: str, name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(word)):
        TASKS[task].metric(name)
