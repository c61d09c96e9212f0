import json
import time
from itertools import product

import numpy as np
import pytest

from sparring.evaluation import METRICS, evaluate
from sparring.evaluation.evaluate import unit_counts


def test_same_seed_gives_the_same_evaluation(make) -> None:
    validation, test = make(seed=1), make(seed=2, groups=60)
    one, two, other = (evaluate(validation, test, resamples=50, seed=seed) for seed in (7, 7, 8))
    assert one.to_dict() == two.to_dict()
    assert one.metrics["roc_auc"].low != other.metrics["roc_auc"].low


def test_intervals_hold_the_estimate_and_the_answer_is_json(make) -> None:
    found = evaluate(make(seed=1), make(seed=2, weighted=True)).to_dict()
    for name in METRICS:
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["accuracy"]["majority"] >= 0.5
    assert found["sample"]["unit"] == "row"


def test_resampling_by_counts_is_resampling_by_rows(make) -> None:
    test = make(300, seed=3, groups=40)
    found = evaluate(make(seed=1), test, resamples=5, seed=11)
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

    for replicate, counts in zip(found.replicates, unit_counts(test.unit_count, 5, 11), strict=True):
        rows = np.concatenate(
            [np.tile(np.flatnonzero(test.units == unit), int(count)) for unit, count in enumerate(counts)]
        )
        labels, scores = test.labels[rows], test.scores[rows]
        expected = [
            roc_auc_score(labels, scores),
            average_precision_score(labels, scores),
            log_loss(labels, scores),
        ]
        assert replicate[:3] == pytest.approx(expected, abs=1e-12)
        assert replicate[3] == pytest.approx(np.mean((labels - scores) ** 2), abs=1e-12)
        assert replicate[4] == pytest.approx(np.mean((scores >= found.threshold) == labels), abs=1e-12)


def test_grouped_rows_widen_the_interval(make) -> None:
    """The same rows copied fivefold in groups carry no more information than once."""
    from dataclasses import replace

    once = make(200, seed=5)
    columns = {name: np.repeat(getattr(once, name), 5) for name in ("labels", "weights", "scores", "units")}
    keys = np.array([f"{key}-{copy}" for key, copy in product(once.keys, range(5))], dtype=object)
    copied = replace(once, keys=keys, grouped=True, **columns)
    naive = replace(copied, units=np.arange(len(keys)), grouped=False)
    single, honest, fooled = (evaluate(once, each, resamples=200, seed=1) for each in (once, copied, naive))

    def width(evaluation, delong: bool = False) -> float:
        interval = evaluation.delong if delong else evaluation.metrics["roc_auc"]
        return interval.high - interval.low

    assert width(honest) == pytest.approx(width(single), rel=1e-9)
    assert width(honest, delong=True) == pytest.approx(width(single, delong=True), rel=1e-9)
    assert width(fooled) < 0.6 * width(single)


@pytest.mark.parametrize("groups", [None, 150])
def test_intervals_cover_the_truth_as_often_as_they_say(make, groups: int | None) -> None:
    """Sixty samples: a 90% interval misses the population's AUC about six times; 15 has chance < 0.1%."""
    truth = np.mean(
        [
            evaluate(make(), make(20_000, seed=900 + s, noise_seed=800 + s), resamples=1).metrics["roc_auc"].value
            for s in range(5)
        ]
    )
    misses = {"bootstrap": 0, "delong": 0}
    for seed in range(60):
        test = make(400, seed=100 + seed, noise_seed=500 + seed, groups=groups)
        found = evaluate(test, test, confidence=0.9, resamples=100, seed=seed)
        for name, interval in (("bootstrap", found.metrics["roc_auc"]), ("delong", found.delong)):
            misses[name] += not interval.low <= truth <= interval.high
    assert max(misses.values()) < 15, misses


def test_demo_size_takes_seconds(make) -> None:
    validation, test = make(33_000, seed=1), make(67_000, seed=2, groups=40_000)
    start = time.process_time()
    evaluate(validation, test, resamples=200)
    assert time.process_time() - start < 8
