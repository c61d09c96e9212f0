"""A user's own estimator on one machine: any class that follows scikit-learn, by its dotted name.

::

    - {name: forest, engine: single_node, library: custom, family: sklearn.ensemble.RandomForestClassifier,
       hyperparameters: {n_estimators: 200}}
"""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from sparring.errors import ConfigError, did_you_mean
from sparring.io import storage
from sparring.models import CustomModel, Model
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spec import TrainingSpec

# What the classes of scikit-learn call the same, set by us where they have it and the user did not set it.
SEED, THREADS = "random_state", "n_jobs"


class CustomTrainer(SingleNodeTrainer):
    """A trainer of a user's own class; one is made for each by :func:`custom_trainer`."""

    library = "custom"
    estimator: ClassVar[type[Any]]

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        known = _parameters(self.estimator)
        for name in hyperparameters:
            if known is not None and name not in known:
                raise ConfigError(
                    f"{owner}: {self.family} takes no {name!r}; it takes {', '.join(known)}",
                    f"Rename or drop it.{did_you_mean(name, known)}",
                )
        self.given = hyperparameters
        try:
            self.estimator(**hyperparameters)
        except Exception as error:
            raise ConfigError(f"{owner}: {self.family} refuses them: {error}", "Change them.") from error

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included, those that are plain values."""
        found = self._made(1, 0).get_params(deep=False) if hasattr(self.estimator, "get_params") else self.given
        return {name: value for name, value in found.items() if isinstance(value, str | int | float | None)}

    def versions(self) -> dict[str, str]:
        """Return the version of the package that the class is of."""
        top = self.family.partition(".")[0]
        return {name: version(name) for name in packages_distributions().get(top, [])}

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> CustomModel:
        """Return the fitted estimator; one that takes no sparse rows is given dense ones.

        Raises
        ------
        ConfigError
            If rows have weights and the estimator takes none.
        """
        estimator = self._made(how.cores, how.seed)
        weighted = {} if (weights == 1).all() else {"sample_weight": weights}
        if weighted and "sample_weight" not in inspect.signature(estimator.fit).parameters:
            raise ConfigError(f"{self.family} takes no row weights", "Leave table.weight out, or use another class.")
        sparse = _takes_sparse(estimator)
        estimator.fit(features if sparse else features.toarray(), labels, **weighted)
        return CustomModel(estimator, how.task, features.shape[1], sparse)

    def _made(self, cores: int, seed: int) -> Any:
        known = _parameters(self.estimator) or []
        ours = {name: value for name, value in ((SEED, seed), (THREADS, cores)) if name in known}
        return self.estimator(**{**ours, **self.given})

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the estimator as joblib does."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / CustomModel.file_name
            model.save(path)
            storage.write_bytes(storage.join(spec.model, CustomModel.file_name), path.read_bytes())

    @classmethod
    def load_model(cls, folder: str) -> CustomModel:
        """Return the estimator that joblib wrote; refused unless the user trusts it, for a pickle can run anything."""
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / CustomModel.file_name
            path.write_bytes(storage.read_bytes(storage.join(folder, CustomModel.file_name)))
            return CustomModel.load(path)


def custom_trainer(dotted: str, owner: str) -> type[CustomTrainer]:
    """Return the trainer of the class ``dotted``, such as ``sklearn.ensemble.RandomForestClassifier``.

    Raises
    ------
    ConfigError
        If there is no such class, or it does not follow scikit-learn.
    """
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{owner}.family: {dotted!r} cannot be imported: {error}",
            "Under library: custom it is the dotted name of a class, such as sklearn.ensemble.RandomForestClassifier.",
        ) from error
    classifies, regresses = hasattr(found, "predict_proba"), getattr(found, "_estimator_type", None) == "regressor"
    regresses = regresses or (hasattr(found, "predict") and not classifies)
    if not inspect.isclass(found) or not hasattr(found, "fit") or not (classifies or regresses):
        raise ConfigError(
            f"{owner}.family: {dotted!r} does not follow scikit-learn: it needs fit, and predict_proba or predict",
            "Name another class, or wrap it in one that has them.",
        )
    tasks = frozenset({"binary", "multiclass"} if classifies else {"regression"})
    title = f"{name} on one machine"
    kind: type[CustomTrainer] = type(
        "CustomTrainer", (CustomTrainer,), {"family": dotted, "estimator": found, "tasks": tasks, "title": title}
    )
    return kind


def _parameters(estimator: type[Any]) -> list[str] | None:
    """Return the names that a class takes; None where it takes any."""
    signature = inspect.signature(estimator).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature):
        return None
    return [parameter.name for parameter in signature]


def _takes_sparse(estimator: Any) -> bool:
    """Return whether an estimator takes sparse rows, as far as its tags tell."""
    try:
        from sklearn.utils import get_tags

        return bool(get_tags(estimator).input_tags.sparse)
    except Exception:
        return False
