import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import ComparisonError
from sparring.evaluation import differences, evaluate, holm, paired_bootstrap, tost


def test_a_contender_equals_its_copy(make) -> None:
    test = make(seed=2)
    found = evaluate(test, test, resamples=50)
    (difference,) = differences({"a": found, "b": found})
    assert (difference.value, difference.standard_error, difference.p_value) == (0.0, 0.0, 1.0)
    assert difference.equivalent


def test_skill_is_told_from_noise(make) -> None:
    tests = {
        "strong": make(3000, seed=2, skill=2.0),
        "weak": make(3000, seed=2, skill=0.5),
        "weak-too": make(3000, seed=2, skill=0.5, noise_seed=9),
    }
    evaluations = {name: evaluate(test, test, resamples=100) for name, test in tests.items()}
    found = {(d.left, d.right): d for d in differences(evaluations)}
    assert found["strong", "weak"].p_adjusted < 1e-6
    assert found["strong", "weak"].low > 0
    assert found["weak", "weak-too"].p_value > 0.01
    assert not any(d.equivalent for d in found.values())
    assert differences(evaluations, margin=0.9)[0].equivalent


def test_pairing_narrows_the_interval(make) -> None:
    left, right = make(1000, seed=2), make(1000, seed=2, skill=1.1)
    a, b = (evaluate(test, test, resamples=200, seed=3) for test in (left, right))
    gap = paired_bootstrap(a, b, "log_loss")
    alone = a.metrics["log_loss"]
    assert gap.high - gap.low < 0.5 * (alone.high - alone.low)


def test_other_rows_or_seeds_are_refused(make) -> None:
    test, other = make(seed=2), make(seed=3)
    a = evaluate(test, test, resamples=50, seed=1)
    with pytest.raises(ComparisonError, match="digest"):
        differences({"a": a, "b": evaluate(other, other, resamples=50, seed=1)})
    with pytest.raises(ComparisonError, match="seed"):
        differences({"a": a, "b": evaluate(test, test, resamples=50, seed=2)})


def test_false_alarms_stay_at_the_level(make) -> None:
    """Sixty pairs of equal skill: at the 10% level about six alarms; 15 or more has chance < 0.1%."""
    alarms = 0
    for seed in range(60):
        left = make(300, seed=seed, noise_seed=1000 + seed, groups=100)
        right = make(300, seed=seed, noise_seed=2000 + seed, groups=100)
        pair = {"a": evaluate(left, left, resamples=2), "b": evaluate(right, right, resamples=2)}
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
