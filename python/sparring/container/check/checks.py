"""The whole check of a container: its training program, then its serving program on what was trained."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparring.container.check import concurrency, endurance, invocations, shutdown, start, training
from sparring.container.check.clock import Clock
from sparring.container.check.exchange import HOST
from sparring.container.check.report import Report
from sparring.container.check.rules import Check, run_all, skip_all
from sparring.container.check.service import Service, serving
from sparring.container.check.subject import ContainerCheck, Phase
from sparring.container.isolation import require_isolation
from sparring.errors import PlatformError

NO_PAYLOAD = "no payload was given: --payload FILE --content-type TYPE"
NOT_ANSWERED = "the payload was not answered"


def check_container(check: ContainerCheck) -> Report:
    """Run the programs and return what was found; nothing of them is left.

    Raises
    ------
    PlatformError
        If isolation is asked for and not possible here, or the port is in use.

    Notes
    -----
    Cost: the training runs up to four times (five if it fails), the serving program once; never more than
    ``check.time_limit``.
    """
    if check.isolate:
        require_isolation()
    report, clock = Report(), Clock(check.time_limit)
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as scratch:
        model = check.model
        if check.train:
            trainings = training.Trainings(check, Path(scratch), clock)
            if "training" in check.phases:
                run_all(training.CHECKS, trainings, report, clock)
            if check.serve and model is None and not clock.over and any(trainings.good.model):
                model = trainings.good.tree.model
        if not check.serve or not set(check.phases) - {"training"}:
            return report
        if check.train and model is None:
            skip_all(_serving_checks(check.phases), "training left no model to serve", report, clock)
        else:
            _check_serving(replace(check, model=model), Path(scratch), report, clock)
    return report


def _check_serving(check: ContainerCheck, folder: Path, report: Report, clock: Clock) -> None:
    _require_free_port(check.port)
    with serving(check, folder, clock) as service:
        begun = start.starts.run(service, clock)
        report.findings.append(begun)
        if begun.status != "pass":
            skip_all(_serving_checks(check.phases)[1:], "it did not start", report, clock)
            return
        if "start" in check.phases:
            run_all(start.CHECKS, service, report, clock)
        _check_requests(service, report, clock)


def _check_requests(service: Service, report: Report, clock: Clock) -> None:
    """Run the phases that need a request, if there is one and it is answered, and those that do not."""
    phases, answers = service.check.phases, False
    needed = _checks_with_payload(phases)
    if service.check.payload is None:
        skip_all(needed, NO_PAYLOAD, report, clock)
    elif needed or "shutdown" in phases:
        first = invocations.answers.run(service, clock)
        answers = first.status == "pass"
        if "invocations" in phases or not answers:
            report.findings.append(first)
        if not answers:
            skip_all([one for one in needed if one.rule != first.rule], NOT_ANSWERED, report, clock)
    if answers and "invocations" in phases:
        run_all(invocations.CHECKS, service, report, clock)
    if answers and "concurrency" in phases:
        run_all(concurrency.CHECKS, service, report, clock)
    if "concurrency" in phases:
        run_all([concurrency.accepts_connections], service, report, clock)
    if answers and "endurance" in phases:
        run_all(endurance.CHECKS, endurance.Endurance(service), report, clock)
    if "shutdown" in phases:
        run_all(shutdown.CHECKS, shutdown.Shutdown(service, answers), report, clock)


def _checks_with_payload(phases: Sequence[Phase]) -> list[Check[Any]]:
    by_phase: dict[Phase, Sequence[Check[Any]]] = {
        "invocations": [invocations.answers, *invocations.CHECKS],
        "concurrency": concurrency.CHECKS,
        "endurance": endurance.CHECKS,
    }
    return [one for phase, checks in by_phase.items() if phase in phases for one in checks]


def _serving_checks(phases: Sequence[Phase]) -> list[Check[Any]]:
    """Return all checks of the serving program, the start first, which no phase can do without."""
    return [
        start.starts,
        *(start.CHECKS if "start" in phases else ()),
        *_checks_with_payload(phases),
        *([concurrency.accepts_connections] if "concurrency" in phases else ()),
        *(shutdown.CHECKS if "shutdown" in phases else ()),
    ]


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise PlatformError(
                f"Port {port} of this machine is in use",
                "Free it, or give --port N to programs that honour SAGEMAKER_BIND_TO_PORT.",
            )
