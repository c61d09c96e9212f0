"""Which contenders should be one model, how far apart they are, and what is refused."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from sparring.errors import ComparisonError
from sparring.evaluation import EquivalenceCheck, check_equivalence, equivalence_pairs, max_score_difference


@dataclass
class Matrix:
    """What the contenders were fitted on; nothing of it is looked at here."""

    features: Any = None
    labels: Any = None
    weights: Any = None


@dataclass
class Fitted:
    """A fitted model of a known value of what was minimised."""

    value: float | None
    asked: list[Any] = field(default_factory=list)

    def objective(self, features: Any, labels: Any, weights: Any) -> float | None:
        self.asked.append((features, labels, weights))
        return self.value


def result(name: str, group: str | None = "logistic", status: str = "ok", **changes: Any) -> dict[str, Any]:
    stated = {"group": group, "settings": {"lambda": 0.1}, "score_tolerance": 1e-5, "objective_tolerance": 1e-9}
    return {"name": name, "status": status, "equivalence": None if group is None else stated | changes}


def checked(
    left: dict[str, Any], right: dict[str, Any], make: Any, apart: float = 0.0, **more: Any
) -> EquivalenceCheck:
    """The check of two that predicted the same, but for ``apart`` of one row."""
    rows = make(seed=4)
    moved = replace(rows, scores=rows.scores - apart * np.sign(rows.scores - 0.5) * (np.arange(len(rows)) == 3))
    return check_equivalence(left, right, {left["name"]: moved, right["name"]: rows}, **more)


@pytest.mark.parametrize(("gap", "apart", "equal"), [(1e-10, 1e-7, True), (1e-8, 1e-7, False), (1e-10, 1e-3, False)])
def test_one_model_has_one_objective_and_one_score(make, gap: float, apart: float, equal: bool) -> None:
    models = {"a": Fitted(0.4 + gap), "b": Fitted(0.4)}
    train = Matrix(*"xyw")
    found = checked(result("a"), result("b"), make, apart, models=models, train=train)
    assert found.objective_gap == pytest.approx(gap, rel=1e-5)
    assert found.max_score_difference == pytest.approx(apart, rel=1e-6)
    assert found.equal is equal
    assert models["a"].asked == models["b"].asked == [("x", "y", "w")]
    assert found.to_dict()["equal"] is equal


def test_other_settings_are_another_function(make) -> None:
    models = {name: Fitted(0.4) for name in "ab"}
    other = result("b", settings={"lambda": "0.2", "l1": 0})
    found = checked(result("a"), other, make, models=models, train=Matrix())
    assert (found.differing, found.objective_gap, found.equal) == (["l1", "lambda"], None, False)
    same = checked(result("a"), result("b", settings={"lambda": "0.10"}), make, models=models, train=Matrix())
    assert same.equal


def test_without_an_objective_scores_decide(make) -> None:
    trees = [result(name, objective_tolerance=None) for name in "ab"]
    assert checked(*trees, make).equal
    assert not checked(*trees, make, apart=1e-3).equal


@pytest.mark.parametrize(("shown", "equal"), [(True, True), (False, False), (None, False)])
def test_without_a_tolerance_of_scores_the_margin_decides(make, shown: bool | None, equal: bool) -> None:
    pair = [result(name, objective_tolerance=None, score_tolerance=None) for name in "ab"]
    assert checked(*pair, make, apart=0.1, within_margin=shown).equal is equal


def test_one_side_without_a_tolerance_leaves_it_to_the_margin(make) -> None:
    many_workers = result("b", objective_tolerance=None, score_tolerance=None)
    for pair in ((result("a"), many_workers), (many_workers | {"name": "a"}, result("b"))):
        found = checked(*pair, make, apart=0.1, within_margin=True)
        assert (found.score_tolerance, found.objective_tolerance, found.equal) == (None, None, True)


def test_an_objective_that_a_model_cannot_tell_is_not_shown_equal(make) -> None:
    models = {"a": Fitted(None), "b": Fitted(0.4)}
    found = checked(result("a"), result("b"), make, models=models, train=Matrix())
    assert (found.objective_gap, found.equal) == (None, False)


def test_other_rows_are_refused(make) -> None:
    with pytest.raises(ComparisonError, match="other rows: 400 and 300 keys, 300 in common"):
        max_score_difference(make(400), make(300))


def test_pairs_are_those_that_should_agree() -> None:
    results = [
        result("sklearn"),
        result("xgboost", "xgboost"),
        result("mllib"),
        result("mllib-trees", None),
        result("broken", "xgboost", "failed"),
        result("job", "xgboost"),
        result("softmax", "softmax"),
    ]
    assert equivalence_pairs(results) == [("mllib", "sklearn"), ("job", "xgboost")]
