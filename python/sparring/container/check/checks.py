"""The whole check of a container: its training program, then its serving program on what was trained."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from sparring.container.check.report import Report
from sparring.container.check.serving import ServingCheck
from sparring.container.check.subject import ContainerCheck
from sparring.container.check.training import TrainingCheck
from sparring.container.isolation import require_isolation


def check_container(check: ContainerCheck) -> Report:
    """Run the programs and return what was found; nothing of them is left.

    Raises
    ------
    PlatformError
        If isolation is asked for and not possible here, or the port is in use.

    Notes
    -----
    Cost: the training runs up to three times, the serving program once.
    """
    if check.isolate:
        require_isolation()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as scratch:
        model = check.model
        if check.train:
            trained = TrainingCheck(check, Path(scratch), report).run()
            model = model or trained
        if check.serve and check.train and model is None:
            report.skip("serve.start", "training left no model to serve")
        elif check.serve:
            ServingCheck(replace(check, model=model), Path(scratch), report).run()
    return report
