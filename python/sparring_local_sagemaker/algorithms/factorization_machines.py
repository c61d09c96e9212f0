"""Stand-in of Factorization Machines: the same model, trained by Adam in NumPy on one machine.

A row's score is b + <w, x> + sum over f of ((<v_f, x>)^2 - <v_f^2, x^2>) / 2.

Sources: Rendle, "Factorization Machines", 2010; Amazon SageMaker developer guide, "Factorization Machines
Hyperparameters" (the contract); Kingma and Ba, "Adam", 2015.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit

from sparring.wire import Answers, Rows
from sparring.wire.rows import Features
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Hyperparameter
from sparring_local_sagemaker.algorithms.losses import logistic, squared
from sparring_local_sagemaker.algorithms.quality import binary_quality, regression_quality
from sparring_local_sagemaker.algorithms.stand_in import Algorithm, Quality, State, main

WHOLE, FREE = "[1, inf)", "[0, inf)"
DECAY_1, DECAY_2 = 0.9, 0.999
PARTS = ("bias", "linear", "factors")


def _part(name: str, rate: float, decay: float, sigma: float) -> dict[str, Hyperparameter]:
    """Return the hyperparameters of one part of the model."""
    return {
        f"{name}_lr": Hyperparameter(float, FREE, rate),
        f"{name}_wd": Hyperparameter(float, FREE, decay),
        f"{name}_init_method": Hyperparameter(str, ("uniform", "normal", "constant"), "normal"),
        f"{name}_init_scale": Hyperparameter(float, FREE),
        f"{name}_init_sigma": Hyperparameter(float, FREE, sigma),
        f"{name}_init_value": Hyperparameter(float),
    }


TABLE = {
    "feature_dim": Hyperparameter(int, WHOLE, required=True),
    "num_factors": Hyperparameter(int, WHOLE, required=True),
    "predictor_type": Hyperparameter(str, ("binary_classifier", "regressor"), required=True),
    "mini_batch_size": Hyperparameter(int, WHOLE, 1_000),
    "epochs": Hyperparameter(int, WHOLE, 1),
    "clip_gradient": Hyperparameter(float),
    "eps": Hyperparameter(float, default=1e-8),
    "rescale_grad": Hyperparameter(float),
    **_part("bias", 0.1, 0.01, 0.01),
    **_part("linear", 0.001, 0.001, 0.01),
    **_part("factors", 0.0001, 0.00001, 0.001),
}


def fit(parameters: dict[str, Any], train: Rows, _others: dict[str, Rows]) -> State:
    """Return bias, linear weights and factors."""
    labels = train.labels
    assert labels is not None
    if parameters["predictor_type"] == "binary_classifier" and not np.isin(labels, (0, 1)).all():
        raise ClientError(f"labels of a binary_classifier must be 0 or 1, got {labels.min():g} to {labels.max():g}")
    rng = np.random.default_rng(0)
    features = train.features.astype(np.float64)
    shapes = {"bias": (1,), "linear": (train.width,), "factors": (train.width, parameters["num_factors"])}
    state = {name: _initial(rng, name, shapes[name], parameters) for name in PARTS}
    moments = {name: (np.zeros(shapes[name]), np.zeros(shapes[name])) for name in PARTS}
    for step, batch in enumerate(_batches(rng, train.count, parameters), start=1):
        _, slopes = loss_and_slopes(state, features[batch], labels[batch], parameters)
        for name in PARTS:
            _adam(state, moments, name, slopes[name], step, parameters)
    return state


def linear(state: State, features: Features) -> np.ndarray:
    """Return each row's score before any link, shape (n,)."""
    crossed = features @ state["factors"]
    alone = _squared(features) @ state["factors"] ** 2
    return np.asarray(state["bias"] + features @ state["linear"] + (crossed**2 - alone).sum(axis=1) / 2)


def loss_and_slopes(
    state: State, features: Features, labels: np.ndarray, parameters: dict[str, Any]
) -> tuple[float, State]:
    """Return the mean loss of some rows and its derivative by each part of the model."""
    loss = logistic if parameters["predictor_type"] == "binary_classifier" else squared
    value, slope = loss(linear(state, features), labels, parameters)
    slope = slope / len(labels)
    crossed = features @ state["factors"]
    by_factors = features.T @ (crossed * slope[:, None]) - (_squared(features).T @ slope)[:, None] * state["factors"]
    return float(value.mean()), {
        "bias": slope.sum(keepdims=True),
        "linear": np.asarray(features.T @ slope),
        "factors": np.asarray(by_factors),
    }


def answer(state: State, parameters: dict[str, Any], features: Features) -> Answers:
    """Return scores, and labels of a classifier."""
    score = linear(state, features)
    if parameters["predictor_type"] == "regressor":
        return {"score": score}
    return {"score": expit(score), "predicted_label": (score > 0).astype(np.float64)}


def quality(state: State, parameters: dict[str, Any], rows: Rows) -> Quality:
    """Return the metrics of the predictor's kind."""
    assert rows.labels is not None
    answers = answer(state, parameters, rows.features)
    if parameters["predictor_type"] == "regressor":
        return regression_quality(answers["score"], rows.labels)
    entropy = float(logistic(linear(state, rows.features), rows.labels, parameters)[0].mean())
    found = binary_quality(answers, rows.labels, parameters)
    return {"binary_classification_cross_entropy": (entropy, False), **found}


def _squared(features: Features) -> Features:
    return features.multiply(features).tocsr() if isinstance(features, csr_matrix) else features**2


def _initial(rng: np.random.Generator, name: str, shape: tuple[int, ...], parameters: dict[str, Any]) -> np.ndarray:
    method = parameters[f"{name}_init_method"]
    needed = {"uniform": "scale", "normal": "sigma", "constant": "value"}[method]
    size = parameters.get(f"{name}_init_{needed}")
    if size is None:
        raise ClientError(f"{name}_init_method {method} needs {name}_init_{needed}")
    if method == "constant":
        return np.full(shape, size)
    return rng.uniform(-size, size, shape) if method == "uniform" else rng.normal(0, size, shape)


def _batches(rng: np.random.Generator, count: int, parameters: dict[str, Any]) -> Iterator[np.ndarray]:
    size = parameters["mini_batch_size"]
    for _ in range(parameters["epochs"]):
        order = rng.permutation(count)
        for start in range(0, count, size):
            yield order[start : start + size]


def _adam(
    state: State,
    moments: dict[str, tuple[np.ndarray, np.ndarray]],
    name: str,
    slope: np.ndarray,
    step: int,
    parameters: dict[str, Any],
) -> None:
    """Move one part of the model a step."""
    slope = slope * parameters.get("rescale_grad", 1.0) + parameters[f"{name}_wd"] * state[name]
    if "clip_gradient" in parameters:
        slope = np.clip(slope, -parameters["clip_gradient"], parameters["clip_gradient"])
    first, second = moments[name]
    first += (1 - DECAY_1) * (slope - first)
    second += (1 - DECAY_2) * (slope**2 - second)
    size = np.sqrt(second / (1 - DECAY_2**step)) + parameters["eps"]
    state[name] -= parameters[f"{name}_lr"] * (first / (1 - DECAY_1**step)) / size


ALGORITHM = Algorithm("factorization-machines", "Adam in NumPy", TABLE, fit, answer, quality, labels=1, csv=False)

if __name__ == "__main__":
    sys.exit(main(ALGORITHM, sys.argv[1]))
