"""Does a split leak? Checks between the parts of a split, for any tables.

Names are looked up when they are asked for: a Spark worker that needs one function of one module here must not
import SciPy and pyspark.ml for it, which took longer than its work.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparring.leakage.audit import CHECKS, LeakageAudit, audit_split
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
    "audit_split",
]
_HOMES = {
    **dict.fromkeys(("CHECKS", "LeakageAudit", "audit_split"), "audit"),
    **dict.fromkeys(("SEVERITIES", "AuditReport", "CheckResult", "Finding"), "finding"),
    "AuditColumns": "columns",
    "AuditOptions": "state",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
