"""XGBoost on one machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from sparring.data.matrix import Part
from sparring.errors import ConfigError
from sparring.io import storage
from sparring.models import Model, XGBoostModel
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spec import TrainingSpec
from sparring.training.xgboost_parameters import XGBoostParameters
from sparring.training.xgboost_trainer import XGBoostTrainer

BOOSTER = "model.ubj"


class SingleNodeXGBoost(XGBoostTrainer, SingleNodeTrainer):
    """XGBoost's native training; a cell absent from a row is missing to it."""

    title = "XGBoost on one machine"
    lean = True

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that are read before the fit: validation where it may stop it early."""
        return ("train", "validation") if self.parameters.early_stopping_rounds else ("train",)

    def versions(self) -> dict[str, str]:
        """Import XGBoost, and return its version."""
        import xgboost

        return {"xgboost": xgboost.__version__}

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> XGBoostModel:
        """Return the fitted booster; rows in another order may give another model."""
        import xgboost

        matrix = xgboost.DMatrix(features, label=labels, weight=weights, nthread=how.cores)
        native = self.parameters.native(how.cores, how.seed, how.task, how.classes)
        stopping = early_stopping(self.parameters, how.validation, how.cores)
        booster = xgboost.train(native, matrix, num_boost_round=self.parameters.num_round, **stopping)
        return XGBoostModel(bytes(booster.save_raw("ubj")))

    def became(self, model: Model) -> dict[str, Any]:
        """Return how large the model became."""
        assert isinstance(model, XGBoostModel)
        return self.parameters.capacity(model.booster)

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the booster in XGBoost's UBJSON format."""
        assert isinstance(model, XGBoostModel)
        storage.write_bytes(storage.join(spec.model, BOOSTER), model.data)

    @classmethod
    def load_model(cls, folder: str) -> XGBoostModel:
        """Return the booster that the fit left in ``folder``, as a model that scores without Spark."""
        return XGBoostModel(storage.read_bytes(storage.join(folder, BOOSTER)))


def early_stopping(parameters: XGBoostParameters, validation: Part | None, cores: int) -> dict[str, Any]:
    """Return the arguments of :func:`xgboost.train` that stop it early; none where it is not asked for.

    Raises
    ------
    ConfigError
        If there are no validation rows to look at.
    """
    import xgboost

    if parameters.early_stopping_rounds is None:
        return {}
    if validation is None:
        raise ConfigError(
            "early_stopping_rounds needs validation rows, and there are none here", "Leave early_stopping_rounds out."
        )
    rows = xgboost.DMatrix(validation.features, validation.labels, weight=validation.weights, nthread=cores)
    # As the built-in algorithm does: the model ends with its best round.
    stop = xgboost.callback.EarlyStopping(rounds=parameters.early_stopping_rounds, save_best=True)
    return {"evals": [(rows, "validation")], "callbacks": [stop], "verbose_eval": False}
