"""Forests, single trees and LightGBM beside the libraries themselves."""

import builtins
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sparring.comparison.capacity import capacity_gaps
from sparring.config.schema import RunConfig
from sparring.data.matrix import PreparedMatrix
from sparring.errors import ConfigError, MissingDependencyError
from sparring.models import TreesModel
from sparring.training.registry import trainer_class
from sparring.training.single_node import cells_of_matrix

TASKS = ["binary", "multiclass", "regression"]
SKLEARN: dict[tuple[str, bool], Any] = {
    ("random_forest", True): RandomForestClassifier,
    ("random_forest", False): RandomForestRegressor,
    ("decision_tree", True): DecisionTreeClassifier,
    ("decision_tree", False): DecisionTreeRegressor,
}


def loss(task: str, labels: np.ndarray, scores: np.ndarray) -> float:
    return float(mean_squared_error(labels, scores) if task == "regression" else log_loss(labels, scores))


@pytest.mark.parametrize("family", ["random_forest", "decision_tree"])
@pytest.mark.parametrize("task", TASKS)
def test_trees_as_arrays_score_as_scikit_learn_does(
    trained: Callable, matrices: dict[str, PreparedMatrix], task: str, family: str
) -> None:
    given = {"maxDepth": 6, "minInstancesPerNode": 3}
    result = trained(task, "single_node", family, **given, **({"numTrees": 7} if family == "random_forest" else {}))
    subset = {"n_estimators": 7, "max_features": 1 / 3 if task == "regression" else "sqrt"}
    own = SKLEARN[family, task != "regression"](
        max_depth=6, min_samples_leaf=3, random_state=result["seed"], **(subset if family == "random_forest" else {})
    )
    train, test = matrices[task].read("train"), matrices[task].read("test")
    own.fit(train.features.toarray(), train.labels, sample_weight=train.weights)
    rows = test.features.toarray()
    if task == "regression":
        expected = own.predict(rows)
    else:
        expected = own.predict_proba(rows)
        expected = expected[:, 1] if task == "binary" else expected
    np.testing.assert_allclose(result["scores"], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("family", ["random_forest", "decision_tree"])
@pytest.mark.parametrize("task", TASKS)
def test_both_engines_take_one_specification_and_are_as_good(
    trained: Callable, spark: SparkSession, task: str, family: str
) -> None:
    given = {"maxDepth": 3, "minInstancesPerNode": 30, **({"numTrees": 50} if family == "random_forest" else {})}
    one, other = (trained(task, engine, family, **given) for engine in ("spark", "single_node"))
    assert capacity_gaps(one, other) == []
    losses = [loss(task, result["labels"], result["scores"]) for result in (one, other)]
    # Splits are among other bounds, and features and rows drawn otherwise: as good, not the same.
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    knows_nothing = np.full_like(one["scores"], one["scores"].mean(axis=0))
    assert max(losses) < loss(task, one["labels"], knows_nothing)


@pytest.mark.parametrize("engine", ["spark", "single_node"])
@pytest.mark.parametrize(
    ("family", "wrong", "words"),
    [
        ("random_forest", {"n_estimators": 5}, "called numTrees here"),
        ("decision_tree", {"max_depth": 5}, "called maxDepth here"),
        ("random_forest", {"maxDepth": 31}, r"in \[1, 30\]"),
        ("random_forest", {"featureSubsetStrategy": "some"}, "one of auto, all, sqrt, log2, onethird"),
        ("decision_tree", {"numTrees": 5}, "unknown hyperparameter 'numTrees'"),
    ],
)
def test_what_a_forest_does_not_take_is_refused_by_name(
    engine: str, family: str, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        trainer_class(engine, None, family)(wrong, "x")


def test_what_scikit_learn_cannot_honour_is_refused() -> None:
    trainer_class("spark", None, "random_forest")({"maxBins": 64}, "x")
    with pytest.raises(ConfigError, match="unknown hyperparameter 'maxBins'"):
        trainer_class("single_node", None, "random_forest")({"maxBins": 64}, "x")


@pytest.mark.parametrize("share", ["auto", "all", "sqrt", "log2", "onethird"])
def test_every_strategy_and_a_sample_of_the_rows_are_taken(trained: Callable, share: str) -> None:
    given = {"numTrees": 3, "maxDepth": 3, "subsamplingRate": 0.5, "featureSubsetStrategy": share}
    assert trained("binary", "single_node", "random_forest", **given)["status"] == "ok"


@pytest.mark.parametrize("task", TASKS)
def test_lightgbm_is_lightgbm(trained: Callable, matrices: dict[str, PreparedMatrix], task: str) -> None:
    given = {"num_iterations": 12, "num_leaves": 7, "learning_rate": 0.2, "bagging_fraction": 0.7}
    result = trained(task, "single_node", "gradient_boosted_trees", "lightgbm", **given)
    train, test = matrices[task].read("train"), matrices[task].read("test")
    native = {"num_leaves": 7, "learning_rate": 0.2, "bagging_fraction": 0.7, "bagging_freq": 1, "objective": task}
    native |= {"num_class": 3} if task == "multiclass" else {}
    native |= {"seed": result["seed"], "deterministic": True, "force_row_wise": True, "verbosity": -1}
    rows = lightgbm.Dataset(train.features, train.labels, weight=train.weights)
    own = lightgbm.train(native, rows, 12)
    np.testing.assert_allclose(result["scores"], own.predict(test.features), rtol=1e-9, atol=1e-12)
    assert result["capacity"]["rounds"] == 12
    again = trained(task, "single_node", "gradient_boosted_trees", "lightgbm", **given)
    np.testing.assert_array_equal(again["scores"], result["scores"])


def test_lightgbm_stops_early_on_validation(trained: Callable) -> None:
    given = {"num_iterations": 300, "learning_rate": 0.5, "early_stopping_round": 3}
    result = trained("binary", "single_node", "gradient_boosted_trees", "lightgbm", **given)
    assert 1 <= result["capacity"]["rounds"] < 300
    assert result["capacity"]["early_stopping"]


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_shares_of_very_many_trees_are_probabilities(trained: Callable, task: str) -> None:
    scores = trained(task, "single_node", "random_forest", numTrees=99, maxDepth=20)["scores"]
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_no_rows_have_no_scores(trained: Callable, matrices: dict[str, PreparedMatrix]) -> None:
    for task, shape in (("binary", (0,)), ("multiclass", (0, 3))):
        for library, family in (("sklearn", "random_forest"), ("lightgbm", "gradient_boosted_trees")):
            given = {"numTrees": 2} if library == "sklearn" else {"num_iterations": 2}
            result = trained(task, "single_node", family, library, **given)
            model = trainer_class("single_node", library, family).load_model(result["spec"].model)
            assert model.scores(cells_of_matrix(matrices[task].read("test").features[:0])).shape == shape


def test_a_leaf_is_a_model(trained: Callable, spark: SparkSession) -> None:
    for engine in ("spark", "single_node"):
        result = trained("multiclass", engine, "decision_tree", minWeightFractionPerNode=0.499, maxDepth=1)
        model = trainer_class(engine, None, "decision_tree").load_model(result["spec"].model)
        assert isinstance(model, TreesModel)
        assert model.depth <= 1
        np.testing.assert_allclose(result["scores"].sum(axis=1), 1)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (ImportError("No module named 'lightgbm'"), r"pip install 'sparring\[lightgbm\]'"),
        (OSError("libgomp.so.1: cannot open shared object file"), "apt-get install libgomp1"),
    ],
    ids=["not installed", "no OpenMP"],
)
def test_what_lightgbm_lacks_is_told_before_work(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, words: str
) -> None:
    known = builtins.__import__

    def importing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "lightgbm":
            raise problem
        return known(name, *rest, **more)

    trainer = trainer_class("single_node", "lightgbm", "gradient_boosted_trees")({"num_iterations": 1}, "x")
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", importing)
        with pytest.raises(MissingDependencyError, match=words):
            trainer.check_environment(RunConfig.model_construct())


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_boosted_trees_as_arrays_score_as_scikit_learn_does(
    trained: Callable, matrices: dict[str, PreparedMatrix], task: str, stops: bool
) -> None:
    most = 300 if stops else 40
    given = {"max_iter": most, "max_leaf_nodes": 8, "min_samples_leaf": 5} | ({"n_iter_no_change": 3} if stops else {})
    result = trained(task, "single_node", "gradient_boosted_trees", "sklearn", **given)
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    own = kind(**given, random_state=result["seed"], early_stopping=stops)
    train, held, test = (matrices[task].read(part) for part in ("train", "validation", "test"))
    validation = {"X_val": held.features.toarray(), "y_val": held.labels, "sample_weight_val": held.weights}
    own.fit(train.features.toarray(), train.labels, sample_weight=train.weights, **(validation if stops else {}))
    expected = own.predict(test.features.toarray())
    if task != "regression":
        expected = own.predict_proba(test.features.toarray())
        expected = expected[:, 1] if task == "binary" else expected
    np.testing.assert_allclose(result["scores"], expected, rtol=1e-12, atol=1e-12)
    assert result["capacity"]["rounds"] == own.n_iter_
    assert (own.n_iter_ < most) == stops
