"""Models of one family and different sizes: the gap is named, however the settings are spelt."""

from typing import Any

import pytest

from sparring.comparison.capacity import capacity_gaps
from sparring.comparison.fairness import fairness_checks, same_conditions

EQUAL = {"rounds": 100, "depth": 5, "learning_rate": 0.1, "min_leaf_rows": 1, "early_stopping": False}


@pytest.mark.parametrize(
    ("change", "gaps"),
    [
        ({}, []),
        ({"rounds": 20}, ["rounds 100 and 20"]),
        ({"depth": 6, "learning_rate": 0.3}, ["depth 5 and 6", "learning rate 0.1 and 0.3"]),
        ({"min_leaf_rows": None}, []),
        # At the rounds where another one stopped: no other model.
        ({"early_stopping": True}, []),
        ({"early_stopping": True, "rounds": 37}, ["rounds 100 and 37", "early stopping off and on"]),
    ],
)
def test_gaps_are_named(result, change: dict[str, Any], gaps: list[str]) -> None:
    one, other = result("a", capacity=EQUAL), result("b", capacity={**EQUAL, **change}, engine="spark")
    assert capacity_gaps(one, other) == gaps
    evaluations = {name: {"sample": {"digest": "d"}} for name in ("a", "b")}
    (line,) = [row for row in fairness_checks([one, other], evaluations) if row["control"] == "same capacity"]
    assert line["held"] is (not gaps)
    assert not line["required"]
    assert all(gap in line["detail"] for gap in gaps)


def test_sizes_compare_by_value_and_unknown_ones_by_their_own_names(result) -> None:
    assert capacity_gaps(result("a", capacity={"rounds": 20}), result("b", capacity={"rounds": "20.0"})) == []
    layers = [result(name, capacity={"layers": size}) for name, size in (("a", 2), ("b", "wide"))]
    assert capacity_gaps(*layers) == ["layers 2 and wide"]


def test_other_families_and_sizeless_ones_have_no_gap(result) -> None:
    linear = result("a", family="logistic_regression", hyperparameters={"maxIter": 100})
    assert capacity_gaps(linear, result("b", capacity=EQUAL)) == []
    assert capacity_gaps(linear, {**linear, "hyperparameters": {"maxIter": 5}}) == []


def test_times_on_other_cores_are_not_compared(result) -> None:
    assert same_conditions([result("a"), result("b")])
    assert not same_conditions([result("a"), result("b", cores=4)])
    assert not same_conditions([result("a"), result("b", isolation="session")])
