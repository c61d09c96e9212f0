"""What a run hands to its report: plain JSON-ready values, one key a room of the pipeline."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from sparring.comparison.fairness import Control
from sparring.comparison.verdict import Verdict


class RunInfo(TypedDict):
    """Which run it was: ``started`` in ISO 8601 with its offset, ``config`` as validated.

    ``command`` is what its user typed, None where a program of theirs started the run.
    """

    name: str
    started: str
    seed: int
    command: NotRequired[str | None]
    config: dict[str, Any]


class RowCounts(TypedDict):
    """Rows through the run: ``input`` is the sum of the others.

    ``kept_out`` are in the gap of a split by time, or without a time.
    """

    input: int
    quarantined: int
    duplicates_removed: int
    kept_out: int
    train: int
    validation: int
    test: int


class PartBalance(TypedDict):
    """One part of the split: rows, groups, and the share of the rows that was asked for.

    ``classes`` are rows by class, as text; of a label that is a number it is ``label_mean`` and ``label_deviation``.
    """

    rows: int
    classes: NotRequired[dict[str, int]]
    label_mean: NotRequired[float | None]
    label_deviation: NotRequired[float | None]
    groups: NotRequired[int]
    target: NotRequired[float]


class SplitBalance(TypedDict):
    """The split: parts by name, the group's columns, how many groups are in two parts (0 when sound)."""

    parts: dict[str, PartBalance]
    group: list[str]
    groups_across_parts: int


class Deduplication(TypedDict):
    """What deduplication found; further keys are shown as they are.

    ``columns`` make two rows equal; ``clusters`` counts sets of two or more equal rows, ``conflicting`` those
    among them that hold several labels; ``sizes`` counts clusters by size.
    """

    enabled: bool
    columns: list[str]
    survivor: str
    clusters: int
    largest_cluster: int
    conflicting: int
    sizes: NotRequired[dict[str, int]]


class LeakSide(TypedDict):
    """One way to split: the metric that decides of the trainer and of the group-mean baseline, with their intervals.

    ``group_overlap_rate`` is the share of test rows whose group occurs in train.
    """

    value: float
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    group_mean: NotRequired[float]
    group_mean_low: NotRequired[float | None]
    group_mean_high: NotRequired[float | None]
    group_overlap_rate: NotRequired[float]


class Leakage(TypedDict):
    """The audit of the split, and one trainer on the naive random split and on the safe one.

    ``group`` names the columns whose joint value is a group.  ``findings``, ``checks``, ``columns`` and ``worst`` are
    those of :class:`~sparring.leakage.AuditReport`, absent when the audit was switched off; the others are absent
    when inflation was not measured.
    """

    group: list[str]
    findings: NotRequired[list[dict[str, Any]]]
    checks: NotRequired[list[dict[str, Any]]]
    columns: NotRequired[list[dict[str, Any]]]
    worst: NotRequired[str | None]
    contender: NotRequired[str]
    inflation_low: NotRequired[float | None]
    inflation_high: NotRequired[float | None]
    naive: NotRequired[LeakSide]
    safe: NotRequired[LeakSide]


class Stage(TypedDict):
    """One stage of the pipeline; ``rows`` that came out of it, where it makes sense, and what the data half ran on."""

    name: str
    seconds: float
    rows: int | None
    engine: NotRequired[str | None]


class WholeJob(TypedDict):
    """What it takes to get from the table to a contender's scores, see :mod:`sparring.comparison.whole_job`."""

    name: str
    engines: list[str]
    data: float
    contender: float
    total: float
    cost: dict[str, Any] | None


class RunFacts(TypedDict):
    """All that a report is made of.

    Attributes
    ----------
    run, rows, split, deduplicate, verdict, fairness_checks, stages
        As their classes say.
    task : dict
        :meth:`sparring.task.Task.describe`.
    quarantine : dict of str to int
        Reason -> rows; sums to ``rows["quarantined"]``.
    not_features : dict of str to str
        Column of the table that no model sees -> what it is instead, or why it is left out.
    examples : dict of str to list
        ``quarantined``, ``duplicates`` and ``near``: rows, see :mod:`sparring.data.example_rows`.
    encoding : dict
        The content of ``encoding.json``; ``names`` may be left out.
    results : list of dict
        Each contender's ``result.json``, failed ones too.
    evaluations : dict of str to dict
        ``Evaluation.to_dict()`` by contender; failed ones have none.
    baselines : list of dict
        ``name`` and ``Evaluation.to_dict()`` of each baseline.
    baseline_tests : list of dict
        ``BaselineTest.to_dict()`` of every contender.
    differences : list of dict
        ``Difference.to_dict()`` of every pair.
    equivalence : list of dict
        ``EquivalenceCheck.to_dict()`` of the pairs that should be one model.
    leakage : Leakage or None
        None when audit and inflation were switched off.
    environment : dict of str to str
        What the run ran on: Python, Java, Spark, machine, memory, cores, versions.
    costs : list of dict, optional
        ``Cost.to_dict()`` of the contenders that have one.
    """

    run: RunInfo
    task: dict[str, Any]
    rows: RowCounts
    quarantine: dict[str, int]
    deduplicate: Deduplication
    split: SplitBalance
    not_features: NotRequired[dict[str, str]]
    examples: NotRequired[dict[str, list[dict[str, Any]]]]
    encoding: dict[str, Any]
    results: list[dict[str, Any]]
    evaluations: dict[str, dict[str, Any]]
    baselines: NotRequired[list[dict[str, Any]]]
    baseline_tests: NotRequired[list[dict[str, Any]]]
    differences: list[dict[str, Any]]
    equivalence: list[dict[str, Any]]
    leakage: Leakage | None
    fairness_checks: list[Control]
    verdict: Verdict
    environment: dict[str, str]
    stages: list[Stage]
    whole_job: NotRequired[list[WholeJob]]
    costs: NotRequired[list[dict[str, Any]]]
