"""Made-up results of contenders."""

from collections.abc import Callable
from typing import Any

import pytest

from sparring.task import BINARY

PATHS = {"spark": "Spark", "single_node": "one machine", "sagemaker": "SageMaker"}
Builder = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def result() -> Builder:
    """Builder of a contender's ``result.json``."""

    def build(name: str, **changes: Any) -> dict[str, Any]:
        return {
            "name": name,
            "engine": "single_node",
            "path": PATHS[changes.get("engine", "single_node")],
            "library": "xgboost",
            "family": "gradient_boosted_trees",
            "title": "XGBoost",
            "task": "binary",
            "capacity": {},
            "equivalence": None,
            "status": "ok",
            "error": None,
            "emulated": False,
            "phases": {"fit": 1.0},
            "wall_seconds": 2.0,
            "cpu_seconds": 3.0,
            "peak_memory_bytes": 1,
            "matrix": {"fingerprint": "aa-7", "rows": {"train": 5, "test": 2}},
            "hyperparameters": {"max_depth": 6, "eta": 0.1, "lambda": 1},
            "cores": 2,
            "seed": 42,
            "isolation": "process",
            "versions": {},
            "notes": [],
            **changes,
        }

    return build


@pytest.fixture(scope="session")
def evaluation() -> Builder:
    """Builder of what ``Evaluation.to_dict`` returns, as far as verdict and checks read it."""

    def build(auc: float, digest: str = "d", reason: str | None = None) -> dict[str, Any]:
        return {
            "metric": BINARY.metric().describe("late"),
            "metrics": {
                "roc_auc": {
                    "value": auc,
                    "low": auc - 0.01,
                    "high": auc + 0.01,
                    "reliable": reason is None,
                    "reason": reason,
                }
            },
            "sample": {
                "digest": digest,
                "confidence": 0.95,
                "rows": 1200,
                "labels": "400 of them positive",
                "cluster": "row",
                "of_rarest": " of the rarer class",
                "effective_clusters": 400.0 if reason is None else 2.0,
            },
        }

    return build
