from typing import Any

import pytest

from sparring.report.settings import differing_settings


def contender(name: str, family: str, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "family": family, "hyperparameters": settings, **more}


TREES, LINEAR = "gradient_boosted_trees", "logistic_regression"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"maxIter": 20}, {"num_round": "20"}, []),
        ({"stepSize": 0.1}, {"eta": "0.10"}, []),
        ({"stepSize": 0.1}, {"eta": 0.3}, [("learning rate", ["0.1", "0.3"])]),
        ({"maxDepth": 5, "maxIter": 20}, {"max_depth": 6, "num_round": 20}, [("depth", ["5", "6"])]),
        ({"maxBins": 32}, {"tree_method": "hist"}, []),
        ({"subsample": True}, {"subsample": False}, [("subsample", ["on", "off"])]),
    ],
)
def test_settings_of_one_meaning_are_compared_by_value(
    one: dict[str, Any], other: dict[str, Any], expected: list[tuple[str, list[str]]]
) -> None:
    (table,) = differing_settings([contender("a", TREES, one), contender("b", TREES, other)])
    assert table["names"] == ["a", "b"]
    assert [(row["setting"], row["values"]) for row in table["rows"]] == expected


def test_a_stated_capacity_wins_over_the_hyperparameters() -> None:
    stopped = contender("b", TREES, {"num_round": 100}, capacity={"rounds": 37, "early_stopping": True})
    (table,) = differing_settings([contender("a", TREES, {"maxIter": 100}), stopped])
    assert table["rows"] == [{"setting": "rounds", "values": ["100", "37"]}]


def test_families_are_not_mixed_and_iterations_are_no_rounds() -> None:
    linear = [contender(name, LINEAR, {"maxIter": most}) for name, most in (("a", 100), ("b", 1000))]
    (table,) = differing_settings([*linear, contender("c", TREES, {"maxIter": 5})])
    assert table["family"] == LINEAR
    assert table["rows"] == [{"setting": "maxIter", "values": ["100", "1000"]}]
