"""How often the interval of the ROC AUC holds the truth, in 300 test parts; the pages of benchmarks/ hold the rest."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, ndtr, ndtri

from sparring.evaluation import Predictions, auc_components, delong_interval
from sparring.evaluation.interval import careful_spread, normal_spread

PARTS = 300


def misses(auc: float, positives: int, negatives: int, *, spread: float = 1.0, group: int = 1, seed: int = 0) -> int:
    """Intervals at 95% that do not hold ``auc``: normal classes, positives of deviation ``spread``."""
    random, labels = np.random.default_rng(seed), np.repeat([1.0, 0.0], [positives, negatives])
    clusters = random.permutation(len(labels)) // group
    apart, missed = ndtri(auc) * np.sqrt(1 + spread**2), 0
    for _ in range(PARTS):
        common, own = (random.normal(size=len(labels)) for _ in range(2))
        deviate = np.sqrt(0.5) * (common[clusters] + own) if group > 1 else own
        scores = expit(np.where(labels == 1, apart + spread * deviate, deviate))
        rows = Predictions(np.arange(len(labels)), labels, np.ones(len(labels)), scores, clusters, group > 1)
        found = delong_interval(auc_components(rows), 0.95)
        assert found.low is not None
        assert found.high is not None
        missed += not found.low <= auc <= found.high
    return missed


@pytest.mark.parametrize("auc", [0.65, 0.95])
@pytest.mark.parametrize(("positives", "negatives"), [(10, 990), (12, 48), (30, 30), (200, 800)])
def test_independent_rows(auc: float, positives: int, negatives: int) -> None:
    """15 misses are expected; 30 or more has chance < 0.1%."""
    assert misses(auc, positives, negatives) < 30


@pytest.mark.parametrize("auc", [0.65, 0.95])
def test_rows_in_groups_are_not_taken_for_independent(auc: float) -> None:
    assert misses(auc, 100, 100, group=4) < 30


def test_groups_without_anything_in_common_cost_nothing() -> None:
    """Rows of such groups are worth nearly as much as others, and the intervals are nearly as long."""
    random, ratios, worth = np.random.default_rng(0), [], []
    for _ in range(40):
        labels = np.repeat([1.0, 0.0], 150)
        scores = expit(labels + random.normal(size=300))
        rows = Predictions(np.arange(300), labels, np.ones(300), scores, np.arange(300), False)
        grouped = replace(rows, clusters=random.permutation(300) // 4, grouped=True)
        alone, together = (delong_interval(auc_components(part), 0.95) for part in (rows, grouped))
        ratios.append((together.high - together.low) / (alone.high - alone.low))
        worth.append(auc_components(grouped).worth)
    assert 0.95 < np.mean(ratios) < 1.12, ratios
    assert np.mean(worth) > 120


def test_copies_in_a_group_are_worth_one_row() -> None:
    labels = np.tile([1.0, 0.0], 30)
    scores = expit(labels + np.random.default_rng(0).normal(size=60))
    columns = [np.repeat(column, 3) for column in (labels, np.ones(60), scores, np.arange(60))]
    assert auc_components(Predictions(np.arange(180), *columns, True)).worth == pytest.approx((30, 30))


def test_few_positives_that_spread_more_than_negatives() -> None:
    """DeLong's variance of 30 such positives is far too small in one part of two: 45 misses of 300 without a model."""
    assert misses(0.95, 30, 970, spread=2.0) < 36


def test_the_models_of_the_variance_are_those_of_simulated_rows() -> None:
    random = np.random.default_rng(0)
    for auc in (0.6, 0.9, 0.97):
        placements = ndtr(np.sqrt(2) * ndtri(auc) + random.normal(size=400_000))
        assert normal_spread(auc) == pytest.approx(normal_spread(1 - auc))
        assert placements.mean() == pytest.approx(auc, abs=0.002)
        assert normal_spread(auc) == pytest.approx(placements.var(), rel=0.02)
        # Exponential scores, of which the scale of positives is larger.
        scale = auc / (1 - auc)
        placements = -np.expm1(-random.exponential(scale, size=400_000))
        assert placements.mean() == pytest.approx(auc, abs=0.002)
        assert careful_spread(auc) == pytest.approx(placements.var(), rel=0.02)
