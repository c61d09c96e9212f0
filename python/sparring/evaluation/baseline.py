"""Baselines that every contender must beat: the same scores for all rows, and those of the row's group in train.

The constants know the label's distribution in train and nothing else.  The group-mean baseline knows nothing but
groups: on a split that keeps groups whole it is a constant, and what it is better by elsewhere is leak, not skill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sparring.evaluation.difference import PairedTest, distinct_models, holm, paired_test
from sparring.evaluation.evaluate import Evaluation, evaluate
from sparring.evaluation.power import detectable
from sparring.evaluation.predictions import Predictions
from sparring.task import Metric, Task

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class BaselineTest:
    """Does a contender beat every baseline?

    Attributes
    ----------
    contender : str
    baseline : str
        The one that is hardest to beat for this contender.
    value : float
        The metric that decides, of the contender minus that of the baseline.
    p_value, p_adjusted : float or None
        One-sided paired test that the contender is no better, and the same after Holm over all contenders.
    beaten : bool
        Whether ``p_adjusted`` is below the level.
    detectable : float or None
        The true lead over the baseline that this test would have found with 80% probability.
    """

    contender: str
    baseline: str
    value: float
    p_value: float | None
    p_adjusted: float | None
    beaten: bool
    detectable: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)


def baselines(
    task: Task,
    parts: Mapping[str, Columns],
    validation: Predictions,
    test: Predictions,
    *,
    metric: Metric | None = None,
    confidence: float = 0.95,
) -> dict[str, Evaluation]:
    """Return the evaluations of the task's constants and of the group-mean baseline, on the rows of ``test``.

    Parameters
    ----------
    task : Task
    parts : mapping of str to mapping of str to ndarray
        ``"train"`` with the columns ``group``, ``label`` and ``weight``; ``"validation"`` and ``"test"`` with ``key``
        and ``group``.
    validation, test : Predictions
        Any contender's: whose scores are replaced.
    metric : Metric, optional
        The one that decides; the task's own by default.
    confidence : float, default 0.95

    Returns
    -------
    dict of str to Evaluation
        The simplest one first.

    Notes
    -----
    Cost: the group of every row is held in memory.
    """
    train, scored = parts["train"], {"validation": validation, "test": test}
    indicators = task.indicators(np.asarray(train["label"], dtype=np.float64), test.scores)
    scores = {
        name: {part: np.broadcast_to(constant, rows.scores.shape).copy() for part, rows in scored.items()}
        for name, constant in task.constants(train["label"], train["weight"], indicators).items()
    }
    scores[task.group_baseline] = {part: _means(train, indicators, parts[part], rows) for part, rows in scored.items()}
    return {
        name: evaluate(
            task,
            replace(validation, scores=found["validation"]),
            replace(test, scores=found["test"]),
            metric=metric,
            confidence=confidence,
        )
        for name, found in scores.items()
    }


def baseline_tests(
    evaluations: Mapping[str, Evaluation], scored: Mapping[str, Evaluation], *, alpha: float = 0.05
) -> list[BaselineTest]:
    """Return for each contender whether it beats every baseline in the metric that decides.

    A contender beats all when it beats the one that it beats least surely, so that this is one test a contender
    (an intersection-union test; Berger, 1982); Holm's procedure then counts the contenders.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By contender.
    scored : mapping of str to Evaluation
        By baseline, from :func:`baselines`.
    alpha : float, default 0.05
        Level of the family.
    """
    tests = {
        name: {other: paired_test(evaluation, baseline) for other, baseline in scored.items()}
        for name, evaluation in evaluations.items()
    }
    hardest = {name: max(rows.items(), key=lambda row: _doubt(row[1]))[0] for name, rows in tests.items()}
    models = distinct_models(evaluations)
    family = [name for name in evaluations if models[name] == name]
    adjusted = dict(zip(family, holm([tests[name][hardest[name]].p_greater for name in family]), strict=True))
    found = []
    for name, other in hardest.items():
        test, p_adjusted = tests[name][other], adjusted[models[name]]
        error = test.error or test.cautious
        found.append(
            BaselineTest(
                name,
                other,
                test.value,
                _known(test.p_greater),
                _known(p_adjusted),
                bool(p_adjusted < alpha),
                # One-sided: at twice the level of a two-sided test.
                _known(detectable(error, test.freedom, 2 * alpha, len(family))),
            )
        )
    return found


def group_means(train_groups: np.ndarray, train_labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return, for each row, the mean label of its group in train, or the mean of train for an unknown group.

    Parameters
    ----------
    train_groups : array of str, shape (n_train,)
        The group of each train row.
    train_labels : array of float, shape (n_train,) or (n_train, classes)
        Numbers, or 0 and 1 for each class.
    groups : array of str, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,) or (n, classes)
        On a split without leak every row has the same scores.

    Examples
    --------
    >>> group_means(np.array(["a", "a", "b", "b"]), np.array([1, 1, 0, 1]), np.array(["a", "b", "c"])).tolist()
    [1.0, 0.5, 0.75]
    """
    labels = np.asarray(train_labels, dtype=np.float64)
    columns = labels.reshape(len(labels), -1)
    codes, known = pd.factorize(np.asarray(train_groups, dtype=object))
    sums = np.column_stack([np.bincount(codes, column) for column in columns.T])
    means = sums / np.bincount(codes)[:, None]
    found = pd.Index(known).get_indexer(np.asarray(groups, dtype=object))
    scores = np.where(found[:, None] >= 0, means[found], columns.mean(axis=0))
    return scores.reshape(len(found), *labels.shape[1:])


def group_mean_evaluation(
    task: Task,
    train: Columns,
    test: Columns,
    like: np.ndarray,
    *,
    metric: Metric | None = None,
    confidence: float = 0.95,
) -> Evaluation:
    """Return what :func:`group_means` scores on test, with the intervals for rows in groups.

    Parameters
    ----------
    task : Task
    train, test : mapping of str to ndarray
        ``group``, ``label`` and, of test, ``weight``.
    like : ndarray, shape (n,) or (n, classes)
        Scores of any contender: those of the baseline have its number of columns.
    metric : Metric, optional
    confidence : float, default 0.95

    Examples
    --------
    >>> from sparring.task import BINARY
    >>> train = {"group": np.array(["a", "b"]), "label": np.array([1.0, 0.0])}
    >>> rows = {"group": np.array(["c", "d"]), "label": np.array([1.0, 0.0]), "weight": np.ones(2)}
    >>> group_mean_evaluation(BINARY, train, rows, np.ones(2)).evidence.value
    0.5
    """
    labels = np.asarray(test["label"], dtype=np.float64)
    known = task.indicators(np.asarray(train["label"], dtype=np.float64), like)
    clusters = pd.factorize(np.asarray(test["group"], dtype=object), use_na_sentinel=False)[0]
    scores = group_means(train["group"], known, test["group"])
    weights = np.asarray(test["weight"], dtype=np.float64)
    rows = Predictions(np.arange(len(labels)).astype(str).astype(object), labels, weights, scores, clusters, True)
    return evaluate(task, rows, rows, metric=metric, confidence=confidence)


def group_overlap_rate(train_groups: np.ndarray, test_groups: np.ndarray) -> float:
    """Return the share of test rows, in [0, 1], whose group occurs in train.

    Examples
    --------
    >>> group_overlap_rate(np.array(["a", "b"]), np.array(["a", "a", "c", "d"]))
    0.5
    """
    return float(pd.Series(test_groups).isin(pd.unique(pd.Series(train_groups))).mean())


def _means(train: Columns, indicators: np.ndarray, part: Columns, rows: Predictions) -> np.ndarray:
    """Return the group means of ``rows``, whose groups stand in ``part`` by key."""
    at = pd.Index(part["key"]).get_indexer(pd.Index(rows.keys))
    return group_means(train["group"], indicators, np.asarray(part["group"], dtype=object)[at])


def _doubt(test: PairedTest) -> float:
    """Return how little is known of a lead: its p-value, and more than any where nothing is known."""
    return 2.0 if np.isnan(test.p_greater) else test.p_greater


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
