"""What a run hands to its report: plain JSON-ready values, one key a room of the pipeline."""

from __future__ import annotations

from typing import Any

from typing_extensions import NotRequired, TypedDict

from sparring.comparison.ledger import Control
from sparring.comparison.verdict import Verdict


class RunInfo(TypedDict):
    """Which run it was: ``started`` in ISO 8601 with its offset, ``config`` as validated."""

    name: str
    started: str
    seed: int
    config: dict[str, Any]


class RowCounts(TypedDict):
    """Rows through the run: ``input`` is the sum of the others."""

    input: int
    quarantined: int
    duplicates_removed: int
    train: int
    validation: int
    test: int


class PartBalance(TypedDict):
    """One part of the split: rows, rows of class 1, groups, and the share of the rows that was asked for."""

    rows: int
    positives: int
    groups: NotRequired[int]
    target: NotRequired[float]


class SplitBalance(TypedDict):
    """The split: parts by name, the group's columns, how many groups are in two parts (0 when sound)."""

    parts: dict[str, PartBalance]
    group: list[str]
    straddling_groups: int


class Deduplication(TypedDict):
    """What deduplication found; further keys are shown as they are.

    ``columns`` make two rows equal; ``clusters`` counts sets of two or more equal rows, ``conflicting`` those
    among them that hold both labels.
    """

    enabled: bool
    columns: list[str]
    survivor: str
    clusters: int
    largest_cluster: int
    conflicting: int


class LeakSide(TypedDict):
    """One way to split: the trainer's AUC and its interval, the key memoriser's AUC, and the twins' share.

    ``twins_share`` is the share of test rows whose key occurs in train.
    """

    roc_auc: float
    low: NotRequired[float]
    high: NotRequired[float]
    memoriser_roc_auc: NotRequired[float]
    twins_share: NotRequired[float]


class Leakage(TypedDict):
    """One trainer on the naive random split and on the safe one; ``group`` names the columns of a twin."""

    contender: str
    group: list[str]
    naive: LeakSide
    safe: LeakSide


class Stage(TypedDict):
    """One stage of the pipeline; ``rows`` that came out of it, where it makes sense."""

    name: str
    seconds: float
    rows: int | None


class RunFacts(TypedDict):
    """All that a report is made of.

    Attributes
    ----------
    run, rows, split, deduplicate, verdict, ledger, stages
        As their classes say.
    quarantine : dict of str to int
        Reason -> rows; sums to ``rows["quarantined"]``.
    encoding : dict
        The content of ``encoding.json``; ``names`` may be left out.
    results : list of dict
        Each contender's ``result.json``, failed ones too.
    evaluations : dict of str to dict
        ``Evaluation.to_dict()`` by contender; failed ones have none.
    differences : list of dict
        ``Difference.to_dict()`` of every pair.
    parity : list of dict
        ``Parity.to_dict()`` of the pairs that should agree.
    leakage : Leakage or None
        None when the check was switched off.
    environment : dict of str to str
        What the run ran on: Python, Java, Spark, machine, memory, cores, versions.
    costs : list of dict, optional
        ``Cost.to_dict()`` of the contenders that have one.
    """

    run: RunInfo
    rows: RowCounts
    quarantine: dict[str, int]
    deduplicate: Deduplication
    split: SplitBalance
    encoding: dict[str, Any]
    results: list[dict[str, Any]]
    evaluations: dict[str, dict[str, Any]]
    differences: list[dict[str, Any]]
    parity: list[dict[str, Any]]
    leakage: Leakage | None
    ledger: list[Control]
    verdict: Verdict
    environment: dict[str, str]
    stages: list[Stage]
    costs: NotRequired[list[dict[str, Any]]]
