"""The baseline that learns nothing but keys: what it scores above 0.5 is leak, not skill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sparring.evaluation.delong import auc_components
from sparring.evaluation.evaluate import Interval, delong_interval
from sparring.evaluation.predictions import Predictions


def memoriser(train_keys: np.ndarray, train_labels: np.ndarray, test_keys: np.ndarray) -> np.ndarray:
    """Return, for each test row, the mean label of its key in train, or the mean of train for an unknown key.

    Parameters
    ----------
    train_keys : array of str, shape (n_train,)
        A group's or twin's key of each train row.
    train_labels : array of float, shape (n_train,)
        0 or 1.
    test_keys : array of str, shape (n_test,)

    Returns
    -------
    ndarray of float64, shape (n_test,)
        Its ROC AUC on a split without leak is 0.5: every score is the same.

    Examples
    --------
    >>> memoriser(np.array(["a", "a", "b", "b"]), np.array([1, 1, 0, 1]), np.array(["a", "b", "c"])).tolist()
    [1.0, 0.5, 0.75]
    """
    labels = np.asarray(train_labels, dtype=np.float64)
    codes, known = pd.factorize(np.asarray(train_keys, dtype=object))
    means = np.bincount(codes, labels) / np.bincount(codes)
    found = pd.Index(known).get_indexer(np.asarray(test_keys, dtype=object))
    return np.where(found >= 0, means[found], labels.mean())


def memoriser_auc(
    train: Mapping[str, np.ndarray], test: Mapping[str, np.ndarray], confidence: float = 0.95
) -> Interval:
    """Return what :func:`memoriser` scores on test, with DeLong's interval for rows in groups.

    Parameters
    ----------
    train, test : mapping of str to ndarray
        ``group`` (the key), ``label`` and, of test, ``weight``.
    confidence : float, default 0.95

    Examples
    --------
    >>> train = {"group": np.array(["a", "b"]), "label": np.array([1.0, 0.0])}
    >>> rows = {"group": np.array(["c", "d"]), "label": np.array([1.0, 0.0]), "weight": np.ones(2)}
    >>> memoriser_auc(train, rows).value
    0.5
    """
    scores = memoriser(train["group"], train["label"], test["group"])
    units = pd.factorize(np.asarray(test["group"], dtype=object), use_na_sentinel=False)[0]
    keys = np.arange(len(scores))
    judged = Predictions(keys, np.asarray(test["label"], float), np.asarray(test["weight"], float), scores, units, True)
    return delong_interval(auc_components(judged), confidence)


def twins_share(train_keys: np.ndarray, test_keys: np.ndarray) -> float:
    """Return the share of test rows, in [0, 1], whose key occurs in train.

    Examples
    --------
    >>> twins_share(np.array(["a", "b"]), np.array(["a", "a", "c", "d"]))
    0.5
    """
    return float(pd.Series(test_keys).isin(pd.unique(pd.Series(train_keys))).mean())
