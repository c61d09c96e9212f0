"""Hyperparameters of linear models in pyspark.ml's terms, and their translation: one function for every library.

For rows of weight w_i, all families minimise ``sum(w_i * loss_i) / sum(w_i) + lambda * ((1 - a) / 2 * |b|_2^2 + a *
|b|_1)`` with lambda = ``regParam``, a = ``elasticNetParam`` and free intercepts; the loss is the log loss
(``logistic_regression``) or half the squared error (``linear_regression``).

- MLlib's logistic regression, of two and of several classes, minimises exactly this.  Its linear regression divides the
  squared part of the penalty by the label's standard deviation (as glmnet does, ``org.apache.spark.ml.regression``), so
  that ``regParam`` and ``elasticNetParam`` are translated.
- scikit-learn's logistic regression minimises ``C * sum(w_i * loss_i) + (1 - a) / 2 * |b|_2^2 + a * |b|_1``: divide by
  ``C * sum(w_i)``.  Its ``ElasticNet`` minimises this with ``alpha`` = lambda, its ``Ridge`` with ``alpha`` = lambda *
  sum(w_i), its ``PoissonRegressor`` and ``GammaRegressor`` (half the deviance, ridge only) with ``alpha`` = lambda.
- MLlib's generalized linear regression solves least squares whose penalty counts beside rows of *working* weights:
  those of the gamma distribution with a logarithmic link are the rows' own, those of Poisson's sum to the labels, so
  that ``regParam`` is divided by the mean label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparring.training import parameters

# Above this many features the Hessian of Newton's method outweighs the iterations it saves.
NEWTON_FEATURES = 2_000


@dataclass(frozen=True)
class LinearParameters:
    """Hyperparameters of a linear model.

    Attributes
    ----------
    regParam : float, >= 0
        Strength of the penalty.
    elasticNetParam : float in [0, 1]
        0 is ridge, 1 is lasso.
    maxIter : int, >= 1
        Most iterations.
    tol : float, > 0
        MLlib's convergence tolerance.
    """

    regParam: float
    elasticNetParam: float
    maxIter: int
    tol: float

    @classmethod
    def of(cls, given: dict[str, Any], family: str, owner: str) -> LinearParameters:
        """Return the validated hyperparameters.

        Raises
        ------
        ConfigError
            If one is unknown, of the wrong type or out of range.
        """
        found = parameters.checked(given, "sparring", family, owner)
        return cls(**{"elasticNetParam": 0.0, **parameters.effective(found, "sparring", family)})

    @property
    def smooth(self) -> bool:
        """Whether the function has a gradient everywhere: no L1 norm."""
        return self.regParam == 0 or self.elasticNetParam == 0

    @property
    def objective(self) -> dict[str, float]:
        """What the function that is minimised depends on."""
        return {"regParam": self.regParam, "elasticNetParam": self.elasticNetParam if self.regParam else 0.0}

    def for_sklearn(self, weight_sum: float, features: int, classes: int = 2) -> dict[str, Any]:
        """Return the arguments of scikit-learn's ``LogisticRegression`` for the same function.

        Parameters
        ----------
        weight_sum : float
            Sum of the training rows' weights.
        features : int
            Number of feature columns; with the classes it decides between Newton's method and L-BFGS.
        classes : int, default 2

        Examples
        --------
        >>> LinearParameters(0.1, 0.0, 100, 1e-9).for_sklearn(weight_sum=100.0, features=5)["C"]
        0.1
        """
        newton = self.smooth and features * (1 if classes == 2 else classes) <= NEWTON_FEATURES
        return {
            "C": float("inf") if self.regParam == 0 else 1.0 / (self.regParam * weight_sum),
            "l1_ratio": self.objective["elasticNetParam"],
            "max_iter": self.maxIter if self.smooth else 20 * self.maxIter,
            # Newton and L-BFGS stop on the gradient, saga on the relative change of the coefficients.
            "tol": 1e-9,
            # Never liblinear: it penalises the intercept.
            "solver": "newton-cholesky" if newton else "lbfgs" if self.smooth else "saga",
        }

    def for_mllib_regression(self, label_deviation: float) -> dict[str, float]:
        """Return ``regParam`` and ``elasticNetParam`` with which MLlib's linear regression minimises the function.

        Parameters
        ----------
        label_deviation : float
            Sample standard deviation of the training labels, weighted.

        Examples
        --------
        >>> LinearParameters(0.1, 0.0, 100, 1e-9).for_mllib_regression(3.0)["regParam"]
        0.30000000000000004
        """
        ridge, lasso = (
            self.regParam * (1 - self.elasticNetParam) * label_deviation,
            self.regParam * self.elasticNetParam,
        )
        total = ridge + lasso
        return {"regParam": total, "elasticNetParam": lasso / total if total else 0.0}
