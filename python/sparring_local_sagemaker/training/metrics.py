"""Metrics that a job prints, found by the regular expressions of its request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.secret import REGION

NAMESPACE = "/aws/sagemaker/TrainingJobs"


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
            found.update(_values(definitions, path.read_text(errors="replace").splitlines()))
    return [{"MetricName": name, "Value": value, "Timestamp": time} for name, value in found.items()]


class MetricFeed:
    """The metrics of one job on their way to CloudWatch: each value at the time at which it was found.

    Parameters
    ----------
    job : str
        Name of the training job, the dimension of its metrics.
    definitions : list of dict
        ``MetricDefinitions``.
    """

    def __init__(self, job: str, definitions: list[dict[str, str]]) -> None:
        self.job, self.definitions = job, definitions
        self._offsets: dict[Path, int] = {}

    def move(self, log: Path) -> None:
        """Send what the whole lines that are new in a log hold."""
        if not self.definitions or not log.exists():
            return
        with log.open("rb") as file:
            file.seek(self._offsets.get(log, 0))
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offsets[log] = self._offsets.get(log, 0) + len(whole)
        found = _values(self.definitions, whole.decode(errors="replace").splitlines())
        _put(self.job, found)


def _values(definitions: list[dict[str, str]], lines: Iterable[str]) -> list[tuple[str, float]]:
    """Return name and value of each metric in lines, in their order."""
    return [
        (definition["Name"], value)
        for line in lines
        for definition in definitions
        for match in re.finditer(definition["Regex"], line)
        if (value := _number(match.group(1))) is not None
    ]


def _put(job: str, values: list[tuple[str, float]]) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    dimensions = [{"Name": "TrainingJobName", "Value": job}]
    # moto compares with times that bear no zone.
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    data = [{"MetricName": n, "Value": v, "Dimensions": dimensions, "Timestamp": now} for n, v in values]
    if data:
        cloudwatch_backends[ACCOUNT][REGION].put_metric_data(NAMESPACE, data)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
