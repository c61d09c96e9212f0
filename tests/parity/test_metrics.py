"""Our metrics against scikit-learn's, on ties, weights and extremes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn import metrics as reference

from sparring.evaluation import best_threshold, pr_auc, rank, roc_auc
from sparring.task.ranking import calibration_curve, roc_curve, row_losses

TOLERANCE = 1e-12


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with both classes, scores with many ties, weights."""
    size = draw(st.integers(2, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size).filter(lambda v: 0 < sum(v) < len(v)))
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), min_size=size, max_size=size))
    weights = draw(st.lists(st.floats(0.1, 10), min_size=size, max_size=size))
    return np.array(labels, dtype=float), np.array(scores), np.array(weights)


@given(scored())
@settings(max_examples=300)
def test_every_metric_agrees_with_scikit_learn(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, weights = data
    ranking = rank(labels, scores)
    threshold = best_threshold(labels, scores, weights)
    log_loss, brier, accuracy = weights @ row_losses(labels, scores, threshold) / weights.sum()
    assert roc_auc(ranking, weights) == pytest.approx(
        reference.roc_auc_score(labels, scores, sample_weight=weights), abs=TOLERANCE
    )
    assert pr_auc(ranking, weights) == pytest.approx(
        reference.average_precision_score(labels, scores, sample_weight=weights), abs=TOLERANCE
    )
    assert log_loss == pytest.approx(reference.log_loss(labels, scores, sample_weight=weights), abs=1e-10)
    assert brier == pytest.approx(reference.brier_score_loss(labels, scores, sample_weight=weights), abs=TOLERANCE)
    assert accuracy == pytest.approx(
        reference.accuracy_score(labels, scores >= threshold, sample_weight=weights), abs=TOLERANCE
    )


@given(scored())
def test_no_threshold_beats_the_chosen_one(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, weights = data

    def accuracy(threshold: float) -> float:
        return float(weights @ ((scores >= threshold) == labels) / weights.sum())

    chosen = accuracy(best_threshold(labels, scores, weights))
    assert chosen >= max(map(accuracy, [-1.0, 2.0, *scores, *(scores + 1e-9)])) - TOLERANCE


@given(scored())
def test_roc_points_lie_on_the_reference_curve(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, weights = data
    points = np.array(roc_curve(rank(labels, scores), weights))
    false, true, _ = reference.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [1, 1]
    expected = np.column_stack([false, true])
    for point in points:
        assert np.abs(expected - point).sum(axis=1).min() < 2e-5


def test_roc_curve_is_thinned_without_losing_area() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 50_000).astype(float)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    ranking, weights = rank(labels, scores), np.ones(50_000)
    points = np.array(roc_curve(ranking, weights))
    assert len(points) <= 202
    assert trapezoid(points[:, 1], points[:, 0]) == pytest.approx(roc_auc(ranking, weights), abs=1e-3)


def test_calibration_bins_hold_equal_weight_and_all_rows() -> None:
    random = np.random.default_rng(0)
    scores = random.uniform(size=20_000)
    labels = (random.uniform(size=20_000) < scores).astype(float)
    bins = calibration_curve(labels, scores, np.ones(20_000))
    assert sum(b["rows"] for b in bins) == 20_000
    assert [b["rows"] for b in bins] == pytest.approx([2000] * 10, abs=1)
    assert all(abs(b["score"] - b["rate"]) < 0.05 for b in bins)
    assert [b["score"] for b in bins] == sorted(b["score"] for b in bins)


def test_tied_scores_share_a_bin() -> None:
    (only,) = calibration_curve(np.array([0.0, 1.0, 1.0]), np.full(3, 0.5), np.ones(3))
    assert only == {"score": 0.5, "rate": pytest.approx(2 / 3), "weight": 3.0, "rows": 3}
