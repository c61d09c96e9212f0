import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.metrics import roc_auc_score

from sparring.evaluation import Predictions, auc_components, auc_gap, memoriser, memoriser_auc, twins_share


def test_matches_a_group_by() -> None:
    random = np.random.default_rng(0)
    train, test = (pd.Series(random.integers(0, 50, size).astype(str)) for size in (300, 200))
    labels = pd.Series(random.integers(0, 2, 300).astype(float))
    expected = test.map(labels.groupby(train.to_numpy()).mean()).fillna(labels.mean())
    assert np.allclose(memoriser(train.to_numpy(), labels.to_numpy(), test.to_numpy()), expected, atol=1e-15)


def test_scores_one_half_when_no_key_is_shared() -> None:
    labels = np.array([0.0, 1.0, 1.0])
    scores = memoriser(np.array(["a", "b", "b"]), labels, np.array(["c", "d"]))
    assert roc_auc_score([0, 1], scores) == 0.5
    assert twins_share(np.array(["a", "b", "b"]), np.array(["c", "d"])) == 0.0


def test_finds_the_leak_when_keys_carry_the_label() -> None:
    keys = np.array([f"k{i}" for i in range(100)] * 2)
    labels = np.array([i % 2 for i in range(100)] * 2, dtype=float)
    scores = memoriser(keys[:100], labels[:100], keys[100:])
    assert roc_auc_score(labels[100:], scores) == 1.0
    assert twins_share(keys[:100], keys[100:]) == 1.0


def test_its_interval_holds_the_auc_and_is_that_of_groups() -> None:
    random = np.random.default_rng(2)
    effect = random.normal(size=80)
    sides = []
    for _ in range(2):
        group = random.integers(0, 80, 2_000)
        label = (effect[group] + random.normal(size=2_000) > 0).astype(float)
        sides.append({"group": group.astype(str), "label": label, "weight": np.ones(2_000)})
    found = memoriser_auc(*sides)
    scores = memoriser(sides[0]["group"], sides[0]["label"], sides[1]["group"])
    assert np.isclose(found.value, roc_auc_score(sides[1]["label"], scores), atol=1e-12)
    assert found.low is not None
    assert found.high is not None
    # Rows of a group move together: the interval is wider than that of 2,000 independent rows.
    assert 0.04 < found.high - found.low < 0.3
    assert found.low < found.value < found.high


def test_the_gap_of_two_aucs_on_different_rows_covers_the_truth() -> None:
    random = np.random.default_rng(4)
    hits = 0
    for _ in range(60):
        both = []
        for _ in range(2):
            label = random.integers(0, 2, 300).astype(float)
            score = 1 / (1 + np.exp(-(label + random.normal(size=300))))
            rows = {"key": [f"{at}" for at in range(300)], "label": label, "weight": np.ones(300), "score": score}
            both.append(auc_components(Predictions.from_table(pa.table(rows))))
        gap = auc_gap(*both)
        assert gap.low is not None
        assert gap.high is not None
        hits += gap.low <= 0 <= gap.high
    assert hits >= 52
