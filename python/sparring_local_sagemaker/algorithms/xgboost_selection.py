"""Selectable inference: which answers the newer XGBoost images give, by ``SAGEMAKER_INFERENCE_OUTPUT``.

Source: aws/sagemaker-xgboost-container, ``algorithm_mode/serve_utils.py``.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xgboost

from sparring.wire.answers import encode_answers
from sparring.wire.media import CSV
from sparring.wire.records import joined
from sparring.wire.text import concatenated, lines, listed, texts, wrapped

SELECTION_VARIABLE = "SAGEMAKER_INFERENCE_OUTPUT"
CLASSES = ("binary:logistic", "binary:logitraw", "binary:hinge", "multi:softmax", "multi:softprob")
NUMBERS = ("reg:squarederror", "reg:logistic", "reg:gamma", "reg:absoluteerror", "reg:tweedie")


def select(scores: np.ndarray, booster: xgboost.Booster, wanted: str, accept: str) -> tuple[bytes, str]:
    """Return the answers named in ``wanted``, separated by commas.

    Parameters
    ----------
    scores : ndarray
        What the model predicts.
    booster : xgboost.Booster
    wanted : str
        Of predicted_label, labels, probability, probabilities, raw_score, raw_scores, predicted_score.
    accept : str

    Raises
    ------
    ValueError
        If the objective has none of them.
    """
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["objective"]["name"]
    classes = int(learner["learner_model_param"].get("num_class", "0"))
    known = _answers(scores, objective, classes)
    names = wanted.replace(" ", "").lower().split(",")
    for name in names:
        if name not in known:
            raise ValueError(
                f"Selected key {name} is incompatible with objective {objective}; it has {', '.join(known)}"
            )
    chosen = {name: known[name] for name in names}
    return _csv(chosen) if accept == CSV else encode_answers(chosen, accept)


def _csv(chosen: dict[str, np.ndarray]) -> tuple[bytes, str]:
    """Return CSV in which a list is one quoted field."""
    columns: list[Any] = []
    for column in chosen.values():
        words = texts(column.astype(np.float64).ravel())
        vector = column.ndim == 2
        offsets = np.arange(len(column) + 1) * (column.shape[1] if vector else 1)
        columns.append(wrapped('"[', listed(offsets, words, ", "), ']"') if vector else words)
    return joined(lines(concatenated(columns, ",")))[:-1], CSV


def _answers(scores: np.ndarray, objective: str, classes: int) -> dict[str, np.ndarray]:
    """Return all that can be said of scores under an objective."""
    if objective in NUMBERS:
        return {"predicted_score": scores}
    if objective not in CLASSES:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    if objective == "multi:softprob":
        top = scores.max(axis=1)
        found = {"predicted_label": scores.argmax(axis=1), "probability": top, "probabilities": scores}
        return found | {"raw_score": top, "raw_scores": scores, "labels": np.tile(np.arange(classes), (len(scores), 1))}
    both = np.column_stack([1 - scores, scores])
    cut = {"binary:logistic": 0.5, "binary:logitraw": 0.0}
    label = (scores > cut[objective]).astype(int) if objective in cut else scores
    labels = np.tile(np.arange(classes if objective == "multi:softmax" else 2), (len(scores), 1))
    found = {"predicted_label": label, "labels": labels, "raw_score": scores, "raw_scores": both}
    return found | ({"probability": scores, "probabilities": both} if objective == "binary:logistic" else {})
