"""What the local XGBoost image makes of hyperparameters and files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.datasets import dump_svmlight_file

from sparring.sagemaker.local.algorithms.xgboost import (
    MODEL_FILE,
    Predictor,
    hyperparameters,
    read_training,
)
from sparring.training.xgboost_parameters import TABLE, XGBoostParameters

shares = st.floats(0.01, 1)
configured = st.fixed_dictionaries(
    {"num_round": st.integers(1, 5_000)},
    optional={
        "eta": st.floats(0, 1),
        "max_depth": st.integers(0, 64),
        "subsample": shares,
        "colsample_bytree": shares,
        "lambda": st.floats(0, 1e6),
        "grow_policy": st.sampled_from(["depthwise", "lossguide"]),
        "base_score": st.floats(0.01, 0.99),
    },
)


@given(configured, st.integers(1, 64), st.integers(0, 2**31 - 1))
def test_a_job_trains_with_exactly_what_one_machine_trains_with(values: dict[str, Any], cores: int, seed: int) -> None:
    parameters = XGBoostParameters.of(values, "test")
    rounds, native = hyperparameters(parameters.for_sagemaker(cores, seed))
    assert rounds == parameters.num_round
    assert native == parameters.native(cores, seed)
    assert {name: type(value) for name, value in native.items() if name in TABLE} == {
        name: TABLE[name].kind for name in native if name in TABLE
    }


@pytest.mark.parametrize("text", ["7", "7.0", "7e0"])
def test_a_whole_number_is_one_however_it_is_written(text: str) -> None:
    rounds, native = hyperparameters({"num_round": text, "max_depth": text})
    assert (rounds, native) == (7, {"max_depth": 7})
    assert type(native["max_depth"]) is int


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"eta": "0.1"}, "num_round is required"),
        ({"num_round": "0"}, "num_round must be >= 1, got '0'"),
        ({"num_round": "many"}, "num_round must be int, got 'many'"),
        ({"num_round": "1.5"}, "num_round must be int, got '1.5'"),
        ({"num_round": "inf"}, "num_round must be int, got 'inf'"),
        ({"num_round": "1", "eta": "nan"}, "eta must be in [0, 1], got 'nan'"),
        ({"num_round": "1", "subsample": "0"}, "subsample must be in (0, 1], got '0'"),
        (
            {"num_round": "1", "grow_policy": "up"},
            "grow_policy must be one of depthwise, lossguide, got 'up'",
        ),
        ({"num_round": "1", "learning_rate": "1"}, "hyperparameter learning_rate is unknown; known: alpha"),
    ],
)
def test_a_bad_hyperparameter_is_named_with_what_it_may_be(given_values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        hyperparameters(given_values)
    assert str(caught.value).startswith("ClientError: ")
    assert message in str(caught.value)


def test_settings_of_a_booster_not_asked_for_are_left_out() -> None:
    defaults = {"num_round": "1", "rate_drop": "0.0", "silent": "0", "tweedie_variance_power": "1.5"}
    assert hyperparameters(defaults)[1] == {}
    assert hyperparameters(defaults | {"booster": "dart"})[1] == {"booster": "dart", "rate_drop": 0.0}
    tweedie = {"objective": "reg:tweedie"}
    assert hyperparameters(defaults | tweedie)[1] == {**tweedie, "tweedie_variance_power": 1.5}


@pytest.fixture
def table() -> tuple[csr_matrix, np.ndarray]:
    random = np.random.default_rng(3)
    dense = np.where(random.random((40, 6)) < 0.5, 0, random.normal(size=(40, 6))).astype(np.float32)
    dense[20:, 3:] = 0
    return csr_matrix(dense), (random.random(40) < 0.5).astype(float)


def test_files_are_joined_in_order_at_the_width_of_the_widest(
    tmp_path: Path, table: tuple[csr_matrix, np.ndarray]
) -> None:
    features, labels = table
    files = [tmp_path / name for name in ("part-0", "part-1", "part-2")]
    dump_svmlight_file(features[:20], labels[:20], str(files[0]), zero_based=False)
    dump_svmlight_file(features[20:], labels[20:], str(files[1]), zero_based=False)
    files[2].write_bytes(b"")
    found, found_labels = read_training(files, "text/libsvm")
    assert np.array_equal(found.toarray(), features.toarray())
    assert found.nnz == features.nnz
    assert np.array_equal(found_labels, labels)


def test_csv_is_dense_with_the_label_first(tmp_path: Path, table: tuple[csr_matrix, np.ndarray]) -> None:
    features, labels = table
    file = tmp_path / "rows.csv"
    np.savetxt(file, np.column_stack([labels, features.toarray()]), delimiter=",", fmt="%.9g")
    found, found_labels = read_training([file], "text/csv; charset=utf-8")
    assert isinstance(found, np.ndarray)
    assert np.array_equal(found, features.toarray())
    assert np.array_equal(found_labels, labels)


@pytest.mark.parametrize("content_type", ["text/libsvm", "text/csv"])
def test_channels_without_rows_or_of_another_format_are_refused(tmp_path: Path, content_type: str) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for files in ([], [empty]):
        with pytest.raises(ValueError, match="the train channel has no row"):
            read_training(files, content_type)
    with pytest.raises(ValueError, match="'image/png' is neither text/libsvm nor text/csv"):
        read_training([empty], "image/png")


def test_rows_without_the_last_columns_score_as_in_the_whole_table(
    tmp_path: Path, table: tuple[csr_matrix, np.ndarray]
) -> None:
    features, labels = table
    booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(features, label=labels), num_boost_round=5)
    (tmp_path / MODEL_FILE).write_bytes(booster.save_raw("ubj"))
    file = tmp_path / "rows"
    dump_svmlight_file(features[20:], labels[20:], str(file), zero_based=False)
    scores = Predictor(tmp_path, "\n")(file.read_bytes(), "text/libsvm")[0].split(b"\n")
    assert np.array_equal(np.array(scores, np.float32), booster.predict(xgboost.DMatrix(features[20:])))
