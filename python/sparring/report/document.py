"""From a run's facts to ``report.json``: every figure the page shows, and those it has no room for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sparring.report.facts import RowCounts, RunFacts

SCHEMA_VERSION = 2


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
            "task": facts["task"],
            "verdict": facts["verdict"],
            "rows": {**facts["rows"], "adds_up": adds_up(facts["rows"])},
            "contenders": [contender(result, facts["evaluations"].get(result["name"])) for result in facts["results"]],
            "baselines": [baseline(row) for row in facts.get("baselines", [])],
            "baseline_tests": facts.get("baseline_tests", []),
            "differences": facts["differences"],
            "equivalence": facts["equivalence"],
            "leakage": leakage and {**leakage, **inflation(leakage, facts["task"]["metrics"][0])},
            "split": facts["split"],
            "quarantine": facts["quarantine"],
            "deduplicate": facts["deduplicate"],
            "not_features": facts.get("not_features", {}),
            "examples": facts.get("examples", {}),
            "encoding": facts["encoding"],
            "fairness_checks": facts["fairness_checks"],
            "costs": facts.get("costs", []),
            "stages": facts["stages"],
            "whole_job": facts.get("whole_job", []),
            "environment": facts["environment"],
        }
    )


def contender(result: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a contender's result with what its evaluation found; these are None when it failed."""
    found = evaluation or {}
    return {**result, **{name: found.get(name) for name in ("metrics", "sample", "plots", "tables")}}


def baseline(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a baseline's name and metrics."""
    return {"name": evaluation["name"], "metrics": evaluation["metrics"]}


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


def inflation(leakage: Mapping[str, Any], metric: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far the naive split's metric is from the safe one's, and whether it looks better.

    Nothing when it was not measured.
    """
    if "naive" not in leakage:
        return {}
    gap = float(leakage["naive"]["value"] - leakage["safe"]["value"])
    return {"inflation": gap, "flatters": bool(gap and (gap > 0) == metric["higher_is_better"])}


def finite(value: Any) -> Any:
    """Return ``value`` with None for every number that is not finite: JSON has no such numbers."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
