import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import brunnermunzel
from scipy.stats import t as student

from sparring.evaluation import Predictions, auc_variance, evaluate, paired_test
from sparring.evaluation.evaluate import Evaluation
from sparring.task import BINARY

METRICS = tuple(metric.name for metric in BINARY.metrics)


def predictions(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None) -> Predictions:
    rows = len(labels)
    columns: dict[str, Any] = {"key": [f"{at:05d}" for at in range(rows)], "label": np.asarray(labels, float)}
    columns |= {"weight": np.ones(rows), "score": np.asarray(scores, float)}
    return Predictions.from_table(pa.table(columns | ({} if groups is None else {"group": groups.astype(str)})))


def test_the_same_predictions_give_the_same_evaluation(make) -> None:
    validation, test = make(seed=1), make(seed=2, groups=60)
    assert evaluate(BINARY, validation, test).to_dict() == evaluate(BINARY, validation, test).to_dict()


def test_intervals_hold_the_estimate_and_the_answer_is_json(make) -> None:
    found = evaluate(BINARY, make(seed=1), make(seed=2, weighted=True)).to_dict()
    for name in METRICS:
        assert found["metrics"][name]["low"] < found["metrics"][name]["value"] < found["metrics"][name]["high"]
        assert found["metrics"][name]["reliable"]
        assert found["metrics"][name]["method"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["metrics"]["accuracy"]["majority"] >= 0.5
    assert found["sample"]["cluster"] == "row"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", ["roc_auc", "pr_auc", "log_loss", "brier", "accuracy"])
def test_influences_are_what_the_metric_does_when_a_row_counts_more(make, metric: str, weighted: bool) -> None:
    """Brute force: the derivative of each metric by each row's weight, against scikit-learn."""
    from sklearn import metrics as theirs

    test = make(60, seed=3, weighted=weighted, digits=1)
    one = BINARY.metric(metric)
    assert one.influence is not None
    ours = one.influence(
        test.labels, BINARY.decisions(test.scores, 0.5) if one.of == "decisions" else test.scores, test.weights
    )
    value: dict[str, Callable[[np.ndarray], float]] = {
        "roc_auc": lambda w: theirs.roc_auc_score(test.labels, test.scores, sample_weight=w),
        "pr_auc": lambda w: theirs.average_precision_score(test.labels, test.scores, sample_weight=w),
        "log_loss": lambda w: theirs.log_loss(test.labels, test.scores, sample_weight=w),
        "brier": lambda w: theirs.brier_score_loss(test.labels, test.scores, sample_weight=w),
        "accuracy": lambda w: theirs.accuracy_score(test.labels, test.scores >= 0.5, sample_weight=w),
    }
    step, expected = 1e-5, []
    for row in range(len(test)):
        up, down = (test.weights + step * sign * (np.arange(len(test)) == row) for sign in (1, -1))
        expected.append((value[metric](up) - value[metric](down)) / (2 * step) * test.weights[row])
    assert ours == pytest.approx(np.array(expected), abs=1e-8)


def test_grouped_rows_widen_the_interval(make) -> None:
    """The same rows copied fivefold in groups carry no more information than once."""
    once = make(200, seed=5)
    columns = {name: np.repeat(getattr(once, name), 5) for name in ("labels", "weights", "scores", "clusters")}
    keys = np.array([f"{key}-{copy}" for key, copy in product(once.keys, range(5))], dtype=object)
    copied = replace(once, keys=keys, grouped=True, **columns)
    naive = replace(copied, clusters=np.arange(len(keys)), grouped=False)
    single, honest, fooled = (evaluate(BINARY, once, each) for each in (once, copied, naive))

    def width(evaluation: Evaluation, metric: str) -> float:
        interval = evaluation.metrics[metric]
        assert interval.low is not None
        assert interval.high is not None
        return interval.high - interval.low

    for metric in METRICS:
        assert width(honest, metric) == pytest.approx(width(single, metric), rel=1e-9)
        assert width(fooled, metric) < 0.6 * width(single, metric)


@pytest.mark.parametrize("groups", [None, 150])
def test_intervals_cover_the_truth_as_often_as_they_say(make, groups: int | None) -> None:
    """Sixty samples: a 90% interval misses the population's metric about six times; 15 has chance < 0.1%."""
    large = [evaluate(BINARY, make(), make(20_000, seed=900 + s, noise_seed=800 + s)) for s in range(5)]
    truth = {name: np.mean([found.metrics[name].value for found in large]) for name in METRICS}
    misses = dict.fromkeys(METRICS, 0)
    for seed in range(60):
        test = make(400, seed=100 + seed, noise_seed=500 + seed, groups=groups)
        for name, interval in evaluate(BINARY, make(), test, confidence=0.9).metrics.items():
            misses[name] += not interval.low <= truth[name] <= interval.high
    assert max(misses.values()) < 15, misses


def test_few_positives_that_all_rank_high_prove_little() -> None:
    """DeLong's own interval is a point here; of 60 rows with 30 positives it holds the truth far too rarely."""
    labels = np.repeat([0.0, 1.0], 30)
    found = evaluate(BINARY, predictions(labels, labels * 0.8 + 0.1), predictions(labels, labels * 0.8 + 0.1))
    auc = found.metrics["roc_auc"]
    assert auc.value == auc.high == 1.0
    assert auc.low is not None
    assert 0.85 < auc.low < 0.97


def test_wilson_is_the_textbooks() -> None:
    """Scipy's interval of 75 right answers of 100, but for the quantile: normal there, Student's here."""
    from scipy.stats import binomtest

    labels = np.tile([0.0, 1.0], 50)
    scores = np.where(np.arange(100) < 75, labels, 1 - labels) * 0.8 + 0.1
    validation = predictions(labels, labels * 0.8 + 0.1)
    found = evaluate(BINARY, validation, predictions(labels, scores)).metrics["accuracy"]
    theirs = binomtest(75, 100).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


@pytest.mark.parametrize(
    ("labels", "groups", "reliable"),
    [
        (np.repeat([0.0, 1.0], [58, 2]), None, False),
        (np.repeat([0.0, 1.0], [59, 1]), None, False),
        (np.repeat([0.0, 1.0], [40, 20]), None, True),
        (np.repeat([0.0, 1.0], [40, 20]), np.repeat(np.arange(30), 2), True),
        (np.repeat([0.0, 1.0], [40, 20]), np.repeat(np.arange(12), 5), False),
        (np.repeat([0.0, 1.0], [40, 20]), np.repeat([0, 1], [40, 20]), False),
    ],
    ids=["two positives", "one positive", "enough", "one class a group", "few groups", "one group a class"],
)
def test_a_test_part_that_is_too_small_says_so(labels: np.ndarray, groups: np.ndarray | None, reliable: bool) -> None:
    scores = np.random.default_rng(0).uniform(size=60)
    found = evaluate(BINARY, predictions(labels, scores), predictions(labels, scores, groups))
    for interval in found.metrics.values():
        assert interval.reliable is reliable
        assert ("rarer class" in (interval.reason or "")) is not reliable
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_constant_score_has_a_known_auc() -> None:
    labels = np.tile([0.0, 1.0], 50)
    found = evaluate(BINARY, predictions(labels, np.full(100, 0.3)), predictions(labels, np.full(100, 0.3)))
    assert found.metrics["roc_auc"].to_dict() | {"method": ""} == {
        **dict.fromkeys(("value", "low", "high"), 0.5),
        "method": "",
        "reliable": True,
        "reason": None,
    }


@pytest.mark.parametrize("digits", [1, 12])
def test_degrees_of_freedom_are_those_of_brunner_and_munzel(make, digits: int) -> None:
    """Scipy's test of the AUC against one half is our paired test against a constant."""
    test = make(50, seed=7, skill=0.4, digits=digits)
    components = evaluate(BINARY, test, test).evidence
    variance = auc_variance(components)
    ours = 2 * student.sf((components.value - 0.5) / np.sqrt(variance.total), variance.freedom)
    theirs = brunnermunzel(test.scores[test.labels == 0], test.scores[test.labels == 1])
    assert ours == pytest.approx(theirs.pvalue, rel=1e-9)
    # The paired test is as if one more row of each class had shown no lead: a little less certain.
    constant = replace(test, scores=np.full(50, 0.5))
    assert ours < paired_test(evaluate(BINARY, test, test), evaluate(BINARY, test, constant)).p_value < 1.2 * ours


def test_demo_size_takes_a_moment(make) -> None:
    validation, test = make(33_000, seed=1), make(67_000, seed=2, groups=40_000)
    start = time.process_time()
    evaluate(BINARY, validation, test)
    assert time.process_time() - start < 2
