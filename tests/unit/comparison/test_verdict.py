from typing import Any

import pytest

from sparring.comparison import decide

FAIR = [{"control": "same rows and encoding", "held": True, "required": True, "detail": ""}]


def pair(left: str, right: str, equivalent: bool) -> dict[str, Any]:
    return {"left": left, "right": right, "equivalent": equivalent, "margin": 0.002}


def test_the_best_score_wins_when_nothing_is_equivalent(result, evaluation) -> None:
    results = [result("slow", wall_seconds=90.0), result("quick", wall_seconds=1.0)]
    scores = {"slow": evaluation(0.76), "quick": evaluation(0.70)}
    found = decide(results, scores, [pair("slow", "quick", False)], FAIR)
    assert (found["choice"], found["basis"]) == ("slow", "score")
    assert "0.7600" in found["reason"]


def test_the_quickest_of_equivalent_ones_wins(result, evaluation) -> None:
    results = [result("slow", wall_seconds=90.0), result("quick", wall_seconds=1.0)]
    scores = {"slow": evaluation(0.7601), "quick": evaluation(0.7600)}
    found = decide(results, scores, [pair("slow", "quick", True)], FAIR)
    assert (found["choice"], found["basis"], found["best"]) == ("quick", "time", "slow")
    assert "within \u00b10.002" in found["reason"]


def test_a_stand_in_is_never_chosen_for_its_time(result, evaluation) -> None:
    results = [result("real", wall_seconds=90.0), result("stand-in", wall_seconds=1.0, stand_in=True)]
    scores = {"real": evaluation(0.76), "stand-in": evaluation(0.76)}
    found = decide(results, scores, [pair("real", "stand-in", True)], FAIR)
    assert (found["choice"], found["basis"]) == ("real", "score")
    assert "not SageMaker's" in found["reason"]


def test_a_stand_in_may_lead_by_score(result, evaluation) -> None:
    results = [result("real"), result("stand-in", stand_in=True)]
    scores = {"real": evaluation(0.70), "stand-in": evaluation(0.76)}
    found = decide(results, scores, [pair("real", "stand-in", False)], FAIR)
    assert (found["choice"], found["basis"]) == ("stand-in", "score")
    assert "not SageMaker's" in found["reason"]


@pytest.mark.parametrize("control", ["same rows and encoding", "same objective"])
def test_an_unfair_comparison_is_refused(result, evaluation, control: str) -> None:
    broken = [{"control": control, "held": False, "required": True, "detail": "they differ"}]
    found = decide(
        [result("a"), result("b")],
        {"a": evaluation(0.7), "b": evaluation(0.8)},
        [pair("a", "b", False)],
        broken,
    )
    assert found["refused"]
    assert found["choice"] is None
    assert control in found["reason"]


def test_a_control_that_is_not_required_does_not_refuse(result, evaluation) -> None:
    ledger = [{"control": "same cores", "held": False, "required": False, "detail": ""}]
    assert decide([result("a")], {"a": evaluation(0.7)}, [], ledger)["choice"] == "a"


def test_failures_are_told_and_not_ranked(result, evaluation) -> None:
    results = [result("a"), result("b", status="failed")]
    found = decide(results, {"a": evaluation(0.7)}, [], FAIR)
    assert found["choice"] == "a"
    assert "Failed and not ranked: b." in found["reason"]


def test_leaks_rated_high_are_told_beside_the_choice(result, evaluation) -> None:
    findings = [
        {"check": "near overlap", "severity": "medium"},
        {"check": "time travel", "severity": "high"},
        {"check": "time travel", "severity": "high"},
    ]
    found = decide([result("a")], {"a": evaluation(0.7)}, [], FAIR, findings)
    assert found["choice"] == "a"
    assert "rates high: time travel. Every score" in found["reason"]
    assert decide([result("a")], {"a": evaluation(0.7)}, [], FAIR, findings[:1])["caveats"] == []


def test_nothing_finished_is_a_refusal(result) -> None:
    found = decide([result("a", status="failed")], {}, [], FAIR)
    assert found["refused"]
    assert "No contender finished" in found["reason"]
