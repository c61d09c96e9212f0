from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.metrics import roc_auc_score

from sparring.evaluation import (
    Predictions,
    auc_components,
    baseline_tests,
    baselines,
    evaluate,
    gap,
    group_mean_evaluation,
    group_means,
    group_overlap_rate,
)
from sparring.task import BINARY


def test_matches_a_group_by() -> None:
    random = np.random.default_rng(0)
    train, test = (pd.Series(random.integers(0, 50, size).astype(str)) for size in (300, 200))
    labels = pd.Series(random.integers(0, 2, 300).astype(float))
    expected = test.map(labels.groupby(train.to_numpy()).mean()).fillna(labels.mean())
    assert np.allclose(group_means(train.to_numpy(), labels.to_numpy(), test.to_numpy()), expected, atol=1e-15)


def test_scores_one_half_when_no_key_is_shared() -> None:
    labels = np.array([0.0, 1.0, 1.0])
    scores = group_means(np.array(["a", "b", "b"]), labels, np.array(["c", "d"]))
    assert roc_auc_score([0, 1], scores) == 0.5
    assert group_overlap_rate(np.array(["a", "b", "b"]), np.array(["c", "d"])) == 0.0


def test_finds_the_leak_when_keys_carry_the_label() -> None:
    keys = np.array([f"k{i}" for i in range(100)] * 2)
    labels = np.array([i % 2 for i in range(100)] * 2, dtype=float)
    scores = group_means(keys[:100], labels[:100], keys[100:])
    assert roc_auc_score(labels[100:], scores) == 1.0
    assert group_overlap_rate(keys[:100], keys[100:]) == 1.0


def test_its_interval_holds_the_auc_and_is_that_of_groups() -> None:
    random = np.random.default_rng(2)
    effect = random.normal(size=80)
    sides = []
    for _ in range(2):
        group = random.integers(0, 80, 2_000)
        label = (effect[group] + random.normal(size=2_000) > 0).astype(float)
        sides.append({"group": group.astype(str), "label": label, "weight": np.ones(2_000)})
    like = np.ones(2_000)
    found = group_mean_evaluation(BINARY, *sides, like).metrics["roc_auc"]
    scores = group_means(sides[0]["group"], sides[0]["label"], sides[1]["group"])
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
        found = gap(*both)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0 <= found.high
    assert hits >= 52


def parts(test: Predictions, overlap: bool) -> dict[str, dict[str, np.ndarray]]:
    """The columns of a prepared matrix; with ``overlap`` each row's group, and its label, is in train too."""
    groups = np.array([f"g{at}" for at in range(len(test))], dtype=object)
    known = groups if overlap else np.array(["elsewhere"] * len(test), dtype=object)
    train = {"group": known, "label": test.labels, "weight": np.ones(len(test))}
    backwards = {"key": test.keys[::-1], "group": groups[::-1]}
    return {"train": train, "validation": backwards, "test": backwards}


def test_baselines_are_scored_on_the_contenders_rows(make) -> None:
    test = make(seed=2)
    found = baselines(BINARY, parts(test, overlap=False), test, test)
    assert set(found) == {"prior", "group mean"}
    for evaluation in found.values():
        assert evaluation.sample["digest"] == evaluate(BINARY, test, test).sample["digest"]
        assert evaluation.metrics["roc_auc"].value == 0.5
        assert np.allclose(evaluation.scores, test.labels.mean())


def test_groups_that_are_in_train_are_found_by_key_and_hard_to_beat(make) -> None:
    test = make(seed=2)
    found = baselines(BINARY, parts(test, overlap=True), test, test)
    assert found["group mean"].metrics["roc_auc"].value == 1.0
    (beaten,) = baseline_tests({"a": evaluate(BINARY, test, test)}, found)
    assert (beaten.baseline, beaten.beaten) == ("group mean", False)
    assert beaten.value < 0


def test_skill_beats_the_baselines_and_noise_does_not(make) -> None:
    test = make(seed=2)
    noise = replace(test, scores=np.random.default_rng(1).uniform(size=len(test)))
    scored = baselines(BINARY, parts(test, overlap=False), test, test)
    skilled, idle, constant = baseline_tests(
        {"a": evaluate(BINARY, test, test), "b": evaluate(BINARY, noise, noise), "c": scored["prior"]}, scored
    )
    assert skilled.beaten
    assert not idle.beaten
    assert (constant.beaten, constant.value) == (False, 0.0)
    assert idle.detectable is not None
    assert 0.02 < idle.detectable < 0.2


def test_noise_beats_the_baselines_as_rarely_as_stated(make) -> None:
    """Three contenders of pure noise, 100 times: some is said to beat them in about 5; 15 has chance < 0.1%."""
    random, alarms = np.random.default_rng(3), 0
    test = make(150, seed=2)
    scored = baselines(BINARY, parts(test, overlap=False), test, test)
    for _ in range(100):
        noise = {
            name: evaluate(BINARY, test, replace(test, scores=random.uniform(size=len(test))))
            for name in ("a", "b", "c")
        }
        alarms += any(found.beaten for found in baseline_tests(noise, scored))
    assert alarms < 15
