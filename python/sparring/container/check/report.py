"""What a check of a container found: one line a rule of the contract, with what to fix."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Limits:
    """The contract's limits, in seconds and bytes; shorter ones only make a check stricter.

    Attributes
    ----------
    ping, connect, invoke, start : float
        A ping's answer, a connection's acceptance, an invocation's answer, the first good ping.
    train : float
        How long a training may take; no limit of the contract but of patience.
    stop_training, stop_serving : float
        From SIGTERM to SIGKILL.
    body : int
        Largest body of a real-time endpoint.
    idle : float
        How long the program is left alone before it must still answer.
    load : float
        How long requests are sent at once, and how long a round of the endurance lasts.
    requests : int
        How many a round of the endurance sends in that time; there are four.
    leak : int
        Bytes of memory that a request may leave behind, on average.
    """

    ping: float = 2.0
    connect: float = 0.25
    invoke: float = 60.0
    start: float = 240.0
    train: float = 3_600.0
    stop_training: float = 120.0
    stop_serving: float = 30.0
    body: int = 6_291_456
    idle: float = 10.0
    load: float = 15.0
    requests: int = 100
    leak: int = 32_768


@dataclass(frozen=True)
class Finding:
    """One rule and whether it held.

    Attributes
    ----------
    rule : str
        Such as ``serve.ping``.
    status : {"pass", "fail", "skip", "not run"}
        ``skip``: it could not be tested; ``not run``: the check's own time was up; ``found`` says why.
    found : str
        What was measured or seen.
    fix : str
        What to do about a failure.
    title : str
        The rule in words.
    source : str
        Who requires it.
    seconds : float
        How long the test took.
    """

    rule: str
    status: str
    found: str
    fix: str = ""
    title: str = ""
    source: str = ""
    seconds: float = 0.0


@dataclass
class Report:
    """All findings of one check.

    Attributes
    ----------
    findings : list of Finding
    """

    findings: list[Finding] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no rule was broken, and none was left out for want of time."""
        return not self.failed and not self.not_run

    @property
    def failed(self) -> list[Finding]:
        """Rules of the contract that the container breaks, each with what to fix."""
        return self.of("fail")

    @property
    def not_run(self) -> list[Finding]:
        """The rules for which the time limit left no time."""
        return self.of("not run")

    def of(self, status: str) -> list[Finding]:
        """Return the findings with that status."""
        return [finding for finding in self.findings if finding.status == status]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {"passed": self.passed, "findings": [asdict(finding) for finding in self.findings]}
