"""Early stopping on validation: the rounds used are those of XGBoost itself, and are told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from scipy.sparse import csr_matrix

from sparring.comparison.capacity import capacity_gaps
from sparring.data.matrix import PreparedMatrix
from sparring.errors import ConfigError
from sparring.training.runner import train
from sparring.training.single_node import FitSettings
from sparring.training.spec import TrainingSpec
from sparring.training.xgboost_parameters import XGBoostParameters
from sparring.training.xgboost_single_node import SingleNodeXGBoost

SETTINGS = {"num_round": 200, "max_depth": 3, "eta": 0.5}


def trained(matrix: PreparedMatrix, folder: Path, **changes: Any) -> dict[str, Any]:
    spec = TrainingSpec(
        name=folder.name,
        engine="single_node",
        family="gradient_boosted_trees",
        hyperparameters={**SETTINGS, **changes},
        matrix=matrix.folder,
        folder=str(folder),
        cores=1,
        memory="1g",
        seed=1,
        target={"type": "int", "classes": [0, 1]},
    )
    result = train(spec)
    assert result["status"] == "ok", result["error"]
    return {"name": spec.name, "family": spec.family, **result}


def booster(folder: Path) -> xgboost.Booster:
    return xgboost.Booster(model_file=bytearray((folder / "model" / "model.ubj").read_bytes()))


def test_it_stops_where_the_validation_part_was_predicted_best(sparse_matrix: PreparedMatrix, tmp_path: Path) -> None:
    stopped = trained(sparse_matrix, tmp_path / "stopped", early_stopping_rounds=5)
    whole, validation = trained(sparse_matrix, tmp_path / "whole"), sparse_matrix.read("validation")
    rows = xgboost.DMatrix(validation.features)
    losses = []
    for rounds in range(1, SETTINGS["num_round"] + 1):
        p = np.clip(booster(tmp_path / "whole").predict(rows, iteration_range=(0, rounds)), 1e-7, 1 - 1e-7)
        losses.append(-np.mean(np.where(validation.labels == 1, np.log(p), np.log(1 - p))))
        if rounds - int(np.argmin(losses)) - 1 >= 5:
            break
    best = int(np.argmin(losses)) + 1
    assert best < SETTINGS["num_round"]
    assert booster(tmp_path / "stopped").num_boosted_rounds() == best
    assert stopped["capacity"] == {"rounds": best, "early_stopping": True, "depth": 3, "learning_rate": 0.5}
    assert whole["capacity"] == {"rounds": 200, "depth": 3, "learning_rate": 0.5}
    assert capacity_gaps(stopped, whole) == [f"rounds {best} and 200"]
    # Another one of as many rounds is no other model.
    equal = {**whole, "capacity": {**whole["capacity"], "rounds": best}}
    assert capacity_gaps(stopped, equal) == []


def test_a_stage_without_validation_rows_refuses_it() -> None:
    learner = SingleNodeXGBoost({**SETTINGS, "early_stopping_rounds": 5}, "x")
    with pytest.raises(ConfigError, match="needs validation rows"):
        learner.fit_rows(csr_matrix(np.eye(2, dtype=np.float32)), np.array([0.0, 1.0]), np.ones(2), FitSettings())


def test_only_whole_numbers_of_rounds() -> None:
    with pytest.raises(ConfigError, match="early_stopping_rounds must be a whole number >= 1, got 0"):
        XGBoostParameters.of({**SETTINGS, "early_stopping_rounds": 0}, "x")
    assert "early_stopping_rounds" not in XGBoostParameters.of(SETTINGS, "x").effective()
