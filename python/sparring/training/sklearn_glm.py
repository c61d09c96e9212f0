"""Poisson and gamma regression by scikit-learn, with a logarithmic link."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from sparring.models import LinearModel
from sparring.training.linear_parameters import NEWTON_FEATURES
from sparring.training.mllib_glm import require_in_domain
from sparring.training.single_node import FitSettings
from sparring.training.sklearn_linear import SklearnLinear


class SklearnGamma(SklearnLinear):
    """scikit-learn's regression of positive numbers, minimising MLlib's function."""

    family = "gamma_regression"
    distribution: ClassVar[str] = "gamma"
    estimator: ClassVar[str] = "GammaRegressor"
    title = "scikit-learn's gamma regression"

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> LinearModel:
        """Return the fitted coefficients; float64 throughout.

        Raises
        ------
        TrainingError
            If a label is none that the distribution has.
        """
        from sklearn import linear_model

        require_in_domain(labels, self.distribution, self.title)
        own, newton = self.parameters, features.shape[1] <= NEWTON_FEATURES
        limits = {"max_iter": own.maxIter, "tol": 1e-9, "solver": "newton-cholesky" if newton else "lbfgs"}
        estimator = getattr(linear_model, self.estimator)(alpha=own.regParam, **limits)
        with threadpool_limits(how.cores):
            estimator.fit(features.astype(np.float64), labels, sample_weight=weights)
        return LinearModel(estimator.intercept_, estimator.coef_, self.distribution, own.regParam)


class SklearnPoisson(SklearnGamma):
    """scikit-learn's regression of counts."""

    family = "poisson_regression"
    distribution = "poisson"
    estimator = "PoissonRegressor"
    title = "scikit-learn's Poisson regression"
