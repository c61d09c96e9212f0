"""Stand-in of Linear Learner: one convex problem solved by L-BFGS-B instead of many models by SGD.

It minimises mean(weight x loss) + wd/2 |w|^2 + l1 |w|_1 over normalised features.  ``auto`` is 0 for ``wd`` and
``l1``.  As in Amazon's, the threshold of a binary classifier is chosen on the validation rows, or else on train.

Source of the contract: Amazon SageMaker developer guide, "Linear Learner Hyperparameters".
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax

from sparring.wire import Answers, Rows
from sparring.wire.rows import Features
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Hyperparameter
from sparring_local_sagemaker.algorithms.losses import LOSSES
from sparring_local_sagemaker.algorithms.quality import (
    best_threshold,
    binary_quality,
    multiclass_quality,
    regression_quality,
)
from sparring_local_sagemaker.algorithms.stand_in import Algorithm, Quality, State, main

POSITIVE, WHOLE, SHARE = "(0, inf)", "[1, inf)", "(0, 1)"
CRITERIA = ("accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "loss_function")
NAMES = tuple(dict.fromkeys(name for losses in LOSSES.values() for name in losses))


def _tuning(allowed: str, kind: type = float) -> Hyperparameter:
    """Return a setting of Amazon's optimizer, which there is none of here."""
    return Hyperparameter(kind, allowed, "auto", auto=True, used=False)


TABLE = {
    "predictor_type": Hyperparameter(str, tuple(LOSSES), required=True),
    "num_classes": Hyperparameter(int, "[3, 1000000]"),
    "feature_dim": Hyperparameter(int, WHOLE, "auto", auto=True),
    "accuracy_top_k": Hyperparameter(int, WHOLE, 3),
    "balance_multiclass_weights": Hyperparameter(bool, default=False),
    "beta_1": _tuning("[0, 1)"),
    "beta_2": _tuning("[0, 1)"),
    "bias_lr_mult": _tuning(POSITIVE),
    "bias_wd_mult": Hyperparameter(float, "[0, inf)", "auto", auto=True),
    "binary_classifier_model_selection_criteria": Hyperparameter(str, CRITERIA, "accuracy"),
    "early_stopping_patience": Hyperparameter(int, WHOLE, 3, used=False),
    "early_stopping_tolerance": Hyperparameter(float, POSITIVE, 0.001, used=False),
    "epochs": Hyperparameter(int, WHOLE, 15, used=False),
    "f_beta": Hyperparameter(float, POSITIVE, 1.0),
    "huber_delta": Hyperparameter(float, POSITIVE, 1.0),
    "init_bias": Hyperparameter(float, default=0.0, used=False),
    "init_method": Hyperparameter(str, ("uniform", "normal"), "uniform", used=False),
    "init_scale": Hyperparameter(float, POSITIVE, 0.07, used=False),
    "init_sigma": Hyperparameter(float, POSITIVE, 0.01, used=False),
    "l1": Hyperparameter(float, "[0, inf)", "auto", auto=True),
    "learning_rate": _tuning(POSITIVE),
    "loss": Hyperparameter(str, NAMES, "auto", auto=True),
    "loss_insensitivity": Hyperparameter(float, POSITIVE, 0.01),
    "lr_scheduler_factor": _tuning(SHARE),
    "lr_scheduler_minimum_lr": _tuning(POSITIVE),
    "lr_scheduler_step": _tuning(WHOLE, int),
    "margin": Hyperparameter(float, POSITIVE, 1.0),
    "mini_batch_size": Hyperparameter(int, WHOLE, 1_000, used=False),
    "momentum": _tuning("[0, 1)"),
    "normalize_data": Hyperparameter(bool, default=True, auto=True),
    "normalize_label": Hyperparameter(bool, default="auto", auto=True),
    "num_calibration_samples": Hyperparameter(int, WHOLE, "auto", auto=True, used=False),
    "num_models": _tuning(WHOLE, int),
    "num_point_for_scaler": Hyperparameter(int, WHOLE, 10_000, used=False),
    "optimizer": Hyperparameter(str, ("sgd", "adam", "rmsprop"), "auto", auto=True, used=False),
    "positive_example_weight_mult": Hyperparameter(float, POSITIVE, 1.0, auto=True, words=("balanced",)),
    "quantile": Hyperparameter(float, SHARE, 0.5),
    "target_precision": Hyperparameter(float, SHARE, 0.8),
    "target_recall": Hyperparameter(float, SHARE, 0.8),
    "unbias_data": Hyperparameter(bool, default="auto", auto=True),
    "unbias_label": Hyperparameter(bool, default="auto", auto=True, used=False),
    "use_bias": Hyperparameter(bool, default=True),
    "use_lr_scheduler": Hyperparameter(bool, default=True, used=False),
    "wd": Hyperparameter(float, "[0, inf)", "auto", auto=True),
}


def fit(parameters: dict[str, Any], train: Rows, others: dict[str, Rows]) -> State:
    """Return weights (feature_dim, outputs), biases and, of a binary classifier, the threshold."""
    kind = parameters["predictor_type"]
    _check(parameters, train)
    features = train.features.astype(np.float64)
    mean, deviation = _scaler(parameters, features)
    labels, centre, scale = _scaled_labels(parameters, train.labels)
    weights, bias = _solve(parameters, features, labels, mean, deviation, _row_weights(parameters, train.labels))
    # Fold the normalisation into the model, which then takes features as they are.
    weights = weights / deviation[:, None]
    state = {"weights": weights * scale, "bias": (bias - mean @ weights) * scale + centre}
    if kind == "binary_classifier":
        calibration = others.get("validation", train)
        found = best_threshold(_score(state, parameters, calibration.features), calibration.labels, parameters)
        state["threshold"] = np.array(_middle(parameters) if found is None else found)
    return state


def answer(state: State, parameters: dict[str, Any], features: Features) -> Answers:
    """Return scores, and labels where there are classes."""
    score = _score(state, parameters, features)
    if parameters["predictor_type"] == "regressor":
        return {"score": score}
    if parameters["predictor_type"] == "binary_classifier":
        return {"score": score, "predicted_label": (score > state["threshold"]).astype(np.float64)}
    return {"score": score, "predicted_label": score.argmax(axis=1).astype(np.float64)}


def quality(state: State, parameters: dict[str, Any], rows: Rows) -> Quality:
    """Return the metrics of the predictor's kind."""
    answers, kind = answer(state, parameters, rows.features), parameters["predictor_type"]
    assert rows.labels is not None
    loss = float(_loss(parameters)(_linear(state, rows.features, kind), rows.labels, parameters)[0].mean())
    if kind == "regressor":
        return {"objective_loss": (loss, False), **regression_quality(answers["score"], rows.labels)}
    found = binary_quality if kind == "binary_classifier" else multiclass_quality
    return {"objective_loss": (loss, False), **found(answers, rows.labels, parameters)}


def _check(parameters: dict[str, Any], train: Rows) -> None:
    """Raise :class:`ClientError` if hyperparameters contradict each other or the labels."""
    kind, labels = parameters["predictor_type"], train.labels
    assert labels is not None
    if parameters["loss"] != "auto" and parameters["loss"] not in LOSSES[kind]:
        raise ClientError(f"loss {parameters['loss']} is not for a {kind}, which has {', '.join(LOSSES[kind])}")
    if kind == "multiclass_classifier" and "num_classes" not in parameters:
        raise ClientError("No value(s) were specified for 'num_classes' which are required hyperparameter(s)")
    if kind != "regressor":
        classes = 2 if kind == "binary_classifier" else parameters["num_classes"]
        if not np.isin(labels, np.arange(classes)).all():
            raise ClientError(
                f"labels of a {kind} must be 0 to {classes - 1}, got {labels.min():g} to {labels.max():g}"
            )


def _loss(parameters: dict[str, Any]) -> Any:
    losses = LOSSES[parameters["predictor_type"]]
    return next(iter(losses.values())) if parameters["loss"] == "auto" else losses[parameters["loss"]]


def _scaler(parameters: dict[str, Any], features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return what to subtract from and to divide each feature by."""
    mean = np.asarray(features.mean(axis=0)).ravel()
    square = features.multiply(features) if isinstance(features, csr_matrix) else features**2
    deviation = np.sqrt(np.maximum(np.asarray(square.mean(axis=0)).ravel() - mean**2, 0))
    centred = parameters["use_bias"] if parameters["unbias_data"] == "auto" else parameters["unbias_data"]
    deviation = np.where(deviation > 0, deviation, 1) if parameters["normalize_data"] else np.ones_like(deviation)
    return (mean if centred else np.zeros_like(mean)), deviation


def _scaled_labels(parameters: dict[str, Any], labels: np.ndarray | None) -> tuple[np.ndarray, float, float]:
    """Return labels to train on, and the centre and scale that lead back."""
    assert labels is not None
    if parameters["predictor_type"] != "regressor" or parameters["normalize_label"] is False:
        return labels, 0.0, 1.0
    centre = float(labels.mean()) if parameters["use_bias"] else 0.0
    scale = float(labels.std()) or 1.0
    return (labels - centre) / scale, centre, scale


def _row_weights(parameters: dict[str, Any], labels: np.ndarray | None) -> np.ndarray:
    """Return each row's weight in the loss."""
    assert labels is not None
    if parameters["predictor_type"] == "multiclass_classifier" and parameters["balance_multiclass_weights"]:
        counts = np.bincount(labels.astype(int), minlength=parameters["num_classes"])
        return (len(labels) / np.count_nonzero(counts) / np.maximum(counts, 1))[labels.astype(int)]
    if parameters["predictor_type"] != "binary_classifier":
        return np.ones(len(labels))
    weight = parameters["positive_example_weight_mult"]
    if weight == "balanced":
        weight = (labels == 0).sum() / max((labels == 1).sum(), 1)
    return np.where(labels == 1, 1.0 if weight == "auto" else weight, 1.0)


def _solve(
    parameters: dict[str, Any],
    features: Features,
    labels: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    row_weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights for normalised features and biases; features are never copied, so sparse ones stay sparse."""
    loss = _loss(parameters)
    multiclass = parameters["predictor_type"] == "multiclass_classifier"
    shape = (features.shape[1], parameters["num_classes"] if multiclass else 1)
    wd, l1, bias_wd = (0.0 if parameters[name] == "auto" else parameters[name] for name in ("wd", "l1", "bias_wd_mult"))
    size, outputs, use_bias = shape[0] * shape[1], shape[1], parameters["use_bias"]

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        # Two halves, both >= 0, make the absolute value of a weight smooth.
        plus, minus, bias = theta[:size], theta[size:-outputs], theta[-outputs:]
        weights = ((plus - minus) if l1 else plus).reshape(shape)
        scaled = weights / deviation[:, None]
        score = features @ scaled - mean @ scaled + bias
        value, slope = loss(score if multiclass else score[:, 0], labels, parameters)
        slope = (slope.reshape(score.shape) * row_weights[:, None]) / len(labels)
        by_weight = (features.T @ slope - np.outer(mean, slope.sum(axis=0))) / deviation[:, None] + wd * weights
        by_bias = (slope.sum(axis=0) + wd * bias_wd * bias) * use_bias
        total = (value * row_weights).mean() + wd / 2 * (weights**2).sum() + wd * bias_wd / 2 * (bias**2).sum()
        if not l1:
            return total, np.concatenate([by_weight.ravel(), by_bias])
        flat = by_weight.ravel()
        return total + l1 * (plus.sum() + minus.sum()), np.concatenate([flat + l1, l1 - flat, by_bias])

    halves = 2 if l1 else 1
    bounds = [(0, None)] * (2 * size) + [(None, None)] * outputs if l1 else None
    options = {"maxiter": 1_000, "maxfun": 10_000, "ftol": 1e-13, "gtol": 1e-9}
    start = np.zeros(halves * size + outputs)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    weights = found[:size] - found[size : 2 * size] if l1 else found[:size]
    return weights.reshape(shape), found[-outputs:]


def _linear(state: State, features: Features, kind: str) -> np.ndarray:
    """Return the linear function, shape (n,), or (n, classes)."""
    score = features @ state["weights"] + state["bias"]
    return np.asarray(score if kind == "multiclass_classifier" else score[:, 0])


def _score(state: State, parameters: dict[str, Any], features: Features) -> np.ndarray:
    """Return what the algorithm calls score: a probability where the loss has one."""
    linear = _linear(state, features, parameters["predictor_type"])
    if parameters["predictor_type"] == "multiclass_classifier":
        return softmax(linear, axis=1)
    logistic = parameters["predictor_type"] == "binary_classifier" and parameters["loss"] in ("auto", "logistic")
    return expit(linear) if logistic else linear


def _middle(parameters: dict[str, Any]) -> float:
    return 0.0 if parameters["loss"] == "hinge_loss" else 0.5


ALGORITHM = Algorithm(
    "linear-learner", "SciPy's L-BFGS-B", TABLE, fit, answer, quality, labels=1, channels=("validation", "test")
)

if __name__ == "__main__":
    sys.exit(main(ALGORITHM, sys.argv[1]))
