"""The parity proof against a scikit-learn fit whose objective is known, and its refusals."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from sparring.errors import ComparisonError
from sparring.evaluation import LinearModel, max_probability_difference, objective, parity_pairs, prove
from sparring.io import storage


@dataclass
class Matrix:
    features: csr_matrix
    labels: np.ndarray
    weights: np.ndarray


@pytest.fixture(scope="module")
def train() -> Matrix:
    random = np.random.default_rng(0)
    features = random.normal(size=(500, 6)) * (random.uniform(size=(500, 6)) < 0.5)
    labels = (features @ random.normal(size=6) + random.normal(size=500) > 0).astype(float)
    return Matrix(csr_matrix(features.astype(np.float32)), labels, random.uniform(0.5, 2, 500))


def fit(train: Matrix, lam: float = 0.01) -> LinearModel:
    model = LogisticRegression(C=1 / (lam * train.weights.sum()), tol=1e-10, max_iter=1000)
    model.fit(train.features.astype(np.float64), train.labels, train.weights)
    return LinearModel(float(model.intercept_[0]), model.coef_[0], lam, 0.0)


def test_the_fit_minimises_our_objective(train: Matrix) -> None:
    best = fit(train)
    lowest = objective(train.features, train.labels, train.weights, best)
    for step in (1e-3, -1e-3):
        for i in range(6):
            moved = replace(best, coefficients=best.coefficients + step * np.eye(6)[i])
            assert objective(train.features, train.labels, train.weights, moved) > lowest
        assert (
            objective(train.features, train.labels, train.weights, replace(best, intercept=best.intercept + step))
            > lowest
        )


def test_objective_has_the_textbook_gradient(train: Matrix) -> None:
    dense = train.features.toarray().astype(np.float64)

    def value(w: np.ndarray) -> float:
        return objective(dense, train.labels, train.weights, LinearModel(w[0], w[1:], 0.1, 0.0))

    def gradient(w: np.ndarray) -> np.ndarray:
        residual = train.weights * (1 / (1 + np.exp(-(dense @ w[1:] + w[0]))) - train.labels) / train.weights.sum()
        return np.append(residual.sum(), dense.T @ residual + 0.1 * w[1:])

    assert check_grad(value, gradient, np.linspace(-1, 1, 7)) < 1e-6


def test_l1_share_and_extreme_margins_are_exact() -> None:
    model = LinearModel(0.0, np.array([800.0, -2.0]), 0.5, 0.25)
    found = objective(np.array([[1.0, 0.0]]), np.array([0.0]), np.ones(1), model)
    assert found == pytest.approx(800 + 0.5 * (0.375 * (800**2 + 4) + 0.25 * 802), rel=1e-15)


def test_proof_of_two_logistic_regressions(train: Matrix, make) -> None:
    left, right = make(seed=4), make(seed=4)
    right = replace(right, scores=np.clip(right.scores + 1e-7, 0, 1))
    best = fit(train)
    near = replace(best, coefficients=best.coefficients + 1e-7)
    found = prove(
        "mllib",
        "sklearn",
        "logistic_regression",
        {"mllib": left, "sklearn": right},
        {"mllib": near, "sklearn": best},
        train,
    )
    assert found.same_objective
    assert 0 <= found.objective_gap < 1e-9
    assert found.equal
    assert found.max_probability_difference == pytest.approx(1e-7, rel=1e-6)


def test_other_penalties_are_not_compared(train: Matrix, make) -> None:
    test = make(seed=4)
    models = {"a": fit(train), "b": fit(train, 0.02)}
    found = prove("a", "b", "logistic_regression", {"a": test, "b": test}, models, train)
    assert found.same_objective is False
    assert found.objective_gap is None
    assert not found.equal


def test_trees_have_no_objective_gap(make) -> None:
    test = make(seed=4)
    found = prove("a", "b", "gradient_boosted_trees", {"a": test, "b": test}).to_dict()
    assert found["objective_gap"] is None
    assert found["max_probability_difference"] == 0.0
    assert found["equal"]


def test_other_rows_are_refused(make) -> None:
    with pytest.raises(ComparisonError, match="other rows: 400 and 300 keys, 300 in common"):
        max_probability_difference(make(400), make(300))


def test_pairs_are_those_that_should_agree() -> None:
    def result(name: str, engine: str, family: str, status: str = "ok") -> dict:
        return {"name": name, "engine": engine, "family": family, "status": status}

    trees, linear = "gradient_boosted_trees", "logistic_regression"
    results = [
        result("mllib-logistic", "spark", linear),
        result("mllib-trees", "spark", trees),
        result("sklearn", "single_node", linear),
        result("sagemaker-xgboost", "sagemaker", trees),
        result("xgboost", "single_node", trees),
        result("broken", "single_node", linear, "failed"),
    ]
    assert parity_pairs(results) == [
        ("mllib-logistic", "sklearn", linear),
        ("sagemaker-xgboost", "xgboost", trees),
    ]


def test_reads_what_a_trainer_wrote(tmp_path: Path) -> None:
    path = str(tmp_path / "coefficients.json")
    storage.write_json(path, {"intercept": -1, "coefficients": [0.5, 2], "regParam": 0.1, "elasticNetParam": 0})
    found = LinearModel.read(path)
    assert (found.intercept, found.coefficients.tolist(), found.reg_param) == (-1.0, [0.5, 2.0], 0.1)
