"""Does a split leak? Checks between the parts of a split, for any tables."""

from typing import TYPE_CHECKING

from sparring.io.exports import exported

if TYPE_CHECKING:
    from sparring.leakage.audit import CHECKS as CHECKS
    from sparring.leakage.audit import LeakageAudit as LeakageAudit
    from sparring.leakage.audit import audit_split as audit_split
    from sparring.leakage.columns import AuditColumns as AuditColumns
    from sparring.leakage.finding import SEVERITIES as SEVERITIES
    from sparring.leakage.finding import AuditReport as AuditReport
    from sparring.leakage.finding import CheckResult as CheckResult
    from sparring.leakage.finding import Finding as Finding
    from sparring.leakage.state import AuditOptions as AuditOptions

__all__, __getattr__ = exported(
    __name__,
    {
        "audit": ["CHECKS", "LeakageAudit", "audit_split"],
        "columns": ["AuditColumns"],
        "finding": ["SEVERITIES", "AuditReport", "CheckResult", "Finding"],
        "state": ["AuditOptions"],
    },
)
