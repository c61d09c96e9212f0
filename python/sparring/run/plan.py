"""A run in words, before any of it is done."""

from __future__ import annotations

from sparring.config.schema import DeduplicateConfig, RunConfig
from sparring.data.ingest import IngestReport, OpenTable
from sparring.data.reading import Reading
from sparring.dedup.caveats import require_some_left
from sparring.dedup.copies import Copies, count_equal, tell_copies

# So many classes are named in a sentence.
MOST_SHOWN = 20
DECISIONS = {
    "none": "no two rows are equal",
    "copies": "the equal rows are copies",
    "coincidences": "the equal rows are different things that look alike: they stay",
    "cannot_tell": "whether the equal rows are copies cannot be told: they stay, equal ones in one part",
    "mixed": "some equal rows are copies, the others stay",
}


def preview(opened: OpenTable, config: RunConfig) -> Copies:
    """Return which equal rows would go.

    Raises
    ------
    TableError
        If most of the rows would, without the user's explicit word.
    """
    options = config.deduplicate
    tell = tell_copies if options.needs_evidence else count_equal
    copies = tell(opened.raw, opened.reading, config.table.label)
    if options.enabled:
        require_some_left(copies.removed, copies.rows, options.allow_most)
    return copies


def told(copies: Copies | None) -> str:
    """Return what the evidence says of the equal rows, as the end of a sentence."""
    return f"; {DECISIONS[copies.decision]}" if copies else ""


def describe_plan(
    config: RunConfig, found: IngestReport, reading: Reading, copies: Copies, folder: str
) -> list[tuple[str, str]]:
    """Return each step of a run and what it would do, in words."""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in config.split.shares.items())
    group = f"groups by {', '.join(config.table.group)} stay together" if config.table.group else "no groups"
    if config.split.method == "time":
        group = f"from old to new by {config.table.time}, gap {config.split.gap}"
    quarantine = "; ".join(f"{reason}: {rows:,}" for reason, rows in found.quarantined.items()) or "none"
    return [
        ("ingest", f"{found.input:,} rows, quarantined: {quarantine}"),
        ("label", _label(config.table.label, found)),
        ("deduplicate", _described(config.deduplicate, reading, copies)),
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


def _label(label: str, found: IngestReport) -> str:
    """Return the task, why it is this one, and how the label is distributed."""
    said = f"{label}: {found.task}, because {found.task_reason}; "
    if found.classes:
        return said + ", ".join(f"{name} {rows:,}" for name, rows in found.classes.items())
    summary = found.label_summary
    return said + f"{summary['min']:g} to {summary['max']:g}, mean {summary['mean']:.4g}"


def _described(options: DeduplicateConfig, reading: Reading, copies: Copies) -> str:
    """Return which rows deduplication removes, or keeps together."""
    several = copies.removed_by_class if len(copies.removed_by_class) <= MOST_SHOWN else {}
    classes = ", ".join(f"{rows:,} of class {name}" for name, rows in several.items())
    goes = f"{copies.removed:,} rows would go" + (f" ({classes})" if classes else "")
    equal = f"{goes}; equal in {_columns(reading)}; {DECISIONS[copies.decision]}" if options.enabled else "off"
    if options.near is None:
        return equal
    kept = "" if options.removes_near else ", kept in one part"
    return f"{equal}; similar in {', '.join(options.near.columns)} from {options.near.threshold:g} on{kept}"


def _columns(reading: Reading) -> str:
    if reading.left_out:
        return f"all columns but {', '.join(reading.left_out)}"
    return ", ".join(reading.columns)
