"""Does a split leak? Checks between the parts of a split, for any tables."""

from sparring.leakage.audit import CHECKS, LeakageAudit
from sparring.leakage.columns import AuditColumns
from sparring.leakage.finding import SEVERITIES, AuditReport, CheckResult, Finding
from sparring.leakage.state import AuditOptions

__all__ = [
    "CHECKS",
    "SEVERITIES",
    "AuditColumns",
    "AuditOptions",
    "AuditReport",
    "CheckResult",
    "Finding",
    "LeakageAudit",
]
