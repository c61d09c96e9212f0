"""Every trainer: what it takes, what it makes for each task, and that equal ones make equal models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from pyspark.sql import SparkSession
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from sparring.data.matrix import PreparedMatrix
from sparring.errors import ConfigError
from sparring.training.registry import TRAINERS, trainer_class
from sparring.training.single_node import cells_of_matrix

LINEAR = {"binary": "logistic_regression", "multiclass": "logistic_regression", "regression": "linear_regression"}
TREES = "gradient_boosted_trees"
COUNTS = ("poisson_regression", "gamma_regression")
TASKS = ["binary", "multiclass", "regression"]
GIVEN: dict[tuple[str, str], dict[str, Any]] = {
    ("xgboost", TREES): {"num_round": 3},
    ("lightgbm", TREES): {"num_iterations": 3},
    ("sklearn", TREES): {"max_iter": 3},
}
# Families that take no hyperparameters.
WITHOUT = ("naive_bayes",)
LOCAL = [place for place in TRAINERS if place[0] != "sagemaker"]


def given(place: tuple[str, str, str]) -> dict[str, Any]:
    """The fewest hyperparameters that a trainer takes."""
    return dict(GIVEN.get(place[1:], {}))


def test_of_sums_to_a_score(trained: Callable, spark: SparkSession) -> None:
    """The rows can be learnt: each task's models are far better than chance."""
    binary = trained("binary", "single_node", "logistic_regression", regParam=0.001)
    assert roc_auc_score(binary["labels"], binary["scores"]) > 0.7
    several = trained("multiclass", "single_node", TREES, num_round=20)
    assert roc_auc_score(several["labels"], several["scores"], multi_class="ovr") > 0.7
    number = trained("regression", "single_node", TREES, num_round=20)
    assert r2_score(number["labels"], number["scores"]) > 0.3


@pytest.mark.parametrize("place", TRAINERS, ids="-".join)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"nonsense": 1}, "unknown hyperparameter 'nonsense'"),
        ({"seed": 1}, "seed is set by Sparring"),
        ({"objective": "x"}, "objective is set by Sparring"),
    ],
)
def test_what_no_trainer_knows_is_refused_by_name(place: tuple, wrong: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        trainer_class(*place)({**given(place), **wrong}, "contenders.one")


@pytest.mark.parametrize("place", TRAINERS, ids="-".join)
def test_every_hyperparameter_has_a_type_and_a_range(place: tuple) -> None:
    trainer = trainer_class(*place)
    known = [name for name, value in trainer(given(place), "x").effective().items() if name != "num_workers"]
    assert bool(known) != (place[2] in WITHOUT)
    for name in known:
        for wrong in (None, True, [], {}, float("nan")):
            with pytest.raises(ConfigError, match=f"contenders.one: {name} must be"):
                trainer({**given(place), name: wrong}, "contenders.one")


@pytest.mark.parametrize("place", LOCAL, ids="-".join)
@pytest.mark.parametrize("task", TASKS)
def test_a_trainer_makes_scores_of_its_tasks_and_they_are_its_models(
    trained: Callable, matrices: dict[str, PreparedMatrix], spark: SparkSession, place: tuple, task: str
) -> None:
    engine, library, family = place
    kind = trainer_class(*place)
    if task not in kind.tasks:
        pytest.skip(f"{kind.title} does not train {task}")
    rows = "counts" if family in COUNTS else task
    result = trained(rows, engine, family, library, **given(place))
    assert (result["library"], result["family"], result["task"]) == (library, family, task)
    scores = result["scores"]
    assert scores.shape == ((250, 3) if task == "multiclass" else (250,))
    if task != "regression":
        assert ((scores >= 0) & (scores <= 1)).all()
    if task == "multiclass":
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    model = kind.load_model(result["spec"].model)
    again = model.scores(cells_of_matrix(matrices[rows].read("test").features))
    np.testing.assert_allclose(again, scores, rtol=1e-6, atol=1e-9)
    assert type(model).from_bytes(model.to_bytes()).scores(
        cells_of_matrix(matrices[rows].read("test").features)
    ) == pytest.approx(again)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("penalty", [(0.0, 0.0), (0.01, 0.0), (0.02, 0.5), (0.02, 1.0)], ids=str)
def test_mllib_and_scikit_learn_minimise_one_function(
    trained: Callable, matrices: dict[str, PreparedMatrix], spark: SparkSession, task: str, penalty: tuple
) -> None:
    settings = {"regParam": penalty[0], "elasticNetParam": penalty[1]}
    results = [trained(task, engine, LINEAR[task], **settings) for engine in ("spark", "single_node")]
    train = matrices[task].read("train")
    models = [trainer_class(r["engine"], r["library"], r["family"]).load_model(r["spec"].model) for r in results]
    values = [model.objective(train.features, train.labels, train.weights) for model in models]
    spread = 1.0 if task != "regression" else results[0]["scores"].std()
    assert values[0] == pytest.approx(values[1], abs=1e-9 * max(1.0, spread**2))
    assert np.abs(results[0]["scores"] - results[1]["scores"]).max() <= 1e-5 * spread
    assert results[0]["equivalence"] == results[1]["equivalence"]


@pytest.mark.parametrize("family", COUNTS)
@pytest.mark.parametrize("penalty", [0.0, 0.01, 0.5])
def test_generalized_regressions_minimise_one_function(
    trained: Callable, matrices: dict[str, PreparedMatrix], spark: SparkSession, family: str, penalty: float
) -> None:
    results = [trained("counts", engine, family, regParam=penalty) for engine in ("spark", "single_node")]
    train = matrices["counts"].read("train")
    models = [trainer_class(r["engine"], r["library"], family).load_model(r["spec"].model) for r in results]
    values = [model.objective(train.features, train.labels, train.weights) for model in models]
    assert values[0] == pytest.approx(values[1], abs=1e-9)
    spread = results[0]["scores"].std()
    assert np.abs(results[0]["scores"] - results[1]["scores"]).max() <= 1e-5 * max(spread, 1.0)
    assert results[0]["equivalence"] == results[1]["equivalence"]
    # Of the function itself no other point is lower: its gradient is nothing.
    model, rows = models[1], train.features.toarray().astype(float)
    means = np.exp(rows @ model.coefficients[0] + model.intercept[0])
    slopes = means - train.labels if family == COUNTS[0] else 1 - train.labels / means
    gradient = rows.T @ slopes / len(rows) + penalty * model.coefficients[0]
    assert np.abs(gradient).max() < 1e-6


@pytest.mark.parametrize("engine", ["spark", "single_node"])
@pytest.mark.parametrize(("family", "wanted"), zip(COUNTS, ["of 0 or more", "above 0"], strict=True))
def test_a_label_that_a_distribution_does_not_have_is_told(
    trained: Callable, spark: SparkSession, engine: str, family: str, wanted: str
) -> None:
    with pytest.raises(AssertionError, match=f"takes labels {wanted}, and train holds -"):
        trained("regression", engine, family)


def test_the_objective_of_several_classes_is_scikit_learns_log_loss(
    trained: Callable, matrices: dict[str, PreparedMatrix]
) -> None:
    result = trained("multiclass", "single_node", "logistic_regression", regParam=0.01)
    model = trainer_class("single_node", "sklearn", "logistic_regression").load_model(result["spec"].model)
    train = matrices["multiclass"].read("train")
    loss = log_loss(train.labels, model.scores(cells_of_matrix(train.features)))
    expected = loss + 0.01 / 2 * (model.coefficients**2).sum()
    assert model.objective(train.features, train.labels, train.weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("stopping", [{}, {"early_stopping_rounds": 3, "eta": 0.5}], ids=["whole", "stopped"])
def test_one_worker_on_spark_is_one_machine(
    trained: Callable, spark: SparkSession, task: str, stopping: dict[str, Any]
) -> None:
    settings = {"num_round": 30, "max_depth": 3, **stopping}
    alone = trained(task, "single_node", TREES, cores=1, **settings)
    spread = trained(task, "spark", TREES, "xgboost", num_workers=1, **settings)
    assert np.abs(alone["scores"] - spread["scores"]).max() <= 1e-6 * max(1.0, alone["scores"].std())
    assert alone["capacity"] == spread["capacity"]
    assert alone["equivalence"] == spread["equivalence"]
    boosters = [(Path(r["spec"].model) / "model.ubj").read_bytes() for r in (alone, spread)]
    assert (
        xgboost.Booster(model_file=bytearray(boosters[0])).get_dump()
        == xgboost.Booster(model_file=bytearray(boosters[1])).get_dump()
    )


@pytest.mark.parametrize("task", TASKS)
def test_several_workers_make_a_model_as_good_and_the_same_twice(
    trained: Callable, matrices: dict[str, PreparedMatrix], spark: SparkSession, task: str
) -> None:
    settings = {"num_round": 30, "max_depth": 3, "early_stopping_rounds": 10}
    first, second = (trained(task, "spark", TREES, "xgboost", num_workers=2, **settings) for _ in range(2))
    np.testing.assert_array_equal(first["scores"], second["scores"])
    assert first["equivalence"]["score_tolerance"] is None
    alone = trained(task, "single_node", TREES, cores=1, **settings)

    def worth(result: dict) -> float:
        if task == "regression":
            return r2_score(result["labels"], result["scores"])
        return roc_auc_score(result["labels"], result["scores"], multi_class="ovr")

    assert worth(first) == pytest.approx(worth(alone), abs=0.03)
    summary = pd.read_json(Path(first["spec"].model) / "training_summary.json")
    assert {"train", "validation"} <= set(summary.columns)


def test_absent_cells_are_missing_on_spark_and_zeros_are_zeros(
    trained: Callable, matrices: dict[str, PreparedMatrix], spark: SparkSession
) -> None:
    """Were absent cells zeros, as in xgboost.spark with sparse vectors, the model would be another."""
    found = trained("binary", "spark", TREES, "xgboost", num_workers=1, num_round=5)
    train = matrices["binary"].read("train")
    test = matrices["binary"].read("test")
    native = {"objective": "binary:logistic", "seed": 3, "nthread": 1}

    def reference(absent_is_zero: bool) -> np.ndarray:
        rows, others = (part.features.toarray() if absent_is_zero else part.features for part in (train, test))
        booster = xgboost.train(native, xgboost.DMatrix(rows, train.labels), 5)
        return booster.predict(xgboost.DMatrix(others))

    np.testing.assert_allclose(found["scores"], reference(False), atol=1e-6)
    assert np.abs(found["scores"] - reference(True)).max() > 1e-3


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_a_whole_number(workers: Any) -> None:
    with pytest.raises(ConfigError, match="num_workers must be a whole number >= 1"):
        trainer_class("spark", "xgboost", TREES)({"num_round": 1, "num_workers": workers}, "x")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("cluster", None, TREES), "'cluster' is no engine; they are spark, single_node, sagemaker"),
        (("spark", None, "forest"), "engine spark trains"),
        (("sagemaker", None, "logistic_regression"), "engine sagemaker trains gradient_boosted_trees"),
        (
            ("single_node", "mllib", TREES),
            "'mllib' does not train gradient_boosted_trees on single_node; xgboost, lightgbm, sklearn can",
        ),
        (("single_node", "custom", "nowhere.Model"), "cannot be imported"),
        (("single_node", "custom", "builtins.dict"), "does not follow scikit-learn"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(place: tuple, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        trainer_class(*place)


@pytest.mark.parametrize(
    ("task", "dotted", "hyperparameters"),
    [
        ("binary", "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 20}),
        ("multiclass", "sklearn.neighbors.KNeighborsClassifier", {"n_neighbors": 9}),
        ("multiclass", "sklearn.naive_bayes.GaussianNB", {}),
        ("regression", "sklearn.ensemble.HistGradientBoostingRegressor", {"max_iter": 20}),
    ],
)
def test_any_class_that_follows_scikit_learn_is_a_trainer(
    trained: Callable, monkeypatch: pytest.MonkeyPatch, task: str, dotted: str, hyperparameters: dict
) -> None:
    result = trained(task, "single_node", dotted, "custom", **hyperparameters)
    assert result["title"] == f"{dotted.rpartition('.')[2]} on one machine"
    assert result["versions"].keys() == {"scikit-learn"}
    assert result["hyperparameters"].items() >= hyperparameters.items()
    if task == "regression":
        assert r2_score(result["labels"], result["scores"]) > 0
    else:
        assert roc_auc_score(result["labels"], result["scores"], multi_class="ovr") > 0.55
    kind = trainer_class("single_node", "custom", dotted)
    with pytest.raises(Exception, match="SPARRING_TRUST_CUSTOM=1"):
        kind.load_model(result["spec"].model)
    monkeypatch.setenv("SPARRING_TRUST_CUSTOM", "1")
    assert kind.load_model(result["spec"].model).width == 20


def test_a_custom_class_refuses_what_it_does_not_take() -> None:
    kind = trainer_class("single_node", "custom", "sklearn.ensemble.RandomForestClassifier")
    with pytest.raises(ConfigError, match=r"takes no 'n_estimator'.*Did you mean 'n_estimators'"):
        kind({"n_estimator": 3}, "contenders.one")
