"""What an audit says: findings, each with its severity, counts, examples and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

SEVERITIES = ("low", "medium", "high")
# A part of which the share s leaks is scored too well by s at most, in accuracy.
LEAKED_SHARE = (0.0, 0.001, 0.01)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a split.

    Attributes
    ----------
    check : str
        Name of the check, such as ``"exact overlap"``.
    severity : {"low", "medium", "high"}
    message : str
        What was found, a sentence with its figures.
    advice : str
        What to do, an imperative sentence.
    counts : dict of str to number
        The figures behind the severity.
    examples : list of dict
        A few rows, values or columns; the same ones for the same rows and seed.
    """

    check: str
    severity: str
    message: str
    advice: str
    counts: dict[str, Any] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class CheckResult:
    """How one check ended: ``status`` is clean, found or skipped; ``note`` says why, or how it was done."""

    check: str
    status: str
    note: str
    seconds: float


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes
    ----------
    parts : dict of str to int
        Part -> rows.
    findings : list of Finding
        The worst first.
    checks : list of CheckResult
        Every check, also those that found nothing or were skipped.
    columns : list of dict
        Each audited column with its cross-fitted AUC and its shift.
    """

    parts: dict[str, int]
    findings: list[Finding]
    checks: list[CheckResult]
    columns: list[dict[str, Any]]

    @property
    def worst(self) -> str | None:
        """The highest severity found, or None."""
        return max((finding.severity for finding in self.findings), key=SEVERITIES.index, default=None)

    def at_or_above(self, severity: str) -> list[Finding]:
        """Return the findings of at least this severity."""
        least = SEVERITIES.index(severity)
        return [finding for finding in self.findings if SEVERITIES.index(finding.severity) >= least]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "parts": self.parts,
            "worst": self.worst,
            "findings": [finding.to_dict() for finding in self.findings],
            "checks": [asdict(check) for check in self.checks],
            "columns": self.columns,
        }


def grade(value: float, bounds: Sequence[float], strict: bool = False) -> str | None:
    """Return the severity of ``value``: the highest whose bound it reaches (exceeds if ``strict``), or None.

    Examples
    --------
    >>> grade(0.002, LEAKED_SHARE, strict=True), grade(0.0, LEAKED_SHARE, strict=True)
    ('medium', None)
    """
    reached = [
        severity
        for severity, bound in zip(SEVERITIES, bounds, strict=True)
        if value > bound or (value == bound and not strict)
    ]
    return reached[-1] if reached else None


def milder(severity: str) -> str:
    """Return the next lower severity; low stays low."""
    return SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
