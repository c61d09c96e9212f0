"""A rule of the contract: its name, title, source and remedy beside the function that tests it; and running them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from sparring.container.check.clock import Clock
from sparring.container.check.exchange import BROKEN
from sparring.container.check.report import Finding, Report

_GUIDE = "Amazon SageMaker AI developer guide, "
TRAINING_IMAGE = _GUIDE + '"How Amazon SageMaker AI Runs Your Training Image"'
TRAINING_INPUT = _GUIDE + '"How Amazon SageMaker AI Provides Training Information"'
TRAINING_OUTPUT = _GUIDE + '"How Amazon SageMaker AI Processes Training Output"'
TRAINING_END = _GUIDE + '"How Amazon SageMaker AI Signals Algorithm Success and Failure"'
HOSTING = _GUIDE + '"Custom Inference Code with Hosting Services"'
BATCH = _GUIDE + '"Custom Inference Code with Batch Transform"'
PIPELINE = _GUIDE + '"Run Real-time Predictions with an Inference Pipeline"'
LOGS = _GUIDE + '"CloudWatch Logs for Amazon SageMaker AI"'
METRICS = _GUIDE + '"Amazon SageMaker AI metrics in Amazon CloudWatch" (4XX and 5XX are counted apart)'
JOIN = _GUIDE + '"Associate Prediction Results with Input Records"'
TRANSFORM = "SageMaker API reference, CreateTransformJob, BatchStrategy and MaxPayloadInMB"
INVOKE = "SageMaker API reference, InvokeEndpoint"
HTTP = "RFC 9112, HTTP/1.1"
PRACTICE = "no rule of AWS's: what clients and operators rely on"

Subject = TypeVar("Subject")


class Verdict(NamedTuple):
    """What a check found.

    Attributes
    ----------
    held : bool or None
        None: it could not be tested.
    found : str
    """

    held: bool | None
    found: str


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """A rule and its test.

    Attributes
    ----------
    rule : str
        Such as ``serve.ping``.
    title : str
        What holds in a container that keeps it.
    source : str
        Who says so.
    fix : str
        What to do where it is broken.
    test : callable
        Takes what is tested; a broken connection it may leave to the caller.
    """

    rule: str
    title: str
    source: str
    fix: str
    test: Callable[[Subject], Verdict]

    def run(self, subject: Subject, clock: Clock) -> Finding:
        """Test the rule within the check's own time."""
        if clock.over:
            return self.finding("not run", f"the time limit of {clock.seconds:g} s was used up before")
        start = time.monotonic()
        try:
            held, found = self.test(subject)
        except BROKEN as error:
            held, found = False, f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - start
        if held is not True and clock.over:
            return self.finding("not run", f"the time limit of {clock.seconds:g} s ended it: {found}", seconds)
        return self.finding({True: "pass", False: "fail", None: "skip"}[held], found, seconds)

    def finding(self, status: str, found: str, seconds: float = 0.0) -> Finding:
        """Return a finding about this rule."""
        fix = self.fix if status == "fail" else ""
        return Finding(self.rule, status, found, fix, self.title, self.source, round(seconds, 3))


def rule(name: str, source: str, fix: str) -> Callable[[Callable[[Subject], Verdict]], Check[Subject]]:
    """Make a check of the function that tests the rule; its docstring is the rule's title."""
    return lambda test: Check(name, (test.__doc__ or "").strip().rstrip("."), source, fix, test)


def run_all(checks: Sequence[Check[Subject]], subject: Subject, report: Report, clock: Clock) -> None:
    """Run checks one after the other."""
    for one in checks:
        report.findings.append(one.run(subject, clock))


def skip_all(checks: Sequence[Check[Subject]], why: str, report: Report, clock: Clock) -> None:
    """Add checks that something before them made impossible."""
    late = f"the time limit of {clock.seconds:g} s was used up before"
    for one in checks:
        report.findings.append(one.finding("not run", late) if clock.over else one.finding("skip", why))
