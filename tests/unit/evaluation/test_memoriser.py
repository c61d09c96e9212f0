import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from sparring.evaluation import memoriser, twins_share


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
