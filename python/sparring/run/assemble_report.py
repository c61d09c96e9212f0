"""From stored predictions to the page: evaluate, check equivalence and fairness, measure leaks, decide, report."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import pyarrow.dataset as ds

from sparring import __version__
from sparring.comparison import costs, decide, fairness_checks, load_prices
from sparring.comparison.capacity import capacity_gaps
from sparring.comparison.fairness import Control
from sparring.comparison.whole_job import whole_jobs
from sparring.config.schema import RunConfig
from sparring.data.contract import used_columns
from sparring.data.example_rows import duplicate_examples, near_examples, quarantined_examples
from sparring.data.matrix import PreparedMatrix
from sparring.evaluation import (
    Evaluation,
    Predictions,
    baseline_tests,
    baselines,
    check_equivalence,
    differences,
    equivalence_pairs,
    evaluate,
    gap,
    group_mean_evaluation,
    group_overlap_rate,
)
from sparring.evaluation.equivalence import tolerance
from sparring.io import storage
from sparring.models import Model
from sparring.report import write_report
from sparring.run.interrupt import typed_command
from sparring.run.manifest import VERIFIED, Manifest
from sparring.spark.session import find_java
from sparring.task import Metric, Target, Task, task_named
from sparring.training.registry import trainer_of

# What a table goes through on its way to a trainer.
PATH = ("ingest", "deduplicate", "split", "prepare")


@dataclass(frozen=True)
class Question:
    """What is predicted, and what good predictions are.

    Attributes
    ----------
    task : Task
    target : Target
    label : str
        Name of the label's column.
    metric : Metric
        The one that decides.
    confidence : float
        Of all intervals and tests.
    """

    task: Task
    target: Target
    label: str
    metric: Metric
    confidence: float

    @classmethod
    def of(cls, config: RunConfig, ingested: Mapping[str, Any]) -> Question:
        """Return the question of a run, from its configuration and the report of its ingest stage."""
        task = task_named(ingested.get("task", "binary"))
        target = Target.from_dict(ingested["target"]) if "target" in ingested else Target("string")
        metric = task.metric(config.evaluation.metric)
        return cls(task, target, config.table.label, metric, config.evaluation.confidence)

    def read(self, predictions: str, part: str) -> Predictions:
        """Return the stored predictions of a part."""
        return Predictions.read(predictions, part, self.task)

    def evaluate(self, predictions: str) -> Evaluation:
        """Return what stored predictions are worth."""
        return evaluate(
            self.task,
            self.read(predictions, "validation"),
            self.read(predictions, "test"),
            metric=self.metric,
            confidence=self.confidence,
            names=self.target.names or None,
            label=self.label,
        )


def assemble_report(
    config: RunConfig,
    folder: str,
    manifest: Manifest,
    results: list[dict[str, Any]],
    naive: dict[str, Any] | None,
    left_out: Sequence[str] = (),
) -> tuple[str, dict[str, Any]]:
    """Evaluate all contenders, decide, and write ``report.json`` and ``report.html``.

    Parameters
    ----------
    config : RunConfig
    folder : str
        The run's folder.
    manifest : Manifest
    results : list of dict
        The contenders' ``result.json``.
    naive : dict or None
        The result of the leak check's contender on the naive split.
    left_out : sequence of str, optional
        Contenders of the configuration that were not to be trained: the verdict is not about them.

    Returns
    -------
    str
        Path of the page.
    dict
        The facts in it.

    Notes
    -----
    Cost: the test and validation predictions of all contenders are held in memory on the driver, and the train
    part of the matrix while models are compared that should be one.
    """
    question = Question.of(config, manifest.report("ingest"))
    finished = [result["name"] for result in results if result["status"] == "ok"]
    evaluated = {name: question.evaluate(storage.join(folder, "train", name, "predictions")) for name in finished}
    evaluations = {name: found.to_dict() for name, found in evaluated.items()}
    scored = _baselines(question, folder, finished)
    beaten = [found.to_dict() for found in baseline_tests(evaluated, scored, alpha=1 - question.confidence)]
    gaps = [found.to_dict() for found in differences(evaluated, margin=_margin(config, question, scored))]
    equivalence = _equivalence(config, question, folder, results, gaps)
    verified = _verified(folder, manifest)
    checks = [*fairness_checks(results, evaluations), *([verified] if verified else [])]
    leakage = _leakage(config, question, folder, manifest, evaluated, naive)
    prices = load_prices()
    estimates = [cost.to_dict() for result in results for cost in costs(result, prices)]
    facts: Any = {
        "run": _run_facts(config, manifest, left_out),
        "task": question.task.describe(question.target, question.label, question.metric),
        **_row_facts(manifest),
        "not_features": manifest.report("ingest").get("not_features", {}),
        "examples": _examples(config, folder, manifest),
        "encoding": storage.read_json(storage.join(folder, "prepare", "encoding.json")) | {"names": None},
        "results": results,
        "evaluations": evaluations,
        "baselines": [{"name": name, **found.to_dict()} for name, found in scored.items()],
        "baseline_tests": beaten,
        "differences": gaps,
        "equivalence": equivalence,
        "leakage": leakage,
        "fairness_checks": checks,
        "verdict": decide(
            results,
            evaluations,
            gaps,
            checks,
            (leakage or {}).get("findings", ()),
            baseline_tests=beaten,
            costs=estimates,
            caveats=[*manifest.report("deduplicate").get("caveats", ()), *_left_out(left_out, results)],
        ),
        "environment": environment(results),
        "stages": _stage_facts(manifest),
        "whole_job": whole_jobs(_data_seconds(manifest), results, load_prices()),
        "costs": estimates,
    }
    return write_report(folder, facts), facts


def _run_facts(config: RunConfig, manifest: Manifest, left_out: Sequence[str]) -> dict[str, Any]:
    """Return what was run, and how to run it again."""
    return {
        "name": config.name,
        "started": manifest.started,
        "seed": config.seed,
        "left_out": list(left_out),
        "command": typed_command(sys.argv),
        "config": config.model_dump(mode="json"),
    }


def _stage_facts(manifest: Manifest) -> list[dict[str, Any]]:
    """Return how long each stage took, how many rows it left, and what the data half ran on."""
    return [
        {
            "name": name,
            "seconds": stage["seconds"],
            "rows": stage["report"].get("rows"),
            "engine": stage.get("engine"),
        }
        for name, stage in manifest.stages.items()
    ]


def _data_seconds(manifest: Manifest) -> dict[str, float]:
    """Return what the data half was done on, and its seconds there, less what only the comparison needs."""
    found: dict[str, float] = {}
    for stage in (manifest.stages[name] for name in PATH if name in manifest.stages):
        # Folders of earlier versions do not tell: it was Spark.
        engine = stage.get("engine") or "spark"
        found[engine] = found.get(engine, 0.0) + stage["seconds"]
    return found


def _verified(folder: str, manifest: Manifest) -> Control | None:
    """Return the control that both engines make the same rows, if ``sparring verify`` has looked."""
    path = storage.join(folder, VERIFIED)
    if not storage.exists(path):
        return None
    found = storage.read_json(path)
    if any(not manifest.current(stage, key) for stage, key in found["cache_keys"].items()):
        return None
    own, other = found["engines"]
    differences = [f"{stage['stage']}: {line}" for stage in found["stages"] for line in stage["differences"]]
    same = f"every table and figure of the data half is the same on {own} and on {other}"
    detail = same if found["same"] else f"{own} and {other} differ in {'; '.join(differences[:3])}"
    return {"control": "same on both engines", "held": found["same"], "required": False, "detail": detail}


def _left_out(names: Sequence[str], results: list[dict[str, Any]]) -> list[str]:
    """Return the caveat that some contenders of the configuration took no part."""
    if not names:
        return []
    among = ", ".join(result["name"] for result in results)
    return [f"{', '.join(names)} of the configuration did not take part: the verdict is among {among} alone."]


def _margin(config: RunConfig, question: Question, scored: Mapping[str, Evaluation]) -> float | None:
    """Return the difference that does not matter: the configured one, else the task's; None where nothing finished."""
    if config.evaluation.margin is not None or not scored:
        return config.evaluation.margin
    simplest = next(iter(scored.values()))
    return question.task.margin(question.metric, simplest.evidence.value)


def _baselines(question: Question, folder: str, finished: list[str]) -> dict[str, Evaluation]:
    """Return the baselines on the rows that the contenders scored; none when no contender finished."""
    if not finished:
        return {}
    predictions = storage.join(folder, "train", finished[0], "predictions")
    matrix = storage.join(folder, "prepare")
    parts = {
        "train": _columns(matrix, "train", ["group", "label", "weight"]),
        **{part: _columns(matrix, part, ["key", "group"]) for part in ("validation", "test")},
    }
    validation, test = (question.read(predictions, part) for part in ("validation", "test"))
    return baselines(question.task, parts, validation, test, metric=question.metric, confidence=question.confidence)


def _equivalence(
    config: RunConfig, question: Question, folder: str, results: list[dict[str, Any]], gaps: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return how far those contenders are apart that should be one model; the references ran on one machine."""
    by_name = {result["name"]: result for result in results}
    # Models of other sizes are not meant to agree.
    pairs = [
        (by_name[left], by_name[right])
        for left, right in equivalence_pairs(sorted(results, key=lambda result: result["path"] != "one machine"))
        if not capacity_gaps(by_name[left], by_name[right])
    ]
    trained = storage.join(folder, "train")
    predictions = {
        name: question.read(storage.join(trained, name, "predictions"), "test")
        for name in dict.fromkeys(result["name"] for pair in pairs for result in pair)
    }
    compared = [pair for pair in pairs if tolerance(*pair, "objective_tolerance") is not None]
    models = _models(config, trained, {result["name"] for pair in compared for result in pair})
    train = PreparedMatrix(storage.join(folder, "prepare")).read("train") if models else None
    shown = {frozenset((row["left"], row["right"])): row["equivalent"] for row in gaps}
    return [
        check_equivalence(
            left, right, predictions, models, train, shown.get(frozenset((left["name"], right["name"])))
        ).to_dict()
        for left, right in pairs
    ]


def _models(config: RunConfig, trained: str, names: set[str]) -> dict[str, Model]:
    """Return the fitted models of the contenders in ``names``."""
    return {
        contender.name: trainer_of(contender).load_model(storage.join(trained, contender.name, "model"))
        for contender in config.contenders
        if contender.name in names
    }


def _row_facts(manifest: Manifest) -> dict[str, Any]:
    """Return the accounts of ingest, deduplication and split."""
    ingested, deduplicated, split = (manifest.report(stage) for stage in ("ingest", "deduplicate", "split"))
    return {
        "rows": {
            "input": ingested["input"],
            "quarantined": ingested["input"] - ingested["accepted"],
            "duplicates_removed": deduplicated["duplicates_removed"],
            "kept_out": sum(split["kept_out"].values()),
            **{part: split["parts"][part]["rows"] for part in ("train", "validation", "test")},
        },
        "quarantine": ingested["quarantined"],
        "deduplicate": {key: value for key, value in deduplicated.items() if key != "rows"},
        "split": {key: value for key, value in split.items() if key != "rows"},
    }


def _examples(config: RunConfig, folder: str, manifest: Manifest) -> dict[str, list[dict[str, Any]]]:
    """Return rows that were quarantined, removed as duplicates, and found alike."""
    near = config.deduplicate.near
    columns = used_columns(config.table, near.columns if near else [])
    deduplicated, written = manifest.report("deduplicate"), storage.join(folder, "deduplicate")
    samples = (deduplicated["near"] or {}).get("samples", [])
    reasons = list(manifest.report("ingest")["quarantined"])
    return {
        "quarantined": quarantined_examples(storage.join(folder, "ingest"), reasons, columns),
        "duplicates": duplicate_examples(written, columns) if deduplicated["duplicates_removed"] else [],
        "near": near_examples(written, samples, near.columns if near else columns),
    }


def _leakage(
    config: RunConfig,
    question: Question,
    folder: str,
    manifest: Manifest,
    evaluated: dict[str, Evaluation],
    naive: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """Return the audit of the split and the inflation; None when both were switched off or failed."""
    audit = manifest.report("audit") if config.leakage.audit else None
    name = config.leak_contender.name
    measured = naive is not None and naive["status"] == "ok" and name in evaluated
    inflation = _inflation(question, folder, name, evaluated[name]) if measured else None
    if audit is None and inflation is None:
        return None
    audited = {key: audit[key] for key in ("findings", "checks", "columns", "worst")} if audit else {}
    return {"group": config.table.group, **audited, **(inflation or {})}


def _inflation(question: Question, folder: str, name: str, safe: Evaluation) -> dict[str, Any]:
    """Return what the same trainer scores on the naive and on the safe split."""
    inflated = question.evaluate(storage.join(folder, "naive", "train", "predictions"))
    found = gap(inflated.evidence, safe.evidence, question.confidence)
    sides = {"naive": (inflated, "naive"), "safe": (safe, "prepare")}
    return {
        "contender": name,
        "inflation_low": found.low,
        "inflation_high": found.high,
        **{side: _side(question, scored, storage.join(folder, matrix)) for side, (scored, matrix) in sides.items()},
    }


def _side(question: Question, found: Evaluation, matrix: str) -> dict[str, Any]:
    """Return the trainer's metric, the group-mean baseline's, and how many test rows' groups are in train."""
    train, test = (_columns(matrix, part, ["group", "label", "weight"]) for part in ("train", "test"))
    by_group = group_mean_evaluation(
        question.task, train, test, found.scores, metric=question.metric, confidence=question.confidence
    ).metrics[question.metric.name]
    return found.metrics[question.metric.name].to_dict() | {
        "group_mean": by_group.value,
        "group_mean_low": by_group.low,
        "group_mean_high": by_group.high,
        "group_overlap_rate": group_overlap_rate(train["group"], test["group"]),
    }


def _columns(matrix: str, part: str, names: list[str]) -> dict[str, np.ndarray]:
    system, inner = storage.filesystem(PreparedMatrix(matrix).path(part))
    table = ds.dataset(inner, filesystem=system, format="parquet").to_table(columns=names)
    return {name: table[name].to_numpy() for name in table.column_names}


def environment(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return what the run ran on, as text by name."""
    java = find_java()
    versions = {name: version for result in results for name, version in result["versions"].items()}
    return {
        "Sparring": __version__,
        "Python": platform.python_version(),
        "Java": f"{java.version} ({java.origin})" if java else "none found",
        "Machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        **versions,
    }
