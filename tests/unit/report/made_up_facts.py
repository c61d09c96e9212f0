"""A run that never happened, for tests of the report: random predictions, evaluated for real."""

from typing import Any

import numpy as np
import pyarrow as pa

from sparring.comparison import costs, decide, fairness_checks, load_prices
from sparring.comparison.whole_job import whole_jobs
from sparring.evaluation import (
    EquivalenceCheck,
    Predictions,
    baseline_tests,
    baselines,
    differences,
    evaluate,
    max_score_difference,
)
from sparring.report import RunFacts
from sparring.task import BINARY, Metric, Target, Task

TREES, LINEAR = "gradient_boosted_trees", "logistic_regression"
# name, engine, family, skill, seconds by phase
CONTENDERS: list[tuple[str, str, str, float, dict[str, float]]] = [
    ("mllib-logistic", "spark", LINEAR, 0.9, {"session": 4.1, "read": 2.2, "fit": 9.7, "score": 3.0}),
    ("mllib-gbt", "spark", TREES, 1.6, {"session": 4.0, "read": 2.1, "fit": 38.4, "score": 3.3}),
    ("sklearn-logistic", "single_node", LINEAR, 0.9, {"read": 0.9, "fit": 2.4, "score": 0.2}),
    ("xgboost", "single_node", TREES, 3.0, {"read": 0.9, "fit": 5.2, "score": 0.3}),
    (
        "sagemaker-xgboost",
        "sagemaker",
        TREES,
        3.0,
        {"session": 6.3, "read": 1.0, "transfer": 7.5, "fit": 9.9, "score": 4.4},
    ),
]


AUDIT: dict[str, Any] = {
    "worst": "high",
    "findings": [
        {
            "check": "time travel",
            "severity": "high",
            "message": "6,990 of 7,000 rows of train (99.86%) are later than the first row of test; the mean label of "
            "train at the same time scores an AUC of 0.6659 on test",
            "advice": "If the model is to predict the future, split by time.",
            "counts": {"share": 0.9986, "auc": 0.6659},
            "examples": [{"first of test": "2013-01-01 10:00:00+00:00", "last of train": "2014-01-01 04:00:00+00:00"}],
        },
        {
            "check": "near overlap",
            "severity": "medium",
            "message": "14 of 300 rows of test (4.67%) agree with a row of train in 90% of the columns or more",
            "advice": "Look at the examples: one thing recorded twice?",
            "counts": {"rows": 14, "looked_at": 300, "share": 14 / 300},
            "examples": [
                {
                    "similarity": 0.9286,
                    "test": {"carrier": "DL", "flight": "527", "dest": "<script>alert('leak')</script>"},
                    "train": {"carrier": "FL", "flight": None, "dest": "ATL"},
                }
            ]
            * 2,
        },
        {
            "check": "identifiers",
            "severity": "low",
            "message": "tailnum has 6,800 values in 7,000 rows of train: it names rows",
            "advice": "Drop tailnum from the features, or make it the key.",
            "counts": {"distinct": 6800},
            "examples": [],
        },
    ],
    "checks": [
        {"check": "exact overlap", "status": "clean", "note": "", "seconds": 1.2},
        {"check": "near overlap", "status": "found", "note": "300 rows a part compared with train", "seconds": 3.4},
        {"check": "order", "status": "skipped", "note": "no order named", "seconds": 0.0},
    ],
    "columns": [
        {
            "column": name,
            "kind": "number",
            "auc": 0.55,
            "effect": 0.0334,
            "measure": "Kolmogorov-Smirnov",
            "psi": 0.021,
            "part": "test",
        }
        for name in ("distance", "temp")
    ],
}


TARGETS = {
    "binary": Target("string", ("no", "yes")),
    "multiclass": Target("string", ("on time", "a/b~c", "<b>late</b>", "cancelled by the airline")),
    "regression": Target("double"),
}
# Of every task: the metric on the naive and on the safe split, with intervals, and that of the group-mean baseline.
LEAKS = {
    "binary": [(0.8312, 0.8255, 0.8371, 0.6711), (0.8047, 0.7961, 0.8130, 0.5)],
    "multiclass": [(0.8312, 0.8255, 0.8371, 0.6711), (0.8047, 0.7961, 0.8130, 0.5)],
    "regression": [(17.31, 16.92, 17.71, 21.4), (21.02, 20.5, 21.6, 26.9)],
}


def predictions(skill: float, seed: int, rows: int = 4000, task: Task = BINARY) -> Predictions:
    """Return grouped predictions of a made-up contender; one seed, one set of rows."""
    random = np.random.default_rng(seed)
    effect = random.normal(size=rows)
    noise = random.normal(size=rows)
    own = np.random.default_rng([seed, int(100 * skill)]).normal(size=rows)
    label, scores = {"binary": two, "multiclass": four}.get(task.name, numbers)(effect, noise, skill, own)
    columns = {
        "key": [f"row-{i}" for i in range(rows)],
        "label": label,
        "weight": np.ones(rows),
        task.score_column(): scores,
        "group": [f"group-{i}" for i in random.integers(0, rows // 3, rows)],
    }
    return Predictions.from_table(pa.table(columns), task=task)


Scored = tuple[np.ndarray, Any]


def two(effect: np.ndarray, noise: np.ndarray, skill: float, own: np.ndarray) -> Scored:
    """Return classes 0 and 1, and the probability of 1."""
    return (effect + noise > 1.1).astype(float), 1 / (1 + np.exp(1.3 - skill * effect - own))


def four(effect: np.ndarray, noise: np.ndarray, skill: float, own: np.ndarray) -> Scored:
    """Return four classes in order, the last one rare, and the probabilities of all."""
    label = np.digitize(effect + noise, [-0.8, 1.1, 2.9]).astype(float)
    logits = -((np.array([-1.4, 0.1, 1.9, 3.4]) - (skill * effect + own)[:, None] / 2) ** 2)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return label, list(shares / shares.sum(axis=1, keepdims=True))


def numbers(effect: np.ndarray, noise: np.ndarray, skill: float, own: np.ndarray) -> Scored:
    """Return skewed numbers, and estimates of them."""
    return 12 + 20 * effect + 6 * np.expm1(noise), 15 + 20 * effect + 20 / skill * own


def made_up_baselines(task: Task = BINARY, metric: Metric | None = None) -> dict[str, Any]:
    """Return the baselines on the made-up rows; no group of theirs is in train."""
    rows = [predictions(0.9, seed, task=task) for seed in (1, 2)]
    groups = [{"key": part.keys, "group": np.array(["elsewhere"] * len(part), dtype=object)} for part in rows]
    labels = np.unique(rows[0].labels)
    train = {"group": np.arange(len(labels)).astype(str), "label": labels, "weight": np.ones(len(labels))}
    return baselines(task, {"train": train, "validation": groups[0], "test": groups[1]}, *rows, metric=metric)


def balance(task: Task, rows: int) -> dict[str, Any]:
    """Return what a split says of the labels of a part."""
    classes = TARGETS.get(task.name, TARGETS["regression"]).names
    if not classes:
        return {"label_mean": 12.3, "label_deviation": 26.1}
    rare = rows * 23 // 100 // (len(classes) - 1)
    return {"classes": {classes[0]: rows - rare * (len(classes) - 1), **dict.fromkeys(classes[1:], rare)}}


def side(task: Task, at: int) -> dict[str, float]:
    """Return one side of the leak check."""
    names = ("value", "low", "high", "group_mean")
    return dict(zip(names, LEAKS.get(task.name, LEAKS["binary"])[at], strict=True))


def result(name: str, engine: str, family: str, phases: dict[str, float], **changes: Any) -> dict[str, Any]:
    """Return a made-up ``result.json``."""
    wall = sum(phases.values()) + 1.4
    return {
        "name": name,
        "engine": engine,
        "path": {"spark": "Spark", "single_node": "one machine", "sagemaker": "SageMaker"}[engine],
        "family": family,
        "title": f"made-up {family} on {engine}",
        "library": "made-up",
        "task": "binary",
        "capacity": {"rounds": 100, "depth": 6} if family == TREES else {},
        "equivalence": {"group": family, "settings": {"penalty": 0.1}} if name != "mllib-gbt" else None,
        "status": "ok",
        "error": None,
        "emulated": engine == "sagemaker",
        "isolation": "process",
        "phases": phases,
        "unmeasured": {"verify": 2.5} if changes.get("status", "ok") == "ok" else {},
        "wall_seconds": wall,
        "cpu_seconds": 1.6 * wall,
        "peak_memory_bytes": 2_310_000_000 if engine != "single_node" else 612_000_000,
        "matrix": {
            "fingerprint": "0f1e2d3c4b5a6978-10000",
            "rows": {"train": 7000, "validation": 1000, "test": 2000},
        },
        "hyperparameters": {"num_round": 100, "max_depth": 6}
        if family == TREES
        else {"regParam": 1e-4, "tol": 1e-6 if engine == "spark" else 1e-12},
        "cores": 2,
        "seed": 42,
        "versions": {"made-up": "1.0"},
        "notes": ["made up for a test"],
        **changes,
    }


def made_up_facts(failed: str | None = None, task: Task = BINARY, metric: Metric | None = None) -> RunFacts:
    """Return the facts of the made-up run; the contender named ``failed`` crashed with a nasty message."""
    target = TARGETS.get(task.name, TARGETS["regression"])
    metric = metric or task.metric()
    error = {"type": "Crash", "message": "<script>alert('x')</script> was killed by signal 9"}
    results = [
        result(name, engine, family, phases)
        if name != failed
        else result(name, engine, family, {}, status="failed", error=error, peak_memory_bytes=None)
        for name, engine, family, _, phases in CONTENDERS
    ]
    scored = {name: predictions(skill, 2, task=task) for name, _, _, skill, _ in CONTENDERS if name != failed}
    evaluated = {
        name: evaluate(
            task, predictions(skill, 1, task=task), scored[name], metric=metric, names=target.names, label="late"
        )
        for name, _, _, skill, _ in CONTENDERS
        if name != failed
    }
    evaluations = {name: evaluation.to_dict() for name, evaluation in evaluated.items()}
    by_baseline = made_up_baselines(task, metric)
    margin = task.margin(metric, next(iter(by_baseline.values())).evidence.value)
    gaps = [difference.to_dict() for difference in differences(evaluated, margin=margin)]
    pairs = [
        ("mllib-logistic", "sklearn-logistic", LINEAR, 3.1e-13),
        ("sagemaker-xgboost", "xgboost", TREES, None),
    ]
    equivalence = [
        EquivalenceCheck(
            left, right, family, [], gap, gap and 1e-9, max_score_difference(scored[left], scored[right]), 1e-5
        ).to_dict()
        for left, right, family, gap in pairs
        if failed not in (left, right)
    ]
    checks = fairness_checks(results, evaluations)
    prices = load_prices()
    estimates = [cost.to_dict() for result in results for cost in costs(result, prices)]
    beaten = [test.to_dict() for test in baseline_tests(evaluated, by_baseline)]
    return {
        "run": {
            "name": "made-up-run",
            "started": "2026-01-02T03:04:05+00:00",
            "seed": 42,
            "command": "sparring run made-up.yaml --set 'name=<i>made-up-run</i>'",
            "config": {"name": "made-up-run", "table": {"label": "<b>late</b>"}},
        },
        "task": task.describe(target, "late", metric),
        "rows": {
            "input": 11_000,
            "quarantined": 700,
            "duplicates_removed": 300,
            "kept_out": 0,
            "train": 7000,
            "validation": 1000,
            "test": 2000,
        },
        "quarantine": {"label is null": 690, "a/b~c is not <finite>": 10},
        "deduplicate": {
            "enabled": True,
            "columns": ["carrier", "origin", "dest"],
            "survivor": "first",
            "clusters": 280,
            "largest_cluster": 4,
            "conflicting": 12,
            "sizes": {"2-3": 271, "4-7": 9},
        },
        "not_features": {"tailnum": "key", "remarks": "named nowhere in the <configuration>"}
        | {f"unused_{number}": "type binary is no feature" for number in range(14)},
        "examples": {
            "quarantined": [
                {"about": "label is null", "rows": {f"row {n}": {"late": None, "dest": "ATL"} for n in (1, 2)}}
            ],
            "duplicates": [
                {"about": "", "rows": {"kept": {"dest": "BOS", "late": "1"}, "removed": {"dest": "BOS", "late": None}}}
            ],
            "near": [
                {
                    "about": "similarity 0.812",
                    "rows": {"one": {"remarks": "de-iced " * 9, "a.b": "x"}, "the other": {"remarks": "", "a.b": "x"}},
                }
            ],
        },
        "split": {
            "parts": {
                "train": {"rows": 7000, **balance(task, 7000), "groups": 2400, "target": 0.7},
                "validation": {"rows": 1000, **balance(task, 1000), "groups": 350, "target": 0.1},
                "test": {"rows": 2000, **balance(task, 2000), "groups": 690, "target": 0.2},
            },
            "group": ["carrier", "flight"],
            "groups_across_parts": 0,
        },
        "encoding": {
            "size": 182,
            "storage": "sparse",
            "rows": {"train": 7000, "validation": 1000, "test": 2000},
        },
        "results": results,
        "evaluations": evaluations,
        "baselines": [{"name": name, **found.to_dict()} for name, found in by_baseline.items()],
        "baseline_tests": beaten,
        "differences": gaps,
        "equivalence": equivalence,
        "leakage": {
            **AUDIT,
            "contender": "xgboost",
            "inflation_low": side(task, 0)["low"] - side(task, 1)["high"],
            "inflation_high": side(task, 0)["high"] - side(task, 1)["low"],
            "group": ["carrier", "flight"],
            "naive": {
                **side(task, 0),
                "group_mean_low": side(task, 0)["group_mean"] * 0.98,
                "group_mean_high": side(task, 0)["group_mean"] * 1.02,
                "group_overlap_rate": 0.962,
            },
            "safe": {**side(task, 1), "group_overlap_rate": 0.0},
        },
        "fairness_checks": checks,
        "verdict": decide(results, evaluations, gaps, checks, baseline_tests=beaten, costs=estimates),
        "environment": {
            "machine": "made up",
            "cores": "2",
            "memory": "8.0 GB",
            "python": "3.11",
            "spark": "3.5",
        },
        "stages": [
            {"name": "ingest", "seconds": 12.1, "rows": 10_300, "engine": "one_machine"},
            {"name": "deduplicate", "seconds": 3.4, "rows": 10_000, "engine": "one_machine"},
            {"name": "train", "seconds": 96.0, "rows": None},
        ],
        "whole_job": whole_jobs({"one_machine": 15.5}, results, prices),
        "costs": estimates,
    }
