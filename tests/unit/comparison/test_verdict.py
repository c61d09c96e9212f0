from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sparring.comparison import costs, decide, load_prices
from sparring.evaluation import Predictions, baseline_tests, baselines, differences, evaluate
from sparring.task import BINARY

FAIR = [{"control": "same rows and encoding", "held": True, "required": True, "detail": ""}]
SHOWN = {"equivalent": {"equivalent": True}, "worse": {"different": True, "p_adjusted": 0.001}, "undecided": {}}


def pair(left: str, right: str, shown: str, value: float = 0.01, **changes: Any) -> dict[str, Any]:
    """A difference as the tests left it: ``right`` is shown equivalent, worse, or neither."""
    return {
        "left": left,
        "right": right,
        "value": value,
        "low": value - 0.005,
        "high": value + 0.005,
        "p_adjusted": 0.4,
        "identical": False,
        "equivalent": False,
        "different": False,
        "margin": 0.002,
        "alpha": 0.05,
        "tests": 1,
        "detectable": 0.03,
        "rows_to_tell": 808_233,
        "rows_to_find": 21_285,
        **SHOWN[shown],
        **changes,
    }


def beaten(*names: str, truth: bool = True) -> list[dict[str, Any]]:
    """Tests against the baselines, all with one outcome."""
    rest = {"baseline": "prior", "value": 0.05, "p_adjusted": 0.0001 if truth else 0.3, "detectable": 0.12}
    return [{"contender": name, "beaten": truth, **rest} for name in names]


def prices(*results: dict[str, Any]) -> list[dict[str, Any]]:
    table = load_prices()
    return [cost.to_dict() for result in results for cost in costs(result, table)]


def test_one_that_is_better_than_all_others_is_taken(result, evaluation) -> None:
    results = [result("slow", wall_seconds=90.0), result("quick", wall_seconds=1.0)]
    scores = {"slow": evaluation(0.76), "quick": evaluation(0.70)}
    found = decide(results, scores, [pair("quick", "slow", "worse", -0.06)], FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["choice"], found["path"], found["basis"]) == ("better", "slow", "one machine", "score")
    assert found["worse"] == ["quick"]
    assert "0.7600" in found["finding"]
    assert "quick, by 0.0600 (p = 0.001" in found["finding"]
    assert found["finding"].startswith("Train on one machine, with slow.")


@pytest.mark.parametrize("priced", [True, False])
def test_the_cheapest_of_equivalent_ones_is_taken(result, evaluation, priced: bool) -> None:
    """By dollars where they are known, else by time; Spark's cluster costs more than one machine's shorter run."""
    results = [result("mllib", engine="spark", wall_seconds=90.0), result("sklearn", wall_seconds=8.0)]
    scores = {"mllib": evaluation(0.7601), "sklearn": evaluation(0.7600)}
    rows = [pair("mllib", "sklearn", "equivalent", 0.0001)]
    found = decide(
        results, scores, rows, FAIR, baseline_tests=beaten(*scores), costs=prices(*results) if priced else ()
    )
    assert (found["kind"], found["choice"], found["best"]) == ("equivalent", "sklearn", "mllib")
    assert (found["path"], found["basis"]) == ("one machine", "price" if priced else "time")
    assert "within \u00b10.002" in found["finding"]
    assert "Beside the best on Spark, mllib: -0.0001 ROC AUC" in found["finding"]
    assert "8.0 s instead of 90.0 s" in found["finding"]
    assert ("USD" in found["finding"]) is priced
    (other,) = found["other_paths"]
    assert (other["low"], other["high"]) == pytest.approx((-0.0051, 0.0049))


@pytest.mark.parametrize("change", [{"cores": 8}, {"isolation": "session"}])
def test_times_under_other_conditions_choose_nobody(result, evaluation, change: dict[str, Any]) -> None:
    results = [result("best", wall_seconds=90.0), result("quick", wall_seconds=1.0, **change)]
    scores = {"best": evaluation(0.7601), "quick": evaluation(0.7600)}
    rows = [pair("best", "quick", "equivalent", 0.0001)]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores), costs=prices(*results))
    assert (found["kind"], found["choice"], found["basis"]) == ("equivalent", "best", "score")
    assert "times are not compared" in found["finding"]


def test_what_cannot_be_told_apart_is_left_open(result, evaluation) -> None:
    results = [result("a"), result("b", engine="spark", wall_seconds=60.0), result("c")]
    scores = {"a": evaluation(0.76), "b": evaluation(0.75), "c": evaluation(0.60)}
    rows = [pair("a", "b", "undecided"), pair("a", "c", "worse"), pair("b", "c", "worse")]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["choice"], found["path"]) == ("cannot_tell", None, None)
    assert (found["undecided"], found["worse"], found["cheapest"]) == (["b"], ["c"], "a")
    assert found["needed"] == {"rows": 808_233, "rows_if_as_observed": 21_285, "probability": 0.8}
    assert "About 810,000 test rows would tell with 80% probability" in found["finding"]
    assert "could have shown a difference between a and b of 0.0300 with 80% probability" in found["finding"]
    assert "Train" not in found["finding"]


def test_the_path_may_be_known_where_the_contender_is_not(result, evaluation) -> None:
    results = [result("a"), result("b"), result("c", engine="spark")]
    scores = {"a": evaluation(0.76), "b": evaluation(0.75), "c": evaluation(0.60)}
    rows = [pair("a", "b", "undecided"), pair("a", "c", "worse"), pair("b", "c", "worse")]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["choice"], found["path"]) == ("cannot_tell", None, "one machine")
    assert "All that may be best run on one machine." in found["finding"]


def test_nothing_beats_the_baseline(result, evaluation) -> None:
    scores = {"a": evaluation(0.55), "b": evaluation(0.52)}
    tests = beaten("a", "b", truth=False)
    found = decide([result("a"), result("b")], scores, [pair("a", "b", "worse")], FAIR, baseline_tests=tests)
    assert (found["kind"], found["choice"], found["path"]) == ("nothing_beats_baseline", None, None)
    assert "better than the prior baseline's (p = 0.3" in found["finding"]
    assert "a lead over the prior baseline of 0.1200 with 80% probability" in found["finding"]


def test_a_difference_of_settings_is_credited_to_no_engine(result, evaluation) -> None:
    results = [
        result("xgboost", capacity={"rounds": 100, "depth": 6}),
        result("mllib-gbt", engine="spark", capacity={"rounds": 20, "depth": 5}),
    ]
    scores = {"xgboost": evaluation(0.76), "mllib-gbt": evaluation(0.70)}
    rows = [pair("xgboost", "mllib-gbt", "worse", 0.06)]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["choice"], found["path"]) == ("better", "xgboost", None)
    assert found["finding"].startswith("Train with xgboost.")
    assert "different settings (rounds 100 and 20, depth 6 and 5)" in found["finding"]
    equal = [result("xgboost", capacity={"rounds": 100}), result("mllib-gbt", engine="spark", capacity={"rounds": 100})]
    fair = decide(equal, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert fair["path"] == "one machine"
    assert "settings" not in fair["finding"]


def test_each_other_path_is_told_by_its_best(result, evaluation) -> None:
    results = [
        result("a"),
        result("b", engine="spark", family="logistic_regression"),
        result("c", engine="spark"),
        result("d", engine="sagemaker", emulated=True),
    ]
    scores = dict(zip("abcd", map(evaluation, (0.9, 0.6, 0.7, 0.8)), strict=True))
    rows = [pair(one, other, "worse") for one, other in ("ab", "ac", "ad", "bc", "bd", "cd")]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert [(other["path"], other["contender"]) for other in found["other_paths"]] == [
        ("SageMaker", "d"),
        ("Spark", "c"),
    ]


def test_a_path_is_not_known_where_settings_made_the_other_ones_worse(result, evaluation) -> None:
    small, large = ({"rounds": rounds, "depth": 5} for rounds in (20, 100))
    results = [result("a", capacity=large), result("b", capacity=large), result("c", engine="spark", capacity=small)]
    scores = {"a": evaluation(0.76), "b": evaluation(0.75), "c": evaluation(0.60)}
    rows = [pair("a", "b", "undecided"), pair("a", "c", "worse"), pair("b", "c", "worse")]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["path"]) == ("cannot_tell", None)


def test_an_emulator_is_never_chosen_for_its_time(result, evaluation) -> None:
    results = [
        result("real", wall_seconds=90.0),
        result("emulator", wall_seconds=1.0, emulated=True, engine="sagemaker"),
    ]
    scores = {"real": evaluation(0.76), "emulator": evaluation(0.76)}
    rows = [pair("real", "emulator", "equivalent", 0.0, identical=True)]
    found = decide(results, scores, rows, FAIR, baseline_tests=beaten(*scores))
    assert (found["choice"], found["basis"], found["path"]) == ("real", "score", "one machine")
    assert "gave the same scores" in found["finding"]
    assert "ran on a local emulator" in found["finding"]
    assert "1.0 s" not in found["finding"]
    assert "not SageMaker's" in found["reason"]


def test_an_emulator_may_lead_by_score(result, evaluation) -> None:
    results = [result("real"), result("emulator", emulated=True, engine="sagemaker")]
    scores = {"real": evaluation(0.70), "emulator": evaluation(0.76)}
    found = decide(results, scores, [pair("emulator", "real", "worse")], FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["choice"], found["path"]) == ("better", "emulator", "SageMaker")
    assert "not SageMaker's" in found["reason"]


def test_all_emulators_are_ranked_by_score_alone(result, evaluation) -> None:
    results = [result(name, emulated=True, engine="sagemaker", wall_seconds=s) for name, s in (("a", 9.0), ("b", 1.0))]
    scores = {"a": evaluation(0.7601), "b": evaluation(0.7600)}
    found = decide(results, scores, [pair("a", "b", "equivalent")], FAIR, baseline_tests=beaten(*scores))
    assert (found["kind"], found["choice"], found["basis"]) == ("equivalent", "a", "score")
    assert "whose times and prices are not the service's" in found["finding"]


def test_one_contender_alone_is_compared_with_the_baselines(result, evaluation) -> None:
    scores = {"a": evaluation(0.7)}
    found = decide([result("a"), result("b", status="failed")], scores, [], FAIR, baseline_tests=beaten("a"))
    assert (found["kind"], found["choice"]) == ("better", "a")
    assert "compared with the baselines alone" in found["finding"]
    assert "Failed and not ranked: b." in found["reason"]
    idle = decide([result("a")], scores, [], FAIR, baseline_tests=beaten("a", truth=False))
    assert (idle["kind"], idle["choice"]) == ("nothing_beats_baseline", None)


def test_a_test_part_that_is_too_small_carries_no_verdict(result, evaluation) -> None:
    reason = "2 rows of the rarer class in the test part; intervals and tests need 10"
    scores = {name: evaluation(auc, reason=reason) for name, auc in (("a", 0.99), ("b", 0.5))}
    found = decide([result("a"), result("b")], scores, [pair("a", "b", "worse")], FAIR, baseline_tests=beaten("a", "b"))
    assert (found["kind"], found["choice"]) == ("cannot_tell", None)
    assert reason in found["finding"]
    assert "about 6,000 test rows" in found["finding"]


@pytest.mark.parametrize("control", ["same rows and encoding", "same objective"])
def test_an_unfair_comparison_is_refused(result, evaluation, control: str) -> None:
    broken = [{"control": control, "held": False, "required": True, "detail": "they differ"}]
    scores = {"a": evaluation(0.7), "b": evaluation(0.8)}
    found = decide([result("a"), result("b")], scores, [pair("b", "a", "worse")], broken)
    assert (found["kind"], found["refused"], found["choice"]) == ("refused", True, None)
    assert control in found["reason"]


def test_a_check_that_is_not_required_does_not_refuse(result, evaluation) -> None:
    checks = [{"control": "same cores", "held": False, "required": False, "detail": ""}]
    assert decide([result("a")], {"a": evaluation(0.7)}, [], checks)["choice"] == "a"


def test_leaks_and_caveats_of_stages_are_told_beside_the_choice(result, evaluation) -> None:
    findings = [
        {"check": "near overlap", "severity": "medium"},
        {"check": "time travel", "severity": "high"},
        {"check": "time travel", "severity": "high"},
    ]
    scores = {"a": evaluation(0.7)}
    found = decide([result("a")], scores, [], FAIR, findings, caveats=["7% of the rows were removed."])
    assert found["choice"] == "a"
    assert "rates high: time travel. Every score" in found["reason"]
    assert found["caveats"][-1] == "7% of the rows were removed."
    assert decide([result("a")], scores, [], FAIR, findings[:1])["caveats"] == []


@pytest.mark.parametrize(("severity", "told"), [("low", False), ("medium", True), ("high", True)])
def test_a_feature_that_nearly_is_the_label_is_told_beside_the_choice(result, evaluation, severity, told) -> None:
    message = "after alone predicts late with an AUC of 0.9848"
    finding = {"check": "target leakage", "severity": severity, "message": message, "advice": "Ask when."}
    found = decide([result("a")], {"a": evaluation(0.7)}, [], FAIR, [finding])
    assert bool(found["caveats"]) is told
    assert (f"{message}: Ask when." in found["reason"]) is (severity == "medium")


def test_those_that_a_test_excludes_are_named_though_it_cannot_tell_the_others_apart(result, evaluation) -> None:
    scores = {"a": evaluation(0.9), "b": evaluation(0.89), "c": evaluation(0.7)}
    pairs = [pair("a", "b", "undecided"), pair("a", "c", "worse"), pair("b", "c", "worse")]
    found = decide([result(name) for name in scores], scores, pairs, FAIR, baseline_tests=beaten(*scores))
    assert found["kind"] == "cannot_tell"
    assert "; c is shown worse." in found["finding"]


@pytest.mark.parametrize(("clusters", "rough"), [(9.6, True), (19.9, True), (20.0, False), (400.0, False)])
def test_power_with_few_of_a_class_is_called_optimistic(result, evaluation, clusters, rough) -> None:
    scores = {"a": evaluation(0.9), "b": evaluation(0.8)}
    for score in scores.values():
        score["sample"]["effective_clusters"] = clusters
    found = decide([result("a"), result("b")], scores, [pair("a", "b", "worse")], FAIR, baseline_tests=beaten(*scores))
    assert "could have shown" in found["finding"]
    assert ("that is optimistic" in found["finding"]) is rough


def test_nothing_finished_is_a_refusal(result) -> None:
    found = decide([result("a", status="failed")], {}, [], FAIR)
    assert (found["kind"], found["refused"]) == ("refused", True)
    assert "No contender finished" in found["reason"]


def judged(result: Any, scores: dict[str, np.ndarray], labels: np.ndarray) -> Any:
    """The verdict on contenders that gave these scores, through the real tests."""
    rows = len(labels)
    table = {"key": [f"{at:05d}" for at in range(rows)], "label": labels, "weight": np.ones(rows)}
    parts = {n: Predictions.from_table(pa.table({**table, "score": s})) for n, s in scores.items()}
    evaluated = {name: evaluate(BINARY, part, part) for name, part in parts.items()}
    some = next(iter(parts.values()))
    group = {"key": some.keys, "group": some.keys}
    train = {"group": np.array(["elsewhere"] * 2), "label": np.array([0.0, 1.0]), "weight": np.ones(2)}
    scored = baselines(BINARY, {"train": train, "validation": group, "test": group}, some, replace(some))
    evaluations = {name: found.to_dict() for name, found in evaluated.items()}
    tests = [test.to_dict() for test in baseline_tests(evaluated, scored)]
    gaps = [gap.to_dict() for gap in differences(evaluated)]
    return decide([result(name) for name in scores], evaluations, gaps, FAIR, baseline_tests=tests)


def test_chance_at_three_per_cent_of_positives_is_no_reason_to_train(result) -> None:
    """6,000 rows, 3% positives, 1,200 of them test: the best of two scores 0.55 and is no better than the other."""
    random = np.random.default_rng(5)
    labels = np.repeat([0.0, 1.0], [1164, 36])
    found = judged(result, {name: random.uniform(size=1200) for name in ("sklearn-logistic", "xgboost")}, labels)
    assert found["kind"] == "nothing_beats_baseline"
    assert found["choice"] is None
    assert "36 of them positive" in found["finding"]


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("better", lambda y, noise: {"a": y + noise[0] / 3, "b": y + 3 * noise[1]}),
        ("equivalent", lambda y, noise: {"a": y + noise[0], "b": y + noise[0]}),
        ("cannot_tell", lambda y, noise: {"a": y + noise[0], "b": y + noise[1]}),
        ("nothing_beats_baseline", lambda y, noise: {"a": 0 * y, "b": 0 * y + 1}),
    ],
)
def test_every_kind_comes_out_of_scores(result, kind: str, make: Any) -> None:
    random = np.random.default_rng(3)
    labels = np.tile([0.0, 1.0], 200)
    scores = make(labels, random.normal(size=(2, 400)))
    found = judged(result, {name: 1 / (1 + np.exp(-score)) for name, score in scores.items()}, labels)
    assert found["kind"] == kind
    assert (found["choice"] is None) == (kind in ("cannot_tell", "nothing_beats_baseline"))


@pytest.mark.parametrize("positives", [2, 5])
def test_a_perfect_score_on_a_few_positives_is_no_verdict(result, positives: int) -> None:
    labels = np.repeat([0.0, 1.0], [60 - positives, positives])
    found = judged(result, {"a": labels * 0.8 + 0.1, "b": np.random.default_rng(0).uniform(size=60)}, labels)
    assert (found["kind"], found["choice"]) == ("cannot_tell", None)
    assert f"{positives} rows of the rarer class" in found["finding"]
