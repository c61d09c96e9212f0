"""Testing anyone's training and serving programs against the container contract."""

from sparring.sagemaker.container.check.checks import ContainerCheck, check_container
from sparring.sagemaker.container.check.report import Finding, Limits, Report

__all__ = ["ContainerCheck", "Finding", "Limits", "Report", "check_container"]
