from typing import Any

import pytest

from sparring.comparison import fairness_ledger


def lines(results: list[dict[str, Any]], evaluations: dict[str, Any], parity: Any = (), **more: Any) -> dict[str, Any]:
    return {line["control"]: line for line in fairness_ledger(results, evaluations, parity)}


def test_a_fair_comparison_holds_everywhere(result, evaluation) -> None:
    found = lines([result("a"), result("b")], {"a": evaluation(0.7), "b": evaluation(0.7)})
    assert all(line["held"] for line in found.values())
    assert "aa-7" in found["same rows and encoding"]["detail"]


@pytest.mark.parametrize(
    ("control", "required", "change", "word"),
    [
        ("same rows and encoding", True, {"matrix": {"fingerprint": "bb-7"}}, "bb-7 (b)"),
        ("same objective", True, {"hyperparameters": {"max_depth": 6, "eta": 0.1, "lambda": 2}}, "lambda"),
        ("same capacity", False, {"hyperparameters": {"max_depth": 3, "eta": 0.1, "lambda": 1}}, "depth 6 and 3"),
        ("same cores", False, {"cores": 4}, "4 (b)"),
        ("same seed", False, {"seed": 1}, "1 (b)"),
        ("fresh process", False, {"isolation": "session"}, "b shared a session"),
        ("real services", False, {"stand_in": True}, "not SageMaker's"),
        ("all contenders finished", False, {"status": "failed"}, "failed: b"),
    ],
)
def test_a_control_that_did_not_hold_says_who(
    result, evaluation, control: str, required: bool, change: dict[str, Any], word: str
) -> None:
    found = lines([result("a"), result("b", **change)], {"a": evaluation(0.7), "b": evaluation(0.7)})
    assert not found[control]["held"]
    assert found[control]["required"] is required
    assert word in found[control]["detail"]
    assert [name for name, line in found.items() if not line["held"]] == [control]


def test_parameters_compare_by_value(result, evaluation) -> None:
    results = [
        result("a", hyperparameters={"num_round": 50, "eta": 0.1}),
        result("b", engine="sagemaker", hyperparameters={"num_round": "50", "eta": "0.10"}),
    ]
    assert lines(results, {"a": evaluation(0.7), "b": evaluation(0.7)})["same objective"]["held"]


def test_other_penalties_break_the_objective(result, evaluation) -> None:
    parity = [{"left": "x", "right": "y", "same_objective": False}]
    found = lines([result("a")], {"a": evaluation(0.7)}, parity)["same objective"]
    assert not found["held"]
    assert "x and y" in found["detail"]


def test_mllib_trees_are_named_as_another_algorithm(result, evaluation) -> None:
    found = lines([result("a"), result("b", engine="spark")], {"a": evaluation(0.7), "b": evaluation(0.7)})
    assert "another algorithm" in found["same objective"]["detail"]


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
