from typing import Any

import pytest

from sparring.report.settings import differing_settings


def contender(name: str, family: str, settings: dict[str, Any], **size: Any) -> dict[str, Any]:
    return {"name": name, "family": family, "hyperparameters": settings, "capacity": size}


TREES, LINEAR = "gradient_boosted_trees", "logistic_regression"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"eta": 0.1}, {"eta": "0.10"}, []),
        ({"eta": 0.1}, {"eta": 0.3}, [("eta", ["0.1", "0.3"])]),
        ({"maxBins": 32}, {"tree_method": "hist"}, []),
        ({"subsample": True}, {"subsample": False}, [("subsample", ["on", "off"])]),
        ({"seed": None}, {"seed": 1}, []),
    ],
)
def test_settings_of_one_name_are_compared_by_value(
    one: dict[str, Any], other: dict[str, Any], expected: list[tuple[str, list[str]]]
) -> None:
    (table,) = differing_settings([contender("a", TREES, one), contender("b", TREES, other)])
    assert table["names"] == ["a", "b"]
    assert [(row["setting"], row["values"]) for row in table["rows"]] == expected


def test_a_size_has_one_name_whatever_a_library_calls_it() -> None:
    mllib = contender("mllib", TREES, {"maxIter": 20, "stepSize": 0.1}, rounds=20, learning_rate=0.1)
    ours = contender("ours", TREES, {"num_round": 100, "eta": 0.1}, rounds=100, learning_rate=0.1)
    job = contender("job", TREES, {"num_round": "50", "eta": "0.1"}, rounds=50, learning_rate=0.1)
    (table,) = differing_settings([mllib, ours, job])
    assert table["rows"] == [{"setting": "rounds", "values": ["20", "100", "50"]}]


def test_rounds_that_were_used_are_told_beside_those_that_were_asked_for() -> None:
    stopped = contender("b", TREES, {"num_round": 100}, rounds=37)
    (table,) = differing_settings([contender("a", TREES, {"num_round": 60}, rounds=60), stopped])
    assert [row["setting"] for row in table["rows"]] == ["rounds", "num_round"]


def test_families_are_not_mixed() -> None:
    linear = [contender(name, LINEAR, {"maxIter": most}) for name, most in (("a", 100), ("b", 1000))]
    (table,) = differing_settings([*linear, contender("c", TREES, {"maxIter": 5})])
    assert table["family"] == LINEAR
    assert table["rows"] == [{"setting": "maxIter", "values": ["100", "1000"]}]
