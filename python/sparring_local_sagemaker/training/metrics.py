"""Metrics that a job prints, found by the regular expressions of its request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sparring.wire.service_model import AwsError


def check_definitions(definitions: list[dict[str, str]]) -> None:
    """Raise ``ValidationException`` for a regular expression that is none, or captures nothing."""
    for definition in definitions:
        try:
            groups = re.compile(definition["Regex"]).groups
        except re.error as error:
            raise AwsError(
                "ValidationException", f"Metric {definition['Name']}: {definition['Regex']!r} is no regex: {error}"
            ) from error
        if groups < 1:
            raise AwsError("ValidationException", f"Metric {definition['Name']}: its regex captures no group")


def final_metrics(definitions: list[dict[str, str]], logs: Iterable[Path], time: float) -> list[dict[str, Any]]:
    """Return the last value of each metric that was printed."""
    found: dict[str, float] = {}
    for path in logs:
        if path.exists():
            for line in path.read_text(errors="replace").splitlines():
                for definition in definitions:
                    for match in re.finditer(definition["Regex"], line):
                        value = _number(match.group(1))
                        if value is not None:
                            found[definition["Name"]] = value
    return [{"MetricName": name, "Value": value, "Timestamp": time} for name, value in found.items()]


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
