"""A run that never happened, for tests of the report: random predictions, evaluated for real."""

from typing import Any

import numpy as np
import pyarrow as pa

from sparring.comparison import costs, decide, fairness_checks, load_prices
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
from sparring.task import BINARY, Target

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
        {"session": 6.3, "read": 1.0, "hand_off": 7.5, "fit": 9.9, "score": 4.4},
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


def predictions(skill: float, seed: int, rows: int = 4000) -> Predictions:
    """Return grouped predictions of a made-up contender; one seed, one set of rows."""
    random = np.random.default_rng(seed)
    effect = random.normal(size=rows)
    label = (effect + random.normal(size=rows) > 1.1).astype(float)
    logit = skill * effect - 1.3 + np.random.default_rng([seed, int(100 * skill)]).normal(size=rows)
    return Predictions.from_table(
        pa.table(
            {
                "key": [f"row-{i}" for i in range(rows)],
                "label": label,
                "weight": np.ones(rows),
                "score": 1 / (1 + np.exp(-logit)),
                "group": [f"group-{i}" for i in random.integers(0, rows // 3, rows)],
            }
        )
    )


def made_up_baselines() -> dict[str, Any]:
    """Return the baselines on the made-up rows; no group of theirs is in train."""
    rows = [predictions(0.9, seed) for seed in (1, 2)]
    groups = [{"key": part.keys, "group": np.array(["elsewhere"] * len(part), dtype=object)} for part in rows]
    train = {"group": np.array(["a", "b"]), "label": np.array([0.0, 1.0]), "weight": np.ones(2)}
    return baselines(BINARY, {"train": train, "validation": groups[0], "test": groups[1]}, *rows)


def result(name: str, engine: str, family: str, phases: dict[str, float], **changes: Any) -> dict[str, Any]:
    """Return a made-up ``result.json``."""
    wall = sum(phases.values()) + 1.4
    return {
        "name": name,
        "engine": engine,
        "family": family,
        "title": f"made-up {family} on {engine}",
        "library": "made-up",
        "task": "binary",
        "capacity": {"rounds": 100, "depth": 6} if family == TREES else {},
        "equivalence": {"group": family, "settings": {"penalty": 0.1}} if name != "mllib-gbt" else None,
        "status": "ok",
        "error": None,
        "stand_in": engine == "sagemaker",
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


def made_up_facts(failed: str | None = None) -> RunFacts:
    """Return the facts of the made-up run; the contender named ``failed`` crashed with a nasty message."""
    error = {"type": "Crash", "message": "<script>alert('x')</script> was killed by signal 9"}
    results = [
        result(name, engine, family, phases)
        if name != failed
        else result(name, engine, family, {}, status="failed", error=error, peak_memory_bytes=None)
        for name, engine, family, _, phases in CONTENDERS
    ]
    scored = {name: predictions(skill, 2) for name, _, _, skill, _ in CONTENDERS if name != failed}
    evaluated = {
        name: evaluate(BINARY, predictions(skill, 1), scored[name], label="late")
        for name, _, _, skill, _ in CONTENDERS
        if name != failed
    }
    evaluations = {name: evaluation.to_dict() for name, evaluation in evaluated.items()}
    gaps = [difference.to_dict() for difference in differences(evaluated)]
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
    by_baseline = made_up_baselines()
    beaten = [test.to_dict() for test in baseline_tests(evaluated, by_baseline)]
    return {
        "run": {
            "name": "made-up-run",
            "started": "2026-01-02T03:04:05+00:00",
            "seed": 42,
            "command": "sparring run made-up.yaml --set 'name=<i>made-up-run</i>'",
            "config": {"name": "made-up-run", "table": {"label": "<b>late</b>"}},
        },
        "task": BINARY.describe(Target("string", ("no", "yes")), "late", BINARY.metric()),
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
                "train": {"rows": 7000, "classes": {"no": 5390, "yes": 1610}, "groups": 2400, "target": 0.7},
                "validation": {"rows": 1000, "classes": {"no": 770, "yes": 230}, "groups": 350, "target": 0.1},
                "test": {"rows": 2000, "classes": {"no": 1540, "yes": 460}, "groups": 690, "target": 0.2},
            },
            "group": ["carrier", "flight"],
            "straddling_groups": 0,
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
            "inflation_low": 0.0161,
            "inflation_high": 0.0369,
            "group": ["carrier", "flight"],
            "naive": {
                "value": 0.8312,
                "low": 0.8255,
                "high": 0.8371,
                "group_mean": 0.6711,
                "group_mean_low": 0.6595,
                "group_mean_high": 0.6827,
                "group_overlap_rate": 0.962,
            },
            "safe": {
                "value": 0.8047,
                "low": 0.7961,
                "high": 0.8130,
                "group_mean": 0.5,
                "group_overlap_rate": 0.0,
            },
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
            {"name": "ingest", "seconds": 12.1, "rows": 10_300},
            {"name": "deduplicate", "seconds": 3.4, "rows": 10_000},
            {"name": "train", "seconds": 96.0, "rows": None},
        ],
        "costs": estimates,
    }
