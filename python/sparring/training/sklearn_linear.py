"""Linear regression by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from sparring.models import LinearModel, Model
from sparring.training.linear_trainer import LinearTrainer
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spec import TrainingSpec


class SklearnLinear(LinearTrainer, SingleNodeTrainer):
    """scikit-learn's ridge regression or elastic net, minimising the same function as MLlib's linear regression."""

    library = "sklearn"
    family = "linear_regression"
    tasks = frozenset({"regression"})
    title = "scikit-learn's linear regression"

    def versions(self) -> dict[str, str]:
        """Import scikit-learn's linear models, and return its version."""
        import sklearn.linear_model

        return {"scikit-learn": sklearn.__version__}

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> LinearModel:
        """Return the fitted coefficients; float64 throughout."""
        estimator = self._estimator(float(weights.sum()), how.seed)
        with threadpool_limits(how.cores):
            estimator.fit(features.astype(np.float64), labels, sample_weight=weights)
        penalty = self.parameters.regParam, self.parameters.elasticNetParam
        return LinearModel(estimator.intercept_, estimator.coef_, "identity", *penalty)

    def _estimator(self, weight_sum: float, seed: int) -> Any:
        from sklearn.linear_model import ElasticNet, Ridge

        own = self.parameters
        if own.smooth:
            # Sparse rows with an intercept: conjugate gradients are the exact solver that scikit-learn has.
            return Ridge(alpha=own.regParam * weight_sum, max_iter=own.maxIter, tol=1e-12, random_state=seed)
        limits = {"max_iter": 20 * own.maxIter, "tol": 1e-10}
        return ElasticNet(alpha=own.regParam, l1_ratio=own.elasticNetParam, random_state=seed, **limits)

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the coefficients as JSON."""
        assert isinstance(model, LinearModel)
        self.write(model.intercept, model.coefficients, model.link, spec)
