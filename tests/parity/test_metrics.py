"""Our metrics against scikit-learn's, on ties, weights and extremes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn import metrics as reference

from sparring.evaluation import best_threshold, rank, roc_auc
from sparring.task import BINARY, METRICS, MULTICLASS, REGRESSION, metric_named
from sparring.task.ranking import calibration_curve, roc_curve

TOLERANCE = 1e-12


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with both classes, scores with many ties, weights."""
    size = draw(st.integers(2, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size).filter(lambda v: 0 < sum(v) < len(v)))
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), min_size=size, max_size=size))
    weights = draw(st.lists(st.floats(0.1, 10), min_size=size, max_size=size))
    return np.array(labels, dtype=float), np.array(scores), np.array(weights)


@st.composite
def several(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with all of three classes, probabilities with many ties, weights."""
    size = draw(st.integers(3, 40))
    rest = draw(st.lists(st.integers(0, 2), min_size=size - 3, max_size=size - 3))
    shares = st.tuples(*[st.sampled_from([0.1, 0.25, 0.5, 1.0])] * 3)
    scores = np.array(draw(st.lists(shares, min_size=size, max_size=size)))
    weights = draw(st.lists(st.floats(0.1, 10), min_size=size, max_size=size))
    return np.array([0, 1, 2, *rest], dtype=float), scores / scores.sum(axis=1, keepdims=True), np.array(weights)


@st.composite
def numbers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and estimates that are often the same, weights."""
    size = draw(st.integers(2, 40))
    value = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3))
    labels, scores = (np.array(draw(st.lists(value, min_size=size, max_size=size))) for _ in range(2))
    labels[0], labels[-1] = -1.0, 1.0
    weights = draw(st.lists(st.floats(0.1, 10), min_size=size, max_size=size))
    return labels, scores, np.array(weights)


# Name of the metric -> scikit-learn's value of (labels, scores or decisions, weights).
REFERENCES = {
    "roc_auc": lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w),
    "pr_auc": lambda y, p, w: reference.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w),
    "brier": lambda y, p, w: reference.brier_score_loss(y, p, sample_weight=w, scale_by_half=True),
    "accuracy": lambda y, d, w: reference.accuracy_score(y, d, sample_weight=w),
    "roc_auc_ovr": lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w, multi_class="ovr", average="macro"),
    "f1_macro": lambda y, d, w: reference.f1_score(y, d, sample_weight=w, average="macro"),
    "rmse": lambda y, p, w: reference.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: reference.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: reference.r2_score(y, p, sample_weight=w),
    "medae": lambda y, p, w: reference.median_absolute_error(y, p, sample_weight=w),
}


def test_every_metric_has_a_reference() -> None:
    assert {metric.name for task in (BINARY, MULTICLASS, REGRESSION) for metric in task.metrics} == set(REFERENCES)
    assert set(REFERENCES) <= set(METRICS)


@pytest.mark.parametrize(
    ("task", "draw"), [(BINARY, scored()), (MULTICLASS, several()), (REGRESSION, numbers())], ids=lambda one: str(one)
)
def test_every_metric_agrees_with_scikit_learn(task, draw) -> None:
    @given(draw)
    @settings(max_examples=150, deadline=None)
    def agrees(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        labels, scores, weights = data
        decisions = task.decisions(scores, task.threshold(labels, scores, weights))
        for metric in task.metrics:
            rows = (labels, decisions if metric.of == "decisions" else scores, weights)
            assert metric.function(*rows) == pytest.approx(REFERENCES[metric.name](*rows), abs=1e-9, rel=1e-9), (
                metric.name
            )
            if metric.reweighted is not None:
                assert metric.reweighted(*rows[:2])(weights) == metric.function(*rows)
            if metric.influence is not None:
                assert metric.influence(*rows).sum() == pytest.approx(0, abs=1e-9 * max(1, abs(metric.function(*rows))))

    agrees()


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@given(data=numbers())
def test_pinball_loss_agrees_with_scikit_learn(
    quantile: float, data: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    labels, scores, weights = data
    theirs = reference.mean_pinball_loss(labels, scores, sample_weight=weights, alpha=quantile)
    ours = metric_named(f"pinball_{quantile}", "regression").function(labels, scores, weights)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("task", "draw"), [(BINARY, scored()), (MULTICLASS, several()), (REGRESSION, numbers())], ids=lambda one: str(one)
)
def test_influences_are_what_a_metric_does_when_a_row_counts_more(task, draw) -> None:
    """Brute force: the derivative of each metric by each row's weight."""

    @given(draw)
    @settings(max_examples=20, deadline=None)
    def agrees(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        labels, scores, weights = data
        decisions = task.decisions(scores, 0.5)
        for metric in task.metrics:
            if metric.influence is None:
                continue
            predicted, step, expected = decisions if metric.of == "decisions" else scores, 1e-5, []
            for row in range(len(labels)):
                up, down = (weights + step * sign * (np.arange(len(labels)) == row) for sign in (1, -1))
                slope = metric.function(labels, predicted, up) - metric.function(labels, predicted, down)
                expected.append(slope / (2 * step) * weights[row])
            scale = max(1.0, float(np.abs(expected).max()))
            assert metric.influence(labels, predicted, weights) == pytest.approx(np.array(expected), abs=1e-5 * scale)

    agrees()


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
