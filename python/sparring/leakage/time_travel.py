"""Rows of train that are later than rows they are to predict."""

from __future__ import annotations

from datetime import datetime, timezone

from sparring.leakage.columns import PART
from sparring.leakage.finding import SEVERITIES, Finding
from sparring.leakage.prediction import MEMORISED_AUC, beyond_chance
from sparring.leakage.state import Audit
from sparring.leakage.table import TIME

ADVICE = "If the model is to predict the future, split by time, with a gap as long as labels take to become known."


def time_travel(audit: Audit) -> list[Finding]:
    """Find parts that begin before train ends.

    Severity by what that gives away: time is cut into 256 windows, and the mean label of train's rows in a window is
    the score of the other part's rows in it.  Low by itself; medium from an AUC of 0.57, high from 0.65: then rows
    of train tell the label of rows that happened at the same time.

    Cost: two aggregates over the kept rows; the windows are among
    :func:`~sparring.leakage.counts.value_counts`.
    """
    from sparring.engine import functions as F

    spans = {
        row[PART]: row
        for row in audit.table.rows.groupBy(PART).agg(F.min(TIME).alias("first"), F.max(TIME).alias("last")).collect()
    }
    last = spans[0]["last"]
    others = [part for part in range(1, len(audit.table.parts)) if None not in (last, spans[part]["first"])]
    later = [
        F.sum(F.when((F.col(PART) == 0) & (F.col(TIME) > spans[part]["first"]), 1).otherwise(0)).alias(f"train{part}")
        for part in others
    ]
    before = [
        F.sum(F.when((F.col(PART) == part) & (F.col(TIME) < last), 1).otherwise(0)).alias(f"part{part}")
        for part in others
    ]
    counts = audit.table.rows.agg(F.lit(0), *later, *before).collect()[0]
    found = [
        _finding(audit, part, counts[f"train{part}"], counts[f"part{part}"], (spans[part]["first"], last))
        for part in others
    ]
    return [finding for finding in found if finding is not None]


def _finding(audit: Audit, part: int, later: int, before: int, timestamps: tuple[float, float]) -> Finding | None:
    if not later:
        return None
    train, name = audit.table.parts[0], audit.table.parts[part]
    rows, of = audit.table.counts[train], audit.table.counts[name]
    message = (
        f"{later:,} of {rows:,} rows of {train} ({later / rows:.2%}) are later than the first row of {name}; "
        f"{before:,} of {of:,} rows of {name} ({before / of:.2%}) are earlier than the last of {train}"
    )
    counts = {"later_in_train": later, "share": later / rows, f"earlier_in_{name}": before}
    severity = "low"
    if audit.table.columns.label is not None:
        score = audit.transferred(TIME, part)
        counts["auc"] = score.auc
        severity = max("low", beyond_chance(score, MEMORISED_AUC) or "low", key=SEVERITIES.index)
        if severity != "low":
            message += f"; the mean label of {train} at the same time scores an AUC of {score.auc:.4f} on {name}"
    first, last = (_shown(audit, moment) for moment in timestamps)
    return Finding(
        "time travel", severity, message, ADVICE, counts, [{f"first of {name}": first, f"last of {train}": last}]
    )


def _shown(audit: Audit, moment: float) -> str:
    from pyspark.sql import types as T

    name = str(audit.table.columns.time)
    if name not in audit.table.columns.timestamps and isinstance(audit.table.rows.schema[name].dataType, T.NumericType):
        return f"{moment:g}"
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(sep=" ", timespec="seconds")
