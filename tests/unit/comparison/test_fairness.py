from typing import Any

import pytest

from sparring.comparison import fairness_checks
from sparring.comparison.fairness import same_conditions


def lines(results: list[dict[str, Any]], evaluations: dict[str, Any]) -> dict[str, Any]:
    return {line["control"]: line for line in fairness_checks(results, evaluations)}


def test_a_fair_comparison_holds_everywhere(result, evaluation) -> None:
    found = lines([result("a"), result("b")], {"a": evaluation(0.7), "b": evaluation(0.7)})
    assert all(line["held"] for line in found.values())
    assert "aa-7" in found["same rows and encoding"]["detail"]


@pytest.mark.parametrize(
    ("control", "required", "change", "word"),
    [
        ("same rows and encoding", True, {"matrix": {"fingerprint": "bb-7"}}, "bb-7 (b)"),
        ("same objective", True, {"equivalence": {"group": "xgboost", "settings": {"lambda": 2}}}, "a and b in lambda"),
        ("same capacity", False, {"capacity": {"depth": 3}}, "depth 6 and 3"),
        ("same cores", False, {"cores": 4}, "4 (b)"),
        ("same seed", False, {"seed": 1}, "1 (b)"),
        ("fresh process", False, {"isolation": "session"}, "b shared a session"),
        ("real services", False, {"emulated": True}, "not SageMaker's"),
        ("undisturbed", False, {"cluster": {"failed_tasks": 2, "lost_executors": 0}}, "b: 2 tasks failed"),
        ("undisturbed", False, {"cluster": {"failed_tasks": 0, "lost_executors": 1}}, "1 executors were lost"),
        ("all contenders finished", False, {"status": "failed"}, "failed: b"),
    ],
)
def test_a_control_that_did_not_hold_says_who(
    result, evaluation, control: str, required: bool, change: dict[str, Any], word: str
) -> None:
    whole = {"capacity": {"depth": 6}, "equivalence": {"group": "xgboost", "settings": {"lambda": 1}}}
    found = lines([result("a", **whole), result("b", **whole | change)], {"a": evaluation(0.7), "b": evaluation(0.7)})
    assert not found[control]["held"]
    assert found[control]["required"] is required
    assert word in found[control]["detail"]
    assert [name for name, line in found.items() if not line["held"]] == [control]


def test_settings_compare_by_value_and_sizes_are_no_objective(result, evaluation) -> None:
    settings = [{"lambda": 1, "rounds": 50, "eta": 0.1}, {"lambda": "1.0", "rounds": "20", "eta": "0.10"}]
    results = [
        result(name, equivalence={"group": "xgboost", "settings": own})
        for name, own in zip("ab", settings, strict=True)
    ]
    found = lines(results, {"a": evaluation(0.7), "b": evaluation(0.7)})["same objective"]
    assert found["held"]
    assert "a, b (xgboost)" in found["detail"]


def test_groups_have_objectives_of_their_own(result, evaluation) -> None:
    groups = {name: {"group": group, "settings": {"lambda": at}} for at, (name, group) in enumerate(["ax", "by"])}
    results = [result(name, equivalence=own) for name, own in groups.items()]
    assert lines(results, {"a": evaluation(0.7), "b": evaluation(0.7)})["same objective"]["held"]


def test_another_algorithm_of_the_same_family_is_named(result, evaluation) -> None:
    results = [result("a", equivalence={"group": "xgboost", "settings": {}}), result("b", title="MLlib's trees")]
    found = lines(results, {"a": evaluation(0.7), "b": evaluation(0.7)})["same objective"]["detail"]
    assert "b (MLlib's trees) is another algorithm than XGBoost" in found


def test_other_test_rows_and_missing_evaluations_show(result, evaluation) -> None:
    both = [result("a"), result("b")]
    control = "same metric code and test rows"
    assert not lines(both, {"a": evaluation(0.7), "b": evaluation(0.7, "e")})[control]["held"]
    assert "not evaluated: b" in lines(both, {"a": evaluation(0.7)})[control]["detail"]


def test_a_fingerprint_a_part_counts_as_well(result, evaluation) -> None:
    scores = {"a": evaluation(0.7), "b": evaluation(0.7)}
    one, other = (
        {"fingerprints": {"train": "aa-5", "test": "bb-2"}},
        {"fingerprints": {"test": "bb-2", "train": "aa-5"}},
    )
    assert lines([result("a", matrix=one), result("b", matrix=other)], scores)["same rows and encoding"]["held"]
    changed = {"fingerprints": {"train": "aa-5", "test": "cc-2"}}
    assert not lines([result("a", matrix=one), result("b", matrix=changed)], scores)["same rows and encoding"]["held"]


def test_fingerprints_that_nobody_states_are_not_equal(result, evaluation) -> None:
    silent = [result(name, matrix={"fingerprints": {}}) for name in ("a", "b")]
    assert not lines(silent, {"a": evaluation(0.7), "b": evaluation(0.7)})["same rows and encoding"]["held"]


ON = {"executors": 2, "cores": 2, "failed_tasks": 0, "lost_executors": 0}


@pytest.mark.parametrize(
    ("change", "comparable"),
    [
        ({}, True),
        ({"cluster": ON, "conditions": {"machine": "m", "spark": {"master": "yarn"}}}, True),
        ({"cluster": ON | {"failed_tasks": None, "lost_executors": None}}, True),
        ({"cluster": ON | {"failed_tasks": 1}}, False),
        ({"cluster": ON | {"lost_executors": 1}}, False),
        ({"cores": 4}, False),
        ({"isolation": "session"}, False),
        ({"conditions": {"machine": "another", "spark": None}}, False),
    ],
)
def test_times_are_compared_under_equal_and_undisturbed_conditions_only(
    result, change: dict[str, Any], comparable: bool
) -> None:
    one = result("a", conditions={"machine": "m", "spark": None})
    other = result("b", **({"conditions": {"machine": "m", "spark": None}} | change))
    assert same_conditions([one, other]) is comparable


def test_contenders_of_two_clusters_are_not_compared_by_time(result) -> None:
    both = [result(name, conditions={"machine": "m", "spark": {"master": name}}) for name in "ab"]
    assert not same_conditions(both)


def test_executors_that_took_part_are_named(result, evaluation) -> None:
    found = lines([result("a", cluster=ON)], {"a": evaluation(0.7)})["undisturbed"]
    assert found["held"]
    assert "a on 2 executors with 2 cores" in found["detail"]
