"""A run in words, before any of it is done."""

from __future__ import annotations

from sparring.config.schema import DeduplicateConfig, RunConfig
from sparring.data.ingest import IngestReport


def describe_plan(config: RunConfig, found: IngestReport, equality: list[str], folder: str) -> list[tuple[str, str]]:
    """Return each step of a run and what it would do, in words."""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in config.split.shares.items())
    group = f"groups by {', '.join(config.table.group)} stay together" if config.table.group else "no groups"
    if config.split.method == "time":
        group = f"from old to new by {config.table.time}, gap {config.split.gap}"
    quarantine = "; ".join(f"{reason}: {rows:,}" for reason, rows in found.quarantined.items()) or "none"
    return [
        ("ingest", f"{found.input:,} rows, quarantined: {quarantine}"),
        (
            "label",
            f"{config.table.label}, positive {found.positive}: {found.classes['1']:,} of {found.accepted:,}",
        ),
        ("deduplicate", _described(config.deduplicate, equality)),
        ("split", f"{shares}; {group}"),
        (
            "audit",
            f"leaks between the parts; rows that are alike: {config.leakage.near}" if config.leakage.audit else "off",
        ),
        ("prepare", f"{len(config.table.features.columns)} columns, fitted on train"),
        *((f"train {c.name}", f"{c.family} on {c.engine}, {c.hyperparameters}") for c in config.contenders),
        ("naive split", f"{config.leak_contender.name} once more" if config.leakage.enabled else "off"),
        ("report", f"{folder.removeprefix('file:')}/report.html"),
    ]


def _described(options: DeduplicateConfig, equality: list[str]) -> str:
    """Return which rows deduplication removes, or keeps together."""
    equal = f"equal in {', '.join(equality)}" if options.enabled else "off"
    if options.near is None:
        return equal
    kept = "" if options.removes_near else ", kept in one part"
    return f"{equal}; similar in {', '.join(options.near.columns)} from {options.near.threshold:g} on{kept}"
