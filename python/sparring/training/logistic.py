"""Logistic regression in pyspark.ml's terms, and its translation for scikit-learn.

MLlib minimises ``sum(w_i * loss_i) / sum(w_i) + regParam * ((1 - a) / 2 * |b|_2^2 + a * |b|_1)`` with
``a = elasticNetParam`` and a free intercept (``org.apache.spark.ml.classification.LogisticRegression``).
scikit-learn minimises ``C * sum(w_i * loss_i) + (1 - a) / 2 * |b|_2^2 + a * |b|_1``: divide by ``C * sum(w_i)``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sparring.errors import ConfigError, did_you_mean

# scikit-learn's own names, and what to write instead.
FOREIGN = {
    "C": "regParam = 1 / (C * sum of weights)",
    "l1_ratio": "elasticNetParam",
    "penalty": "regParam and elasticNetParam",
    "max_iter": "maxIter",
    "solver": "nothing: it is chosen by the penalty and the number of features",
    "standardization": "prepare.scale: features are scaled once, for every contender",
}
# Above this many features the Hessian of Newton's method outweighs the iterations it saves.
NEWTON_FEATURES = 2_000


@dataclass(frozen=True)
class LogisticParameters:
    """Hyperparameters of both logistic regressions.

    Attributes
    ----------
    regParam : float, >= 0
        Strength of the penalty.
    elasticNetParam : float in [0, 1]
        0 is ridge, 1 is lasso.
    maxIter : int, >= 1
        Most iterations.
    tol : float, > 0
        MLlib's convergence tolerance.  pyspark.ml's default of 1e-6 stops two to three times sooner than
        scikit-learn, hence the tighter default here.
    """

    regParam: float = 0.0
    elasticNetParam: float = 0.0
    maxIter: int = 1_000
    tol: float = 1e-12

    @classmethod
    def of(cls, given: dict[str, Any], owner: str) -> LogisticParameters:
        """Return the validated hyperparameters.

        Raises
        ------
        ConfigError
            If one is unknown, of the wrong type or out of range.
        """
        allowed = {spec.name: spec.default for spec in fields(cls)}
        for name, value in given.items():
            if name in FOREIGN:
                raise ConfigError(f"{owner}: {name} is not used here", f"Write instead: {FOREIGN[name]}.")
            if name not in allowed:
                raise ConfigError(
                    f"{owner}: unknown hyperparameter {name!r}; allowed: {', '.join(allowed)}",
                    f"Rename or drop it.{did_you_mean(name, list(allowed))}",
                )
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{owner}: {name} must be a number, got {value!r}", "Write a number.")
        parameters = cls(**given)
        parameters._check(owner)
        return parameters

    def _check(self, owner: str) -> None:
        ranges = {
            "regParam": (">= 0", self.regParam >= 0),
            "elasticNetParam": ("in [0, 1]", 0 <= self.elasticNetParam <= 1),
            "maxIter": ("a whole number >= 1", self.maxIter >= 1 and self.maxIter == int(self.maxIter)),
            "tol": ("> 0", self.tol > 0),
        }
        for name, (allowed, holds) in ranges.items():
            if not holds:
                raise ConfigError(f"{owner}: {name} must be {allowed}, got {getattr(self, name)!r}", "Change it.")

    def for_sklearn(self, weight_sum: float, features: int) -> dict[str, Any]:
        """Return scikit-learn's arguments for the same objective.

        Parameters
        ----------
        weight_sum : float
            Sum of the training rows' weights.
        features : int
            Number of feature columns; it decides between Newton's method and L-BFGS.

        Examples
        --------
        >>> LogisticParameters(regParam=0.1).for_sklearn(weight_sum=100.0, features=5)["C"]
        0.1
        """
        smooth = self.regParam == 0 or self.elasticNetParam == 0
        newton = smooth and features <= NEWTON_FEATURES
        return {
            "C": float("inf") if self.regParam == 0 else 1.0 / (self.regParam * weight_sum),
            "l1_ratio": self.elasticNetParam if self.regParam else 0.0,
            "max_iter": int(self.maxIter) if smooth else 20 * int(self.maxIter),
            # Newton and L-BFGS stop on the gradient, saga on the change of the coefficients.
            "tol": 1e-9 if smooth else 1e-7,
            # Never liblinear: it penalises the intercept.
            "solver": "newton-cholesky" if newton else "lbfgs" if smooth else "saga",
        }
