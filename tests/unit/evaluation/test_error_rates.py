"""How often the paired tests err, in 400 simulated test parts; docs/benchmarks/verdict.md holds the rest."""

import numpy as np
import pytest
from scipy.special import expit, ndtri

from sparring.evaluation import Difference, Evaluation, Predictions, auc_components, delong_interval, differences
from sparring.task import BINARY

PARTS, AUC, MARGIN = 400, 0.75, 0.02


def drawn(
    random: np.random.Generator, positives: int, negatives: int, lead: float, group: int = 1, likeness: float = 0.95
) -> Difference:
    """Two contenders whose scores correlate by ``likeness`` within a class; the first leads by ``lead`` in ROC AUC."""
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    clusters = np.arange(len(labels)) // group

    def deviates() -> np.ndarray:
        shared, own = (random.normal(size=len(labels)) for _ in range(2))
        return np.sqrt(0.5) * (shared[clusters] + own) if group > 1 else own

    common, found = np.sqrt(likeness) * deviates(), {}
    for name, auc in {"first": AUC + lead, "second": AUC}.items():
        scores = expit(np.sqrt(2) * ndtri(auc) * labels + common + np.sqrt(1 - likeness) * deviates())
        rows = Predictions(np.arange(len(labels)), labels, np.ones(len(labels)), scores, clusters, group > 1)
        components = auc_components(rows)
        sample = {"rows": len(labels), "confidence": 0.95, "digest": "one"}
        interval = {"roc_auc": delong_interval(components, 0.95)}
        found[name] = Evaluation(BINARY.metric(), interval, sample, components, scores)
    return differences(found, margin=MARGIN)[0]


@pytest.mark.parametrize(("positives", "negatives", "group"), [(10, 190, 1), (30, 30, 1), (40, 160, 1), (40, 160, 4)])
def test_equal_contenders_are_seldom_told_apart(positives: int, negatives: int, group: int) -> None:
    """20 of 400 are expected at most; 36 or more has chance < 0.1%."""
    random = np.random.default_rng(0)
    assert sum(drawn(random, positives, negatives, 0.0, group).different for _ in range(PARTS)) < 36


@pytest.mark.parametrize("likeness", [0.95, 0.999])
def test_contenders_that_differ_by_the_margin_are_seldom_called_equivalent(likeness: float) -> None:
    random = np.random.default_rng(0)
    assert sum(drawn(random, 200, 800, MARGIN, likeness=likeness).equivalent for _ in range(PARTS)) < 36


def test_contenders_that_differ_little_on_every_row_are_shown_equivalent() -> None:
    """Two engines of one algorithm: their scores correlate by 0.999; 80% of the test parts at least should tell."""
    random = np.random.default_rng(0)
    assert sum(drawn(random, 200, 800, 0.0, likeness=0.999).equivalent for _ in range(PARTS)) >= 320


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_on_as_many_rows_as_are_stated_what_is_so_is_shown(share: float) -> None:
    """With 80% probability each; fewer than 295 of 400 has chance < 0.1%."""
    random = np.random.default_rng(0)
    parts = [drawn(random, 60, round(60 / share) - 60, 0.0) for _ in range(40)]
    rows = float(np.median([part.rows_to_tell for part in parts]))
    positives = round(rows * share)
    equal, apart = (
        [drawn(random, positives, round(rows) - positives, lead) for _ in range(PARTS)] for lead in (0.0, 2 * MARGIN)
    )
    assert sum(part.equivalent for part in equal) >= 295
    assert sum(part.different for part in apart) >= 295
