"""Baselines that every contender must beat: a constant, and the mean label of the row's group in train.

The constant knows the share of positives alone.  The group-mean baseline knows nothing but groups: on a split that
keeps groups whole it is the constant, and what it scores above 0.5 elsewhere is leak, not skill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sparring.evaluation.delong import auc_components, delong_interval
from sparring.evaluation.difference import PairedTest, distinct_models, holm, paired_test
from sparring.evaluation.evaluate import Evaluation, evaluate
from sparring.evaluation.interval import Interval
from sparring.evaluation.power import detectable
from sparring.evaluation.predictions import Predictions

CONSTANT, GROUP_MEAN = "constant", "group mean"

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
        ROC AUC of the contender minus that of the baseline.
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
    parts: Mapping[str, Columns], validation: Predictions, test: Predictions, *, confidence: float = 0.95
) -> dict[str, Evaluation]:
    """Return the evaluations of the constant and of the group-mean baseline, on the rows of ``test``.

    Parameters
    ----------
    parts : mapping of str to mapping of str to ndarray
        ``"train"`` with the columns ``group``, ``label`` and ``weight``; ``"validation"`` and ``"test"`` with ``key``
        and ``group``.
    validation, test : Predictions
        Any contender's: whose scores are replaced.
    confidence : float, default 0.95

    Notes
    -----
    Cost: the group of every row is held in memory.
    """
    train = parts["train"]
    constant = float(np.average(train["label"], weights=train["weight"]))
    found = {}
    for name in (CONSTANT, GROUP_MEAN):
        scored = [
            replace(rows, scores=np.full(len(rows), constant) if name == CONSTANT else _means(train, parts[part], rows))
            for part, rows in (("validation", validation), ("test", test))
        ]
        found[name] = evaluate(scored[0], scored[1], confidence=confidence)
    return found


def baseline_tests(
    evaluations: Mapping[str, Evaluation], scored: Mapping[str, Evaluation], *, alpha: float = 0.05
) -> list[BaselineTest]:
    """Return for each contender whether it beats every baseline in ROC AUC.

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
    train_labels : array of float, shape (n_train,)
        0 or 1.
    groups : array of str, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)
        Its ROC AUC on a split without leak is 0.5: every score is the same.

    Examples
    --------
    >>> group_means(np.array(["a", "a", "b", "b"]), np.array([1, 1, 0, 1]), np.array(["a", "b", "c"])).tolist()
    [1.0, 0.5, 0.75]
    """
    labels = np.asarray(train_labels, dtype=np.float64)
    codes, known = pd.factorize(np.asarray(train_groups, dtype=object))
    means = np.bincount(codes, labels) / np.bincount(codes)
    found = pd.Index(known).get_indexer(np.asarray(groups, dtype=object))
    return np.where(found >= 0, means[found], labels.mean())


def group_mean_auc(train: Columns, test: Columns, confidence: float = 0.95) -> Interval:
    """Return what :func:`group_means` scores on test, with the interval for rows in groups.

    Parameters
    ----------
    train, test : mapping of str to ndarray
        ``group``, ``label`` and, of test, ``weight``.
    confidence : float, default 0.95

    Examples
    --------
    >>> train = {"group": np.array(["a", "b"]), "label": np.array([1.0, 0.0])}
    >>> rows = {"group": np.array(["c", "d"]), "label": np.array([1.0, 0.0]), "weight": np.ones(2)}
    >>> group_mean_auc(train, rows).value
    0.5
    """
    scores = group_means(train["group"], train["label"], test["group"])
    units = pd.factorize(np.asarray(test["group"], dtype=object), use_na_sentinel=False)[0]
    keys = np.arange(len(scores))
    rows = Predictions(keys, np.asarray(test["label"], float), np.asarray(test["weight"], float), scores, units, True)
    return delong_interval(auc_components(rows), confidence)


def group_overlap_rate(train_groups: np.ndarray, test_groups: np.ndarray) -> float:
    """Return the share of test rows, in [0, 1], whose group occurs in train.

    Examples
    --------
    >>> group_overlap_rate(np.array(["a", "b"]), np.array(["a", "a", "c", "d"]))
    0.5
    """
    return float(pd.Series(test_groups).isin(pd.unique(pd.Series(train_groups))).mean())


def _means(train: Columns, part: Columns, rows: Predictions) -> np.ndarray:
    """Return the group means of ``rows``, whose groups stand in ``part`` by key."""
    at = pd.Index(part["key"]).get_indexer(pd.Index(rows.keys))
    return group_means(train["group"], train["label"], np.asarray(part["group"], dtype=object)[at])


def _doubt(test: PairedTest) -> float:
    """Return how little is known of a lead: its p-value, and more than any where nothing is known."""
    return 2.0 if np.isnan(test.p_greater) else test.p_greater


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
