"""Proof that two engines trained the same model: same objective value, same probabilities.

Coefficients alone prove little (a flat optimum has many); the objective of both, computed here by one
implementation in float64 on the very matrix they were trained on, and the largest difference between their
probabilities prove it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sparring.errors import ComparisonError
from sparring.evaluation.predictions import Predictions
from sparring.io import storage

# Trees are grown alike only by the same library; MLlib's and XGBoost's are different algorithms.
SAME_TREES = ("single_node", "sagemaker")
# What still counts as the same model: optimisers stop somewhere, and trees store float32.
OBJECTIVE_TOLERANCE = 1e-9
PROBABILITY_TOLERANCE = {"logistic_regression": 1e-5, "gradient_boosted_trees": 1e-6}


@dataclass(frozen=True)
class LinearModel:
    """A fitted logistic regression and the penalty it was fitted under.

    Attributes
    ----------
    intercept : float
        Not penalised.
    coefficients : ndarray of float64, shape (n_features,)
    reg_param : float
        Lambda, the weight of the penalty.
    elastic_net_param : float
        Share of the L1 norm in the penalty, in [0, 1].
    """

    intercept: float
    coefficients: np.ndarray
    reg_param: float
    elastic_net_param: float

    @classmethod
    def read(cls, path: str) -> LinearModel:
        """Return the model in a contender's ``coefficients.json``."""
        stored = storage.read_json(path)
        return cls(
            float(stored["intercept"]),
            np.asarray(stored["coefficients"], dtype=np.float64),
            float(stored["regParam"]),
            float(stored["elasticNetParam"]),
        )

    def same_objective(self, other: LinearModel) -> bool:
        """Return whether both were fitted under the same penalty (to 12 digits) on as many features."""
        return len(self.coefficients) == len(other.coefficients) and bool(
            np.allclose(
                [self.reg_param, self.elastic_net_param],
                [other.reg_param, other.elastic_net_param],
                rtol=1e-12,
                atol=0,
            )
        )


@dataclass(frozen=True)
class Parity:
    """How far apart two contenders of one kind are.

    Attributes
    ----------
    left, right : str
        Names of the contenders; ``right`` is the single-machine reference where there is one.
    family : str
    same_objective : bool or None
        Whether both logistic regressions minimised the same function; None for trees.
    objective_gap : float or None
        ``|f(left) - f(right)|``, in nats a row; None for trees and for different objectives.
    max_probability_difference : float
        Over the test rows, joined by key.
    """

    left: str
    right: str
    family: str
    same_objective: bool | None
    objective_gap: float | None
    max_probability_difference: float

    @property
    def equal(self) -> bool:
        """Whether the two are the same model within the tolerances."""
        near = self.max_probability_difference <= PROBABILITY_TOLERANCE[self.family]
        if self.family == "logistic_regression":
            return near and self.objective_gap is not None and self.objective_gap <= OBJECTIVE_TOLERANCE
        return near

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, ``equal`` and the tolerances behind it, JSON-ready."""
        linear = self.family == "logistic_regression"
        return {
            **asdict(self),
            "equal": self.equal,
            "objective_tolerance": OBJECTIVE_TOLERANCE if linear else None,
            "probability_tolerance": PROBABILITY_TOLERANCE[self.family],
        }


def objective(features: csr_matrix | np.ndarray, labels: np.ndarray, weights: np.ndarray, model: LinearModel) -> float:
    """Return what logistic regression minimises: mean log loss + lambda ((1-a)/2 |w|^2 + a |w|_1).

    Parameters
    ----------
    features : csr_matrix or ndarray, shape (n, n_features)
        Computed in float64 whatever is stored.
    labels, weights : ndarray of float64, shape (n,)
    model : LinearModel

    Returns
    -------
    float
        In nats a row; MLlib's objective with ``standardization=False``.

    Examples
    --------
    >>> model = LinearModel(0.0, np.array([0.0]), 0.1, 0.0)
    >>> round(objective(np.array([[1.0], [2.0]]), np.array([0.0, 1.0]), np.ones(2), model), 6)
    0.693147
    """
    w, share = model.coefficients, model.elastic_net_param
    margins = features.astype(np.float64) @ w + model.intercept
    losses = np.logaddexp(0.0, np.where(labels == 1, -margins, margins))
    penalty = (1 - share) / 2 * float(w @ w) + share * float(np.abs(w).sum())
    return float(np.sum(weights * losses) / np.sum(weights) + model.reg_param * penalty)


def max_probability_difference(left: Predictions, right: Predictions) -> float:
    """Return the largest ``|score - score|`` over rows of the same key.

    Raises
    ------
    ComparisonError
        If the keys of the two differ.
    """
    if len(left) != len(right) or not np.array_equal(left.keys, right.keys):
        common = np.intersect1d(left.keys, right.keys).size
        raise ComparisonError(
            f"The predictions are of other rows: {len(left)} and {len(right)} keys, {common} in common",
            "Score both contenders on the same prepared matrix.",
        )
    return float(np.abs(left.scores - right.scores).max())


def parity_pairs(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return (left, right, family) of the contenders that should agree, from their ``result.json``.

    Logistic regressions all solve one problem; boosted trees agree only where both are XGBoost.  The
    reference on the right is the first single-machine contender of the family, else its first contender.
    Failed ones are left out.
    """
    pairs = []
    for family in ("logistic_regression", "gradient_boosted_trees"):
        alike = [
            result
            for result in results
            if result["family"] == family
            and result["status"] == "ok"
            and (family == "logistic_regression" or result["engine"] in SAME_TREES)
        ]
        ordered = sorted(alike, key=lambda result: result["engine"] != "single_node")
        pairs += [(other["name"], ordered[0]["name"], family) for other in ordered[1:]]
    return pairs


def prove(
    left: str,
    right: str,
    family: str,
    predictions: Mapping[str, Predictions],
    models: Mapping[str, LinearModel] | None = None,
    train: Any = None,
) -> Parity:
    """Return how far ``left`` and ``right`` are apart.

    Parameters
    ----------
    left, right, family : str
        From :func:`parity_pairs`.
    predictions : mapping of str to Predictions
        Test predictions by contender.
    models : mapping of str to LinearModel, optional
        By contender; for logistic regressions.
    train : sparring.data.matrix.Part, optional
        The matrix that both were fitted on; anything with ``features``, ``labels`` and ``weights``.

    Raises
    ------
    ComparisonError
        If the two predicted different rows.
    """
    difference = max_probability_difference(predictions[left], predictions[right])
    if family != "logistic_regression" or models is None or train is None:
        return Parity(left, right, family, None, None, difference)
    if not models[left].same_objective(models[right]):
        return Parity(left, right, family, False, None, difference)
    values = [objective(train.features, train.labels, train.weights, models[name]) for name in (left, right)]
    return Parity(left, right, family, True, abs(values[0] - values[1]), difference)
