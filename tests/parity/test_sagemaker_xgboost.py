"""The SageMaker contender against XGBoost on one machine, both on the same stored rows."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost

from sparring.comparison.isolated_run import run_contender
from sparring.config.schema import SageMakerConfig
from sparring.data.matrix import PreparedMatrix
from sparring.training.spec import TrainingSpec

# Sampling rows makes the model depend on their order: equal scores prove equal order.
SETTINGS = {
    "num_round": 20,
    "max_depth": 4,
    "subsample": 0.7,
    "colsample_bytree": 0.8,
    "lambda": 2.0,
    "eta": 0.2,
}


@pytest.fixture(scope="module")
def results(sparse_matrix: PreparedMatrix, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Results of both contenders, with their folders."""
    found = {}
    for engine in ("single_node", "sagemaker"):
        folder = str(tmp_path_factory.mktemp(engine))
        spec = TrainingSpec(
            name=f"xgboost-{engine}",
            engine=engine,
            family="gradient_boosted_trees",
            hyperparameters=SETTINGS,
            matrix=sparse_matrix.folder,
            folder=folder,
            cores=2,
            memory="1g",
            seed=11,
            target={"type": "int", "classes": [0, 1]},
            sagemaker=SageMakerConfig(max_runtime_seconds=300).model_dump(),
        )
        result = run_contender(spec, "session")
        assert result["status"] == "ok", result["error"]
        found[engine] = result | {"folder": folder}
    return found


def predictions(result: dict[str, Any]) -> pd.DataFrame:
    return pd.read_parquet(Path(result["folder"], "predictions")).set_index("key").sort_index()


def test_the_scores_are_those_of_one_machine(results: dict[str, dict[str, Any]]) -> None:
    ours, reference = predictions(results["sagemaker"]), predictions(results["single_node"])
    assert ours.index.equals(reference.index)
    assert np.abs(ours.score - reference.score).max() < 1e-6
    assert reference.score.nunique() > 100


def test_every_row_that_was_not_trained_on_is_predicted_once(
    results: dict[str, dict[str, Any]], sparse_matrix: PreparedMatrix
) -> None:
    found = predictions(results["sagemaker"])
    for part in ("validation", "test"):
        rows = sparse_matrix.read(part)
        mine = found[found.split == part]
        assert list(mine.index) == list(rows.keys)
        assert np.array_equal(mine.label, rows.labels)
        assert np.array_equal(mine.weight, rows.weights)
        assert list(mine.group) == list(rows.groups)
    assert set(found.split) == {"validation", "test"}


def test_the_model_that_was_kept_is_the_one_that_scored(
    results: dict[str, dict[str, Any]], sparse_matrix: PreparedMatrix
) -> None:
    archive = Path(results["sagemaker"]["folder"], "model", "model.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        member = packed.extractfile("xgboost-model")
        assert member is not None
        booster = xgboost.Booster(model_file=bytearray(member.read()))
    rows = sparse_matrix.read("test")
    found = predictions(results["sagemaker"])
    assert np.array_equal(
        found[found.split == "test"].score.astype(np.float32), booster.predict(xgboost.DMatrix(rows.features))
    )


def test_the_result_tells_what_was_read_and_by_whom(
    results: dict[str, dict[str, Any]], sparse_matrix: PreparedMatrix
) -> None:
    ours, reference = results["sagemaker"], results["single_node"]
    assert ours["matrix"]["fingerprints"] == sparse_matrix.encoding().fingerprints
    assert ours["matrix"] == reference["matrix"]
    assert ours["hyperparameters"] == reference["hyperparameters"]
    assert (ours["emulated"], reference["emulated"]) == (True, False)
    assert "not SageMaker's" in ours["notes"][0]
    assert {"transfer", "fit", "deploy", "score", "clean_up"} <= set(ours["phases"])
    assert all(seconds >= 0 for seconds in ours["phases"].values())
    assert sum(ours["phases"].values()) <= ours["wall_seconds"] + 1
