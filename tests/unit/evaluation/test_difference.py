from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import ComparisonError
from sparring.evaluation import Predictions, differences, evaluate, holm, paired_test, tost
from sparring.evaluation.difference import distinct_models
from sparring.task import BINARY


def scored(test: Predictions, scores: np.ndarray) -> Predictions:
    return replace(test, scores=np.clip(scores, 0, 1))


def test_a_contender_equals_its_copy(make) -> None:
    test = make(seed=2)
    found = evaluate(BINARY, test, test)
    (difference,) = differences({"a": found, "b": found})
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)
    assert (difference.identical, difference.equivalent, difference.different) == (True, True, False)
    assert difference.p_value is None


def test_rounding_makes_no_other_model_and_models_count_once(make) -> None:
    test = make(seed=2)
    a, b, c = (
        evaluate(BINARY, test, part) for part in (test, scored(test, test.scores + 1e-6), make(seed=2, noise_seed=7))
    )
    assert distinct_models({"a": a, "c": c, "b": b}) == {"a": "a", "c": "c", "b": "a"}
    found = {(d.left, d.right): d for d in differences({"a": a, "b": b, "c": c})}
    assert found["a", "b"].identical
    # One test of two distinct models: nothing to adjust for.
    assert found["a", "c"].tests == 1
    assert found["a", "c"].p_adjusted == found["a", "c"].p_value == pytest.approx(found["b", "c"].p_adjusted)


@pytest.mark.parametrize("rows", [20, 200])
def test_perfect_twins_are_not_shown_equivalent_by_a_small_test(make, rows: int) -> None:
    """Two models that rank every row right by scores of their own: no variance, yet few rows show little."""
    test = make(rows, seed=2)
    steps = np.arange(rows) / (3 * rows)
    one, other = (scored(test, test.labels * 0.5 + part) for part in (steps, steps[::-1]))
    (difference,) = differences({"a": evaluate(BINARY, test, one), "b": evaluate(BINARY, test, other)})
    assert (difference.value, difference.standard_error) == (0.0, 0.0)
    assert not difference.identical
    assert not difference.equivalent
    assert not difference.different
    assert difference.low < 0 < difference.high


def test_a_perfect_ranking_of_few_rows_is_not_certain(make) -> None:
    """Two positives above three negatives: the variance is 0, and the p-value would be; exactly it is 0.2."""
    import pyarrow as pa

    table = {"key": list("abcde"), "label": [0.0, 0, 0, 1, 1], "weight": np.ones(5), "score": [0.1, 0.2, 0.3, 0.8, 0.9]}
    test = Predictions.from_table(pa.table(table))
    found = paired_test(evaluate(BINARY, test, test), evaluate(BINARY, test, scored(test, np.full(5, 0.5))))
    assert 0.1 < found.p_value < 0.5


def test_two_constants_are_one_model(make) -> None:
    test = make(100, seed=2)
    pair = {name: evaluate(BINARY, test, scored(test, np.full(100, value))) for name, value in (("a", 0.2), ("b", 0.7))}
    assert differences(pair)[0].identical
    assert not differences({"a": pair["a"], "c": evaluate(BINARY, test, test)})[0].identical


def test_skill_is_told_from_noise(make) -> None:
    tests = {
        "strong": make(3000, seed=2, skill=2.0),
        "weak": make(3000, seed=2, skill=0.5),
        "weak-too": make(3000, seed=2, skill=0.5, noise_seed=9),
    }
    evaluations = {name: evaluate(BINARY, test, test) for name, test in tests.items()}
    found = {(d.left, d.right): d for d in differences(evaluations)}
    assert found["strong", "weak"].p_adjusted < 1e-6
    assert found["strong", "weak"].low > 0
    assert found["strong", "weak"].different
    assert found["weak", "weak-too"].p_value > 0.01
    assert not any(d.equivalent for d in found.values())
    assert differences(evaluations, margin=0.9)[0].equivalent


def test_pairing_narrows_the_interval(make) -> None:
    left, right = make(1000, seed=2), make(1000, seed=2, skill=1.1)
    a, b = (evaluate(BINARY, test, test) for test in (left, right))
    (gap,) = differences({"a": a, "b": b})
    alone = a.metrics["roc_auc"]
    assert gap.high - gap.low < 0.5 * (alone.high - alone.low)


def test_more_rows_tell_more(make) -> None:
    found = []
    for rows in (500, 2000):
        pair = {
            name: evaluate(BINARY, t, t)
            for name, t in (("a", make(rows, seed=2)), ("b", make(rows, seed=2, noise_seed=5)))
        }
        found += differences(pair)
    small, large = found
    assert large.detectable == pytest.approx(small.detectable / 2, rel=0.15)
    # The rows that it takes are a matter of the contenders, not of the rows that there are.
    assert large.rows_to_tell == pytest.approx(small.rows_to_tell, rel=0.3)
    assert small.rows_to_tell > 2000


def test_other_rows_or_confidences_are_refused(make) -> None:
    test, other = make(seed=2), make(seed=3)
    a = evaluate(BINARY, test, test)
    with pytest.raises(ComparisonError, match="digest"):
        differences({"a": a, "b": evaluate(BINARY, other, other)})
    with pytest.raises(ComparisonError, match="confidence"):
        differences({"a": a, "b": evaluate(BINARY, test, test, confidence=0.9)})


def test_false_alarms_stay_at_the_level(make) -> None:
    """Sixty pairs of equal skill: at the 10% level about six alarms; 15 or more has chance < 0.1%."""
    alarms = 0
    for seed in range(60):
        left = make(300, seed=seed, noise_seed=1000 + seed, groups=100)
        right = make(300, seed=seed, noise_seed=2000 + seed, groups=100)
        pair = {"a": evaluate(BINARY, left, left), "b": evaluate(BINARY, right, right)}
        alarms += differences(pair)[0].p_value < 0.1
    assert alarms < 15


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_its_definition_rejects(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    running = 0.0
    for step, i in enumerate(order):
        running = max(running, min(1.0, p_values[i] * (len(p_values) - step)))
        assert adjusted[i] == pytest.approx(running)


def test_holm_leaves_unknown_out() -> None:
    adjusted = holm([0.01, float("nan"), 0.04])
    assert adjusted[0] == pytest.approx(0.02)
    assert np.isnan(adjusted[1])


@given(st.floats(-0.01, 0.01), st.floats(1e-5, 0.01))
def test_tost_agrees_with_the_interval_rule(value: float, error: float) -> None:
    """Equivalent at 5% exactly when the 90% interval lies inside the margin."""
    margin, reach = 0.002, 1.6448536269514722 * error
    inside = -margin < value - reach and value + reach < margin
    assert (tost(value, error, margin) < 0.05) == inside
