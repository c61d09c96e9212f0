"""Hyperparameters are checked before work, and mean the same to every trainer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import xgboost
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from sparring.errors import ConfigError
from sparring.training.linear_parameters import LinearParameters
from sparring.training.mllib_gbt import MllibTrees
from sparring.training.parameters import parameters_of
from sparring.training.single_node import FitSettings, cells_of_matrix
from sparring.training.sklearn_logistic import SklearnLogistic
from sparring.training.xgboost_parameters import XGBoostParameters


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"C": 1.0}, "regParam = 1 / (C * sum of weights)"),
        ({"regparam": 1.0}, "did you mean 'regParam'"),
        ({"regParam": -0.1}, "regParam must be a number >= 0, got -0.1"),
        ({"regParam": "0.1"}, "regParam must be a number >= 0, got '0.1'"),
        ({"regParam": True}, "regParam must be a number >= 0, got True"),
        ({"elasticNetParam": 1.5}, "elasticNetParam must be a number in [0, 1], got 1.5"),
        ({"maxIter": 2.5}, "maxIter must be a whole number >= 1, got 2.5"),
        ({"tol": 0}, "tol must be a number > 0, got 0"),
    ],
)
def test_logistic_mistakes_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){re.escape(message)}"):
        LinearParameters.of(given, "logistic_regression", "contenders.one")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "num_round is missing"),
        ({"num_round": 0}, "num_round must be a whole number >= 1, got 0"),
        ({"num_round": 5, "learning_rate": 0.1}, "It is called eta here"),
        ({"num_round": 5, "stepSize": 0.1}, "It is called eta here"),
        ({"num_round": 5, "n_estimators": 9}, "It is called num_round here"),
        ({"num_round": 5, "lambda_l2": 9}, "It is called lambda here"),
        ({"num_round": 5, "max_dept": 3}, "did you mean 'max_depth'"),
        ({"num_round": 5, "objective": "reg:squarederror"}, "objective is set by Sparring"),
        ({"num_round": 5, "subsample": 0}, "subsample must be a number in (0, 1], got 0"),
        ({"num_round": 5, "max_depth": 3.0}, "max_depth must be a whole number in [0, 64], got 3.0"),
        ({"num_round": 5, "tree_method": "gpu"}, "one of hist, approx, exact"),
    ],
)
def test_xgboost_mistakes_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){re.escape(message)}"):
        XGBoostParameters.of(given, "contenders.two")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"maxDepht": 3}, "did you mean 'maxDepth'"),
        ({"maxDepth": "deep"}, "maxDepth must be a whole number"),
        ({"max_depth": 3}, "It is called maxDepth here"),
        ({"num_round": 3}, "It is called maxIter here"),
    ],
)
def test_mllib_mistakes_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){re.escape(message)}"):
        MllibTrees(given, "contenders.three")


def test_the_defaults_we_report_are_those_of_the_library() -> None:
    """Train with none given, and read back what XGBoost says it used."""
    matrix = xgboost.DMatrix(np.arange(20.0).reshape(10, 2), label=np.arange(10) % 2)
    config = xgboost.train({"objective": "binary:logistic"}, matrix, 1).save_config()
    checked = set()
    for name, allowed in parameters_of("xgboost", "gradient_boosted_trees").items():
        said = re.findall(rf'"{name}":"([^"]*)"', config)
        default = allowed.defaults.get("xgboost")
        if said and default is not None and allowed.kind is not str:
            assert any(float(value) == pytest.approx(default) for value in said), name
            checked.add(name)
    assert checked >= {"eta", "max_depth", "subsample", "min_child_weight", "max_bin"}


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(400, 4)).astype(np.float32)
    labels = (features[:, 0] - features[:, 1] + rng.logistic(size=400) > 0).astype(float)
    return features, labels, rng.uniform(0.5, 2, 400)


@pytest.mark.parametrize("strength", [0.0, 0.01, 1.0])
def test_logistic_regression_minimises_mllibs_objective(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], strength: float
) -> None:
    """Independent reference: the documented objective handed to scipy's minimiser."""
    features, labels, weights = rows
    inputs, signs = features.astype(np.float64), 2 * labels - 1

    def objective(beta: np.ndarray) -> float:
        margins = signs * (inputs @ beta[1:] + beta[0])
        return float(weights @ np.logaddexp(0, -margins) / weights.sum() + strength / 2 * beta[1:] @ beta[1:])

    best = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    found = SklearnLogistic({"regParam": strength}, "test").fit_rows(
        csr_matrix(features), labels, weights, FitSettings()
    )
    fitted = np.array([*found.intercept, *found.coefficients[0]])
    np.testing.assert_allclose(fitted, best, atol=2e-6)
    assert objective(fitted) <= objective(best) + 1e-12


def test_lasso_sets_coefficients_to_zero_and_obeys_its_optimality_conditions(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    features, labels, weights = rows
    strength = 0.1
    parameters = {"regParam": strength, "elasticNetParam": 1.0}
    found = SklearnLogistic(parameters, "test").fit_rows(csr_matrix(features), labels, weights, FitSettings())
    residuals = weights * (found.scores(cells_of_matrix(csr_matrix(features))) - labels) / weights.sum()
    gradient = features.astype(np.float64).T @ residuals
    coefficients = found.coefficients[0]
    zero = coefficients == 0
    assert zero.any()
    assert not zero.all()
    assert (np.abs(gradient[zero]) <= strength + 1e-6).all()
    np.testing.assert_allclose(gradient[~zero], -strength * np.sign(coefficients[~zero]), atol=1e-5)
