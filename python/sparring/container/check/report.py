"""What a check of a container found: one line a rule of the contract, with what to mend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["pass", "fail", "skip"]


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
    """

    ping: float = 2.0
    connect: float = 0.25
    invoke: float = 60.0
    start: float = 240.0
    train: float = 3_600.0
    stop_training: float = 120.0
    stop_serving: float = 30.0
    body: int = 6_291_456


@dataclass(frozen=True)
class Finding:
    """One rule and whether it held.

    Attributes
    ----------
    rule : str
        Such as ``serve.ping``.
    status : {"pass", "fail", "skip"}
        ``skip``: it could not be tested; ``found`` says why.
    found : str
        What was measured or seen.
    fix : str
        What to do about a failure.
    """

    rule: str
    status: Status
    found: str
    fix: str = ""


@dataclass
class Report:
    """All findings of one check.

    Attributes
    ----------
    findings : list of Finding
    """

    findings: list[Finding] = field(default_factory=list)

    def judge(self, rule: str, held: bool, found: str, fix: str) -> bool:
        """Add a finding and return whether the rule held."""
        self.findings.append(Finding(rule, "pass" if held else "fail", found, "" if held else fix))
        return held

    def skip(self, rule: str, why: str) -> None:
        """Add a rule that could not be tested."""
        self.findings.append(Finding(rule, "skip", why))

    def attempt(self, rule: str, fix: str, check: Callable[[], tuple[bool, str]]) -> bool:
        """Run a check that returns whether the rule held and what was found; a broken connection is a failure."""
        try:
            held, found = check()
        except (OSError, EOFError) as error:
            held, found = False, f"{type(error).__name__}: {error}"
        return self.judge(rule, held, found, fix)

    @property
    def passed(self) -> bool:
        """Whether no rule was broken."""
        return not self.failed

    @property
    def failed(self) -> list[Finding]:
        """The broken rules."""
        return [finding for finding in self.findings if finding.status == "fail"]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {"passed": self.passed, "findings": [asdict(finding) for finding in self.findings]}
