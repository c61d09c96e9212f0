"""Testing anyone's training and serving programs against the container contract."""

from sparring.container.check.checks import check_container
from sparring.container.check.report import Finding, Limits, Report
from sparring.container.check.subject import PHASES, ContainerCheck, Payload, Phase

__all__ = ["PHASES", "ContainerCheck", "Finding", "Limits", "Payload", "Phase", "Report", "check_container"]
