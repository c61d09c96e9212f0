"""Logistic regression by scikit-learn, of two and of several classes."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from sparring.models import LinearModel, Model
from sparring.training.linear_trainer import LinearTrainer
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spec import TrainingSpec


class SklearnLogistic(LinearTrainer, SingleNodeTrainer):
    """scikit-learn's logistic regression, minimising MLlib's function."""

    library = "sklearn"
    family = "logistic_regression"
    tasks = frozenset({"binary", "multiclass"})
    title = "scikit-learn's logistic regression"

    def versions(self) -> dict[str, str]:
        """Import scikit-learn's linear models, and return its version."""
        import sklearn.linear_model

        return {"scikit-learn": sklearn.__version__}

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> LinearModel:
        """Return the fitted coefficients; float64 throughout."""
        from sklearn.linear_model import LogisticRegression

        arguments = self.parameters.for_sklearn(float(weights.sum()), features.shape[1], how.classes)
        estimator = LogisticRegression(random_state=how.seed, **arguments)
        with threadpool_limits(how.cores):
            estimator.fit(features.astype(np.float64), labels, sample_weight=weights)
        link = "logistic" if how.classes == 2 else "softmax"
        penalty = self.parameters.regParam, self.parameters.elasticNetParam
        return LinearModel(estimator.intercept_, estimator.coef_, link, *penalty)

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the coefficients as JSON."""
        assert isinstance(model, LinearModel)
        self.write(model.intercept, model.coefficients, model.link, spec)
