"""Gaussian naive Bayes by MLlib and by scikit-learn: one model, whoever counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from sparring.errors import TrainingError
from sparring.io import storage
from sparring.models import GaussianModel, Model
from sparring.training.declared import DeclaredTrainer
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spark import COLUMNS, MllibTrainer
from sparring.training.spec import TrainingSpec
from sparring.training.trainer import Equivalence

if TYPE_CHECKING:
    from pyspark.ml import Estimator


class NaiveBayes(DeclaredTrainer):
    """What both libraries share: no hyperparameters, means and variances by class.

    Both add a billionth of the largest variance to all.
    """

    column = "sparring"
    family = "naive_bayes"
    tasks = frozenset({"binary", "multiclass"})

    def equivalence(self, spec: TrainingSpec) -> Equivalence:
        """Return the group: both estimate the same numbers."""
        return Equivalence(self.family, {}, 1e-5)

    def write(self, model: GaussianModel, spec: TrainingSpec) -> None:
        """Write the model in NumPy's own format.

        Raises
        ------
        TrainingError
            If no feature varies.
        """
        if not (model.variance > 0).all():
            raise TrainingError(
                f"{spec.name}: all features are constant in train", "Give features that vary, or another model."
            )
        storage.write_bytes(storage.join(spec.model, GaussianModel.file_name), model.to_bytes())

    @classmethod
    def load_model(cls, folder: str) -> Model:
        """Return what the fit left in ``folder``; it scores without Spark and without scikit-learn."""
        return GaussianModel.from_bytes(storage.read_bytes(storage.join(folder, GaussianModel.file_name)))


class MllibNaiveBayes(NaiveBayes, MllibTrainer):
    """MLlib's Gaussian naive Bayes."""

    title = "MLlib's Gaussian naive Bayes"

    def estimator(self, spec: TrainingSpec) -> Estimator[Any]:
        """Return the classifier."""
        from pyspark.ml.classification import NaiveBayes as OfMllib

        return OfMllib(**COLUMNS, modelType="gaussian")

    def save(self, model: Any, spec: TrainingSpec) -> None:
        """Write means and variances as they are served."""
        self.write(GaussianModel(model.pi.toArray(), model.theta.toArray(), model.sigma.toArray()), spec)


class SklearnNaiveBayes(NaiveBayes, SingleNodeTrainer):
    """scikit-learn's Gaussian naive Bayes."""

    library = "sklearn"
    title = "scikit-learn's Gaussian naive Bayes"

    def versions(self) -> dict[str, str]:
        """Import scikit-learn's classifier, and return its version."""
        import sklearn.naive_bayes

        return {"scikit-learn": sklearn.__version__}

    def fit_rows(
        self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings
    ) -> GaussianModel:
        """Return means and variances; float64 throughout, rows are made dense."""
        from sklearn.naive_bayes import GaussianNB

        fitted = GaussianNB().fit(features.toarray().astype(np.float64), labels, sample_weight=weights)
        return GaussianModel(np.log(fitted.class_prior_), fitted.theta_, fitted.var_)

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the model."""
        assert isinstance(model, GaussianModel)
        self.write(model, spec)
