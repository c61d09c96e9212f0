from typing import Any

import pytest

from sparring.comparison import decide

FAIR = [{"control": "same rows and encoding", "held": True, "required": True, "detail": ""}]
BETTER = {"value": 0.06, "p_adjusted": 1e-6, "standard_error": 0.01}


def pair(left: str, right: str, equivalent: bool) -> dict[str, Any]:
    """A pair that is equivalent, or of which the left one is better."""
    tested = {"value": 0.0, "p_adjusted": 1.0, "standard_error": 0.0005} if equivalent else BETTER
    return {"left": left, "right": right, "equivalent": equivalent, "margin": 0.002, **tested}


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


def test_a_difference_that_may_be_chance_is_told_with_the_rows_that_would_tell(result, evaluation) -> None:
    results = [result("one"), result("two")]
    scores = {"one": evaluation(0.550), "two": evaluation(0.536)}
    row = {"left": "one", "right": "two", "equivalent": False, "margin": 0.002}
    row |= {"value": 0.014, "p_adjusted": 0.77, "standard_error": 0.048}
    found = decide(results, scores, [row], FAIR)
    assert (found["kind"], found["path"], found["refused"]) == ("cannot_tell", None, False)
    # 1,000 rows, whose standard error must fall from 0.048 to 0.014 / 2.8016.
    assert found["power"]["needed_rows"] == pytest.approx(1_000 * (2.8016 * 0.048 / 0.014) ** 2, rel=1e-3)
    assert found["power"]["detectable"] == pytest.approx(2.8016 * 0.048, rel=1e-3)
    assert "1,000 test rows cannot tell it from two" in found["finding"]
    assert "Train with" not in found["finding"]


def test_the_kinds_have_their_path_and_say_what_the_next_one_costs(result, evaluation) -> None:
    results = [
        result("one", engine="single_node", wall_seconds=5.0),
        result("other", engine="spark", wall_seconds=50.0),
    ]
    scores = {"one": evaluation(0.76), "other": evaluation(0.70)}
    found = decide(results, scores, [pair("one", "other", False)], FAIR)
    assert (found["kind"], found["path"]) == ("better", "one machine")
    assert "Spark, reaches 0.7000 (-0.0600) with other in 50.0 s, against 5.0 s" in found["finding"]
    equal = decide(results, scores, [pair("one", "other", True)], FAIR)
    assert (equal["kind"], equal["path"]) == ("equivalent", "one machine")


@pytest.mark.parametrize("p_value", [0.03, None])
def test_a_score_that_may_be_a_constants_beats_no_baseline(result, evaluation, p_value: float | None) -> None:
    """Two tests of 0.03 each do not hold together: Holm makes 0.06 of them."""
    scores = {name: evaluation(0.55) | {"baseline": {"p_value": p_value}} for name in ("a", "b")}
    found = decide([result("a"), result("b")], scores, [pair("a", "b", False)], FAIR)
    assert (found["kind"], found["choice"]) == ("nothing_beats_baseline", None)
    assert "0.5, that of a constant" in found["finding"]


def test_what_deduplication_removed_is_a_caveat(result, evaluation) -> None:
    found = decide([result("a")], {"a": evaluation(0.7)}, [], FAIR, removals=["It removed much."])
    assert found["caveats"] == ["It removed much."]
