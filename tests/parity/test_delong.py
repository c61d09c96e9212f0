"""DeLong from ranks against DeLong by its definition, row against row."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.evaluation import Predictions, auc_components, delong_covariance


def predictions(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None) -> Predictions:
    columns = {
        "key": [f"{i:05d}" for i in range(len(labels))],
        "label": labels.astype(float),
        "weight": np.ones(len(labels)),
        "score": scores,
    }
    if groups is not None:
        columns["group"] = [f"g{g}" for g in groups]
    return Predictions.from_table(pa.table(columns))


def kernel(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Psi of every positive against every negative: 1, 1/2 or 0."""
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def delong_by_definition(labels: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """Covariance of two AUCs: DeLong, DeLong, Clarke-Pearson (1988), equations 4 to 6."""
    a, b = kernel(labels, left), kernel(labels, right)
    positives = np.cov(a.mean(axis=1), b.mean(axis=1))[0, 1] / a.shape[0]
    return float(positives + np.cov(a.mean(axis=0), b.mean(axis=0))[0, 1] / a.shape[1])


def obuchowski_by_definition(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> float:
    """Variance of an AUC of clustered rows: Obuchowski (1997), section 2, loop by loop."""
    psi = kernel(labels, scores)
    auc, (m, n) = psi.mean(), psi.shape
    positive_groups, negative_groups = groups[labels == 1], groups[labels == 0]
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    clusters = np.unique(groups)
    x = np.array([sum(v10[positive_groups == c] - auc) for c in clusters])
    y = np.array([sum(v01[negative_groups == c] - auc) for c in clusters])
    i10, i01, i = len(set(positive_groups)), len(set(negative_groups)), len(clusters)
    s10 = i10 / ((i10 - 1) * m) * (x @ x)
    s01 = i01 / ((i01 - 1) * n) * (y @ y)
    s11 = i / (i - 1) * (x @ y)
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=60)
def test_covariance_is_delongs(seed: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.append([0, 0, 1, 1], random.integers(0, 2, 60))
    left, right = (random.uniform(size=64).round(digits) for _ in range(2))
    a, b = (auc_components(predictions(labels, scores)) for scores in (left, right))
    assert a.value == pytest.approx(kernel(labels, left).mean(), abs=1e-12)
    assert delong_covariance(a, a) == pytest.approx(delong_by_definition(labels, left, left), abs=1e-14)
    assert delong_covariance(a, b) == pytest.approx(delong_by_definition(labels, left, right), abs=1e-14)


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_clustered_variance_is_obuchowskis(seed: int) -> None:
    random = np.random.default_rng(seed)
    groups = random.integers(0, 15, 80)
    labels = np.concatenate([[0, 1, 0, 1], (random.normal(size=15)[groups[4:]] > 0).astype(int)])
    groups[:4] = [20, 20, 21, 21]
    scores = random.uniform(size=80).round(2)
    found = auc_components(predictions(labels, scores, groups))
    expected = obuchowski_by_definition(labels, scores, groups)
    assert delong_covariance(found, found) == pytest.approx(expected, abs=1e-14)


def test_a_weight_counts_like_copies_of_the_row_in_its_unit() -> None:
    random = np.random.default_rng(4)
    copies, groups = random.integers(1, 4, 50), np.arange(50) // 2
    labels, scores = random.integers(0, 2, 50), random.uniform(size=50).round(1)
    weighted = replace(predictions(labels, scores, groups), weights=copies.astype(float))
    copied = predictions(*(np.repeat(values, copies) for values in (labels, scores, groups)))
    one, other = auc_components(weighted), auc_components(copied)
    assert one.value == pytest.approx(other.value, abs=1e-12)
    assert delong_covariance(one, one) == pytest.approx(delong_covariance(other, other), abs=1e-14)


def test_one_unit_of_a_class_leaves_the_variance_unknown() -> None:
    found = auc_components(predictions(np.array([1, 0, 0]), np.array([0.9, 0.2, 0.3])))
    assert np.isnan(delong_covariance(found, found))
