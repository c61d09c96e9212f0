"""From a run's facts to ``report.json``: every figure the page shows, and those it has no room for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sparring.evaluation import METRICS
from sparring.report.facts import RowCounts, RunFacts

SCHEMA_VERSION = 1


def document(facts: RunFacts) -> dict[str, Any]:
    """Return the content of ``report.json``.

    Parameters
    ----------
    facts : RunFacts

    Returns
    -------
    dict
        JSON-ready; a figure that is not a finite number is None.
    """
    leakage = facts["leakage"]
    return finite(
        {
            "schema_version": SCHEMA_VERSION,
            "run": facts["run"],
            "verdict": facts["verdict"],
            "rows": {**facts["rows"], "adds_up": adds_up(facts["rows"])},
            "contenders": [contender(result, facts["evaluations"].get(result["name"])) for result in facts["results"]],
            "baselines": [baseline(row) for row in facts.get("baselines", [])],
            "baseline_tests": facts.get("baseline_tests", []),
            "differences": facts["differences"],
            "parity": facts["parity"],
            "leakage": leakage and {**leakage, **inflation(leakage)},
            "split": facts["split"],
            "quarantine": facts["quarantine"],
            "deduplicate": facts["deduplicate"],
            "not_features": facts.get("not_features", {}),
            "examples": facts.get("examples", {}),
            "encoding": facts["encoding"],
            "ledger": facts["ledger"],
            "costs": facts.get("costs", []),
            "stages": facts["stages"],
            "environment": facts["environment"],
        }
    )


def contender(result: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a contender's result with its metrics, test sample and curves; those are None when it failed."""
    if evaluation is None:
        return {**result, "metrics": None, "sample": None, "curves": None}
    metrics = {name: evaluation[name] for name in METRICS}
    return {**result, "metrics": metrics, "sample": evaluation["sample"], "curves": evaluation["curves"]}


def baseline(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a baseline's name and metrics."""
    return {"name": evaluation["name"], "metrics": {name: evaluation[name] for name in METRICS}}


def adds_up(rows: RowCounts) -> bool:
    """Return whether the input equals the sum of all that rows can become.

    Examples
    --------
    >>> parts = {"train": 3, "validation": 1, "test": 2}
    >>> adds_up({"input": 9, "quarantined": 1, "duplicates_removed": 1, "kept_out": 1, **parts})
    True
    """
    left = rows["quarantined"] + rows["duplicates_removed"] + rows["kept_out"]
    return rows["input"] == left + rows["train"] + rows["validation"] + rows["test"]


def inflation(leakage: Mapping[str, Any]) -> dict[str, float]:
    """Return how much better the naive split looks, in AUC; nothing when it was not measured."""
    if "naive" not in leakage:
        return {}
    return {"inflation": float(leakage["naive"]["roc_auc"] - leakage["safe"]["roc_auc"])}


def finite(value: Any) -> Any:
    """Return ``value`` with None for every number that is not finite: JSON has no such numbers."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
