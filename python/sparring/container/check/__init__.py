"""Testing anyone's training and serving programs against the container contract."""

from sparring.container.check.checks import check_container
from sparring.container.check.report import Finding, Limits, Report
from sparring.container.check.subject import ContainerCheck, Payload

__all__ = ["ContainerCheck", "Finding", "Limits", "Payload", "Report", "check_container"]
