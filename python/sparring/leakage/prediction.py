"""What predicts the label although it should not: keys, groups, the order of rows, or one feature alone."""

from __future__ import annotations

from sparring.leakage.finding import Finding, grade
from sparring.leakage.state import Audit, GroupMean
from sparring.leakage.table import GROUP, KEY, ORDER

# AUC of a single feature, of a group-mean baseline of keys or neighbours, of the order of rows: low, medium, high.
FEATURE_AUC = (0.90, 0.95, 0.99)
MEMORISED_AUC = (0.52, 0.57, 0.65)
ORDER_AUC = (0.60, 0.75, 0.95)
# Deviations of chance that an AUC must exceed: one in 30,000 by luck, so that a dozen of checks hardly err.
DEVIATIONS = 4.0
IDENTIFIER_SHARE = 0.95
LEAST_IDENTIFIERS = 100


def beyond_chance(found: GroupMean, bounds: tuple[float, float, float]) -> str | None:
    """Return the severity of an AUC that chance does not explain, or None."""
    if found.auc - 0.5 <= DEVIATIONS * found.noise:
        return None
    return grade(found.auc, bounds)


def target_leakage(audit: Audit) -> list[Finding]:
    """Find features that tell the label alone.

    The score of a row is the mean label of its value (of a number: of its bin, missing being one) among the *other*
    half of train, halves being made by group, else by content: a value seen once tells nothing.  Severity by AUC:
    low from 0.90, medium from 0.95, high from 0.99.

    Cost: none beyond :func:`~sparring.leakage.counts.value_counts`, which serves six checks.
    """
    found = []
    for column in audit.values.columns:
        if column.kind not in ("number", "category"):
            continue
        score = audit.cross_fitted(column.name)
        severity = beyond_chance(score, FEATURE_AUC)
        if severity is not None:
            found.append(
                Finding(
                    "target leakage",
                    severity,
                    f"{column.name} alone predicts {audit.table.meaning} with an AUC of {score.auc:.4f}",
                    f"Ask when {column.name} becomes known: if that is after the label, drop it.",
                    {"auc": score.auc},
                    [{"column": column.name, "kind": column.kind}],
                )
            )
    return found


def identifiers(audit: Audit) -> list[Finding]:
    """Find features that name rows: categories and whole numbers of which nearly every row has its own.

    They cannot help with new rows; low, and medium where they predict the label (AUC from 0.6), as a numbering
    does that was made after the label was known.

    Cost: none beyond :func:`~sparring.leakage.counts.value_counts`.
    """
    found = []
    rows = audit.table.counts[audit.table.parts[0]]
    for column in audit.values.columns:
        if column.kind == "category":
            distinct, of = int(audit.values.summary["distinct"][column.name]), rows
        elif column.kind == "number":
            known = audit.values.sample[column.name].dropna()
            whole = bool((known % 1 == 0).all())
            distinct, of = (known.nunique(), len(audit.values.sample)) if whole else (0, rows)
        else:
            continue
        if of < LEAST_IDENTIFIERS or distinct < IDENTIFIER_SHARE * of or column.name in audit.table.columns.timestamps:
            continue
        score = audit.cross_fitted(column.name)
        ordered = beyond_chance(score, ORDER_AUC)
        found.append(
            Finding(
                "identifiers",
                "medium" if ordered else "low",
                f"{column.name} has {distinct:,} values in {of:,} rows of {audit.table.parts[0]}: it names rows"
                + (f", and tells the label with an AUC of {score.auc:.4f}" if ordered else ""),
                f"Drop {column.name} from the features, or make it the key.",
                {"distinct": distinct, "rows": of, "auc": score.auc},
                [{"column": column.name}],
            )
        )
    return found


def group_mean_leakage(audit: Audit) -> list[Finding]:
    """Find keys and groups whose mean label in train tells the labels of another part: the group-mean baseline.

    It learns nothing but keys, so what it scores above 0.5 is leak, not skill.  Severity by AUC: low from 0.52,
    medium from 0.57, high from 0.65.

    Cost: none beyond :func:`~sparring.leakage.counts.value_counts`.
    """
    return _transferred(
        audit,
        "group-mean baseline",
        {
            GROUP: f"group ({', '.join(audit.table.columns.groups)})",
            KEY: f"key ({', '.join(audit.table.columns.keys)})",
        },
        "Split so that no group is in two parts; until then the score shows memory.",
    )


def order_leakage(audit: Audit) -> list[Finding]:
    """Find orders that tell the label: of the rows as they stand, or of a numeric key across parts.

    Rows are cut into 256 windows.  Within train each window's label is told by the other half of its rows; a table
    sorted by label scores 1.  Severity by AUC: low from 0.60, medium from 0.75, high from 0.95.

    Cost: none beyond :func:`~sparring.leakage.counts.value_counts`.
    """
    if audit.table.columns.order is None:
        return []
    score = audit.cross_fitted(ORDER)
    severity = beyond_chance(score, ORDER_AUC)
    if severity is None:
        return []
    return [
        Finding(
            "order",
            severity,
            f"The order of the rows of {audit.table.parts[0]} tells the label with an AUC of {score.auc:.4f}",
            "Shuffle the rows before any split or fold by position, and let no feature be made from the position.",
            {"auc": score.auc},
        )
    ]


def _transferred(audit: Audit, check: str, names: dict[str, str], advice: str) -> list[Finding]:
    found = []
    for column in audit.values.columns:
        for part in range(1, len(audit.table.parts)) if column.name in names else ():
            score = audit.transferred(column.name, part)
            severity = beyond_chance(score, MEMORISED_AUC)
            if severity is not None:
                found.append(
                    Finding(
                        check,
                        severity,
                        f"Remembering the mean label of each {names[column.name]} of {audit.table.parts[0]} scores an "
                        f"AUC of {score.auc:.4f} on {audit.table.parts[part]}",
                        advice,
                        {"auc": score.auc, "noise": score.noise},
                    )
                )
    return found
