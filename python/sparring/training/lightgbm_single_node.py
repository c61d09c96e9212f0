"""LightGBM on one machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sparring.config.schema import RunConfig
from sparring.errors import ConfigError
from sparring.io import storage
from sparring.models import LightGBMModel, Model
from sparring.models.lightgbm import import_lightgbm
from sparring.training.declared import DeclaredTrainer
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spec import TrainingSpec

OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
STOPPING = "early_stopping_round"


class LightGBM(DeclaredTrainer, SingleNodeTrainer):
    """LightGBM's own training; a cell absent from a row is zero to it, as it is to every trainer but XGBoost's."""

    library = column = "lightgbm"
    family = "gradient_boosted_trees"
    tasks = frozenset(OBJECTIVES)
    title = "LightGBM on one machine"

    def capacity(self) -> dict[str, Any]:
        """Return rounds, depth, learning rate, leaves, rows a leaf, and whether it may stop early."""
        found = self.effective()
        return {
            "rounds": found["num_iterations"],
            "depth": found["max_depth"] or None,
            "learning_rate": found["learning_rate"],
            "leaves": found["num_leaves"],
            "min_leaf_rows": found["min_data_in_leaf"],
            "early_stopping": STOPPING in found,
        }

    def check_environment(self, config: RunConfig) -> None:
        """Raise :class:`MissingDependencyError` if LightGBM is not installed, or lacks the system's OpenMP."""
        import_lightgbm()

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that are read before the fit: validation where it may stop it early."""
        return ("train", "validation") if STOPPING in self.given else ("train",)

    def versions(self) -> dict[str, str]:
        """Import LightGBM, and return its version."""
        return {"lightgbm": import_lightgbm().__version__}

    def fit_rows(
        self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings
    ) -> LightGBMModel:
        """Return the fitted booster, the same for the same rows in the same order."""
        lightgbm = import_lightgbm()
        native = self._native(how.task, how.classes, how.cores, how.seed)
        train = lightgbm.Dataset(features, labels, weight=weights, params=native)
        stopping: dict[str, Any] = {}
        if STOPPING in self.given:
            if how.validation is None:
                raise ConfigError(
                    f"{STOPPING} needs validation rows, and there are none here", f"Leave {STOPPING} out."
                )
            held = how.validation
            rows = lightgbm.Dataset(held.features, held.labels, weight=held.weights, reference=train)
            stopping = {"valid_sets": [rows]}
        booster = lightgbm.train(native, train, num_boost_round=self.effective()["num_iterations"], **stopping)
        best = booster.best_iteration if booster.best_iteration > 0 else None
        return LightGBMModel(booster.model_to_string(num_iteration=best))

    def _native(self, task: str, classes: int, cores: int, seed: int) -> dict[str, Any]:
        """Return LightGBM's own parameters."""
        found = {name: value for name, value in self.effective().items() if name != "num_iterations"}
        # Without a frequency it would take all rows, whatever the share.
        sampling = {"bagging_freq": 1} if found["bagging_fraction"] < 1 else {}
        several = {"num_class": classes} if task == "multiclass" else {}
        return {
            **found,
            **sampling,
            **several,
            "max_depth": found["max_depth"] or -1,
            "objective": OBJECTIVES[task],
            "num_threads": cores,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def became(self, model: Model) -> dict[str, Any]:
        """Return how large the model became: it may have stopped early."""
        assert isinstance(model, LightGBMModel)
        return {**self.capacity(), "rounds": model.rounds}

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the booster in LightGBM's own text."""
        storage.write_bytes(storage.join(spec.model, LightGBMModel.file_name), model.to_bytes())

    @classmethod
    def load_model(cls, folder: str) -> Model:
        """Return the booster that the fit left in ``folder``."""
        return LightGBMModel.from_bytes(storage.read_bytes(storage.join(folder, LightGBMModel.file_name)))
