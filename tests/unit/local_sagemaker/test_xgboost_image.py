"""The local XGBoost image against the library itself: every input format, metric, answer and refusal."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn import metrics

from sparring.container import AcceptError, ContentError, TrainingEnvironment
from sparring.container.collective import tracker_port
from sparring.training.parameters import parameters_of
from sparring.training.xgboost_parameters import XGBoostParameters
from sparring.wire import Rows, codec
from sparring.wire.answers import decode_answers
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError
from sparring_local_sagemaker.algorithms.xgboost import MODEL_FILE, Predictor, train
from sparring_local_sagemaker.algorithms.xgboost_hyperparameters import training_of

RECORDIO, LIBSVM, CSV, PARQUET = "application/x-recordio-protobuf", "text/libsvm", "text/csv", "application/x-parquet"
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
    training = training_of(parameters.for_sagemaker(cores, seed))
    assert training.num_round == parameters.num_round
    assert training.native == parameters.native(cores, seed)
    known = parameters_of("sagemaker", "gradient_boosted_trees")
    assert {name: type(value) for name, value in training.native.items() if name in known} == {
        name: known[name].kind for name in training.native if name in known
    }


@pytest.mark.parametrize("text", ["7", "7.0", "7e0"])
def test_a_whole_number_is_one_however_it_is_written(text: str) -> None:
    training = training_of({"num_round": text, "max_depth": text})
    assert (training.num_round, training.native) == (7, {"max_depth": 7})
    assert type(training.native["max_depth"]) is int


ONE = {"num_round": "1"}


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"eta": "0.1"}, "Missing required hyperparameter: 'num_round'"),
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in integer in [1, inf)"),
        ({"num_round": "many"}, "Hyperparameter num_round: could not parse value 'many'"),
        ({"num_round": "1.5"}, "could not parse value '1.5'"),
        ({"num_round": "inf"}, "could not parse value 'inf'"),
        (ONE | {"eta": "nan"}, "eta: nan is not in number in [0, 1]"),
        (ONE | {"subsample": "0"}, "subsample: 0 is not in number in (0, 1]"),
        (ONE | {"grow_policy": "up"}, "grow_policy: up is not in one of depthwise, lossguide"),
        (ONE | {"n_estimators": "1"}, "Extraneous hyperparameter found: n_estimators; known are aft"),
        (ONE | {"objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        (ONE | {"eval_metric": "rmse,nonsense"}, "eval_metric: value 'nonsense' not in range"),
        (ONE | {"eval_metric": "auc"}, "Metric 'auc' can only be applied for classification and ranking problems."),
        (ONE | {"eval_metric": "error@x"}, "Threshold value 't' in 'error@t' expects float input."),
        (ONE | {"monotone_constraints": "(1,-1)"}, "only when the tree_method parameter is set to exact or hist"),
        (ONE | {"tree_method": "gpu_hist"}, "tree_method: gpu_hist is not in one of auto, exact, approx, hist"),
        (ONE | {"_kfold": "5"}, "hyperparameter _kfold: cross-validation inside the job is not in the local emulator"),
    ],
)
def test_a_bad_hyperparameter_is_named_with_what_it_may_be(given_values: dict[str, str], message: str) -> None:
    with pytest.raises(ClientError, match="^ClientError: .*" + re.escape(message)):
        training_of(given_values)


def test_settings_of_a_booster_not_asked_for_are_left_out() -> None:
    defaults = {"num_round": "1", "rate_drop": "0.0", "silent": "0", "tweedie_variance_power": "1.5"}
    assert training_of(defaults).native == {}
    assert training_of(defaults | {"booster": "dart"}).native == {"booster": "dart", "rate_drop": 0.0}
    tweedie = {"objective": "reg:tweedie", "eval_metric": "tweedie-nloglik"}
    wanted = {"objective": "reg:tweedie", "tweedie_variance_power": 1.5, "eval_metric": ["tweedie-nloglik@1.5"]}
    assert training_of(defaults | tweedie).native == wanted
    assert training_of(defaults | {"learning_rate": "0.1", "objective": "reg:linear"}).native == {
        "eta": 0.1,
        "objective": "reg:squarederror",
    }


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Rows with absent cells, whose last column is absent at the end."""
    random = np.random.default_rng(3)
    dense = random.normal(size=(300, 6)).astype(np.float32)
    stored = random.random((300, 6)) < 0.7
    stored[200:, 5] = False
    offsets = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
    features = csr_matrix((dense[stored], np.nonzero(stored)[1], offsets), shape=dense.shape)
    labels = (np.where(stored, dense, 0) @ [1, -1, 0.5, 0, 0, 1] + random.normal(size=300) > 0).astype(float)
    return Rows(features, labels)


SETTINGS = {"objective": "binary:logistic", "eta": "0.3", "max_depth": "3", "seed": "1", "nthread": "1"}


def job(
    base: Path, channels: dict[str, list[Rows]], content_type: str, hosts: dict[str, Any] | None = None, **more: str
) -> TrainingEnvironment:
    """A container's tree; each channel's parts are its files."""
    for folder in ("input/config", "model"):
        (base / folder).mkdir(parents=True)
    for name, parts in channels.items():
        folder = base / "input/data" / name
        folder.mkdir(parents=True)
        (folder / "_SUCCESS").write_bytes(b"")
        for number, part in enumerate(parts):
            (folder / f"part-{number}").write_bytes(codec(content_type).encode(part))
    config = {name: {"ContentType": content_type} for name in channels}
    files = {
        "hyperparameters": {"num_round": "10", **SETTINGS, **more},
        "inputdataconfig": config,
        "resourceconfig": hosts or {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, value in files.items():
        (base / "input/config" / f"{name}.json").write_text(json.dumps(value))
    return TrainingEnvironment(base, files["hyperparameters"], config)


def direct(features: Any, labels: Any, rounds: int = 10, weights: Any = None, **more: Any) -> xgboost.Booster:
    settings = {"objective": "binary:logistic", "eta": 0.3, "max_depth": 3, "seed": 1, "nthread": 1, **more}
    return xgboost.train(settings, xgboost.DMatrix(features, label=labels, weight=weights), num_boost_round=rounds)


def scores(folder: Path, rows: Rows, content_type: str, **more: str) -> np.ndarray:
    body = codec(content_type).encode(Rows(rows.features))
    answer, kind = Predictor(folder, "1.7-1")(body, content_type, **more)
    return decode_answers(answer, kind, ("score",), rows.count)["score"]


@pytest.mark.parametrize("content_type", [LIBSVM, CSV, RECORDIO, PARQUET])
def test_every_input_format_trains_and_scores_as_the_library_does(
    tmp_path: Path, rows: Rows, content_type: str
) -> None:
    environment = job(tmp_path, {"train": [rows[:200], rows[200:]]}, content_type)
    train(environment)
    expected = direct(rows.features, rows.labels).predict(xgboost.DMatrix(rows.features))
    for served in (LIBSVM, CSV, RECORDIO):
        assert np.array_equal(scores(environment.model, rows, served).astype(np.float32), expected)
        # Rows whose last column is absent, alone.
        assert np.array_equal(scores(environment.model, rows[200:], served).astype(np.float32), expected[200:])
    assert np.array_equal(scores(environment.model, rows, CSV, accept="application/json").astype(np.float32), expected)


def test_a_zero_is_a_zero_and_an_absent_cell_is_missing(tmp_path: Path, rows: Rows) -> None:
    dense = Rows(rows.features.toarray(), rows.labels)
    expected = direct(dense.features, rows.labels).predict(xgboost.DMatrix(dense.features))
    for content_type in (CSV, RECORDIO, LIBSVM):
        environment = job(tmp_path / content_type, {"train": [dense]}, content_type)
        train(environment)
        assert np.array_equal(scores(environment.model, dense, content_type).astype(np.float32), expected)


@pytest.mark.parametrize("content_type", [CSV, LIBSVM])
def test_instance_weights_are_the_librarys(tmp_path: Path, rows: Rows, content_type: str) -> None:
    weights = np.random.default_rng(1).integers(1, 9, rows.count).astype(float)
    weighted = Rows(rows.features, rows.labels, weights)
    environment = job(
        tmp_path, {"train": [weighted]}, content_type, **({"csv_weights": "1"} if content_type == CSV else {})
    )
    train(environment)
    expected = direct(rows.features, rows.labels, weights=weights).predict(xgboost.DMatrix(rows.features))
    assert np.array_equal(scores(environment.model, rows, LIBSVM).astype(np.float32), expected)


def test_early_stopping_keeps_the_best_round_and_lines_are_cloudwatchs(
    tmp_path: Path, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    channels = {"train": [rows[:200]], "validation": [rows[200:]]}
    more = {"num_round": "200", "early_stopping_rounds": "4", "eval_metric": "logloss,auc,f1"}
    environment = job(tmp_path, channels, LIBSVM, **more, eta="0.9")
    train(environment)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    pattern = r"\[(\d+)\]" + "".join(
        rf"#011{c}-{m}:\d\.\d{{5}}" for c in ("train", "validation") for m in ("logloss", "auc", "f1")
    )
    assert all(re.fullmatch(pattern, line) for line in lines)
    found = [float(line.rpartition("validation-f1:")[2]) for line in lines]
    best = int(np.argmax(found))
    assert len(lines) == best + 5 < 200
    booster = direct(rows[:200].features, rows[:200].labels, best + 1, eta=0.9)
    predicted = booster.predict(xgboost.DMatrix(rows[200:].features))
    assert np.array_equal(scores(environment.model, rows[200:], LIBSVM).astype(np.float32), predicted)
    wanted = metrics.f1_score(rows.labels[200:], predicted > 0.5, average="macro")  # type: ignore[index]
    assert found[best] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("objective", "more", "metric"),
    [
        ("reg:squarederror", {}, "rmse"),
        ("reg:squarederror", {}, "r2"),
        ("reg:logistic", {}, "mse"),
        ("reg:gamma", {}, "gamma-deviance"),
        ("reg:pseudohubererror", {}, "mphe"),
        ("reg:squaredlogerror", {}, "rmsle"),
        ("reg:absoluteerror", {}, "mape"),
        ("reg:tweedie", {"tweedie_variance_power": "1.3"}, "tweedie-nloglik"),
        ("count:poisson", {}, "poisson-nloglik"),
        ("binary:logitraw", {}, "aucpr"),
        ("binary:hinge", {}, "error@0.5"),
        ("multi:softmax", {"num_class": "3"}, "merror"),
        ("multi:softprob", {"num_class": "3"}, "precision_macro"),
        ("rank:pairwise", {}, "ndcg@5"),
        ("rank:ndcg", {}, "map"),
        ("rank:map", {}, "ndcg"),
        ("survival:cox", {}, "cox-nloglik"),
        ("survival:aft", {"aft_loss_distribution": "logistic"}, "aft-nloglik"),
    ],
)
def test_every_objective_trains(
    tmp_path: Path, rows: Rows, objective: str, more: dict[str, str], metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    positive = objective.startswith(("reg:gamma", "survival"))
    labels = rows.labels + 1 if positive else rows.labels  # type: ignore[operator]
    environment = job(
        tmp_path,
        {"train": [Rows(rows.features, labels)]},
        LIBSVM,
        num_round="2",
        objective=objective,
        eval_metric=metric,
        **more,
    )
    train(environment)
    assert f"[1]#011train-{metric.split('@')[0]}" in capsys.readouterr().out
    predicted = scores(environment.model, rows, LIBSVM)
    assert len(predicted) == rows.count
    assert np.isfinite(predicted).all()


def test_answers_are_the_tags(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / MODEL_FILE).write_bytes(direct(rows.features, rows.labels).save_raw("ubj"))
    body = codec(LIBSVM).encode(rows[:2])
    old, new = (Predictor(tmp_path, tag)(body, LIBSVM) for tag in ("1", "1.7-1"))
    assert old[0].count(b",") == 1
    assert b"\n" not in old[0]
    assert new[0] == old[0].replace(b",", b"\n")
    assert Predictor(tmp_path, "1")(body, LIBSVM, "application/json")[1].startswith("text/csv")
    several = direct(rows.features, rows.labels, objective="multi:softprob", num_class=3)
    (tmp_path / MODEL_FILE).write_bytes(several.save_raw("ubj"))
    found = scores(tmp_path, rows, RECORDIO)
    assert np.array_equal(found.astype(np.float32), several.predict(xgboost.DMatrix(rows.features)))


def test_selected_answers_are_what_was_asked_for(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    booster = direct(rows.features, rows.labels)
    (tmp_path / MODEL_FILE).write_bytes(booster.save_raw("ubj"))
    score = booster.predict(xgboost.DMatrix(rows.features))
    monkeypatch.setenv("SAGEMAKER_INFERENCE_OUTPUT", "predicted_label, probabilities")
    body = codec(LIBSVM).encode(rows)
    answer, kind = Predictor(tmp_path, "1.7-1")(body, LIBSVM, "application/jsonlines")
    found = decode_answers(answer, kind, ("predicted_label", "probabilities"), rows.count)
    assert np.array_equal(found["predicted_label"], score > 0.5)
    assert np.allclose(found["probabilities"][:, 1], score)
    line = Predictor(tmp_path, "1.7-1")(body, LIBSVM, "text/csv")[0].split(b"\n")[0]
    assert re.fullmatch(rb'[01],"\[[\d.e-]+, [\d.e-]+\]"', line)
    monkeypatch.setenv("SAGEMAKER_INFERENCE_OUTPUT", "predicted_score")
    with pytest.raises(ValueError, match="incompatible with objective binary:logistic"):
        Predictor(tmp_path, "1.7-1")(body, LIBSVM)


@pytest.mark.parametrize(
    ("content_type", "body", "error", "message"),
    [
        ("image/png", b"", ContentError, "'image/png' is none of text/libsvm, text/csv"),
        (LIBSVM, b"0 a:b", ValueError, "the body is not text/libsvm"),
        (LIBSVM, b"0 7:1", ValueError, "a row has 7 features, expected are 6"),
        (CSV, b"1,2,3", ValueError, "a row has 3 features, expected are 6"),
        (CSV, b"a,b,c,d,e,f", ValueError, "not CSV of numbers without a header"),
        (RECORDIO, b"1,2,3", ValueError, "starts no RecordIO record"),
    ],
)
def test_bad_requests_are_refused(
    tmp_path: Path, rows: Rows, content_type: str, body: bytes, error: type[Exception], message: str
) -> None:
    (tmp_path / MODEL_FILE).write_bytes(direct(rows.features, rows.labels).save_raw("ubj"))
    with pytest.raises(error, match=message):
        Predictor(tmp_path, "1")(body, content_type)
    with pytest.raises(AcceptError, match="Accept type image/png is not supported"):
        Predictor(tmp_path, "1.7-1")(b"0 1:1", LIBSVM, "image/png")


def test_bad_channels_are_refused(tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(ClientError, match="the train channel has no row"):
        train(job(tmp_path / "empty", {"train": []}, LIBSVM))
    with pytest.raises(ClientError, match="Missing required channel: train"):
        train(job(tmp_path / "none", {"validation": [rows]}, LIBSVM))
    with pytest.raises(ClientError, match="Channel 'test' is not one of train, validation, code"):
        train(job(tmp_path / "other", {"train": [rows], "test": [rows]}, LIBSVM))
    environment = job(tmp_path / "type", {"train": [rows]}, LIBSVM)
    environment.channels["train"]["ContentType"] = "image/png"
    with pytest.raises(ClientError, match="content type 'image/png' of channel train is none of text/libsvm"):
        train(environment)
    environment.channels["train"]["ContentType"] = CSV
    with pytest.raises(ClientError, match="file part-0 of channel train is not text/csv"):
        train(environment)
    with pytest.raises(ClientError, match=r"label must be in \[0,1\] for logistic regression"):
        train(job(tmp_path / "label", {"train": [Rows(rows.features, rows.labels + 1)]}, LIBSVM))  # type: ignore[operator]
    with pytest.raises(ClientError, match="early_stopping_rounds needs a validation channel"):
        train(job(tmp_path / "early", {"train": [rows]}, LIBSVM, early_stopping_rounds="3"))


def test_a_job_goes_on_from_its_checkpoint_to_the_same_model(tmp_path: Path, rows: Rows) -> None:
    whole = job(tmp_path / "whole", {"train": [rows]}, LIBSVM)
    train(whole)
    first = job(tmp_path / "first", {"train": [rows]}, LIBSVM, num_round="4")
    (first.base / "checkpoints").mkdir()
    train(first)
    second = job(tmp_path / "second", {"train": [rows]}, LIBSVM)
    (first.base / "checkpoints").rename(second.base / "checkpoints")
    train(second)
    assert len(list((second.base / "checkpoints").iterdir())) == 5
    assert np.array_equal(scores(second.model, rows, LIBSVM), scores(whole.model, rows, LIBSVM))


def test_hosts_train_one_model_together(tmp_path: Path, rows: Rows) -> None:
    """Three processes with their shards, the last without any row; only the first one writes the model."""
    shares = (200, 100, 0)
    names = [f"algo-{number}" for number in range(1, len(shares) + 1)]
    addresses = {name: f"127.0.0.{number + 2}" for number, name in enumerate(names)}
    starts = np.cumsum([0, *shares])
    programs = []
    name = f"together-{os.getpid()}"
    for number, host in enumerate(names):
        part = [rows[starts[number] : starts[number + 1]]] if shares[number] else []
        hosts = {"current_host": host, "hosts": names, "network_interface_name": "lo"}
        environment = job(tmp_path / host, {"train": part}, LIBSVM, hosts)
        variables = {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(environment.base),
            "SPARRING_HOST_ADDRESSES": json.dumps(addresses),
            "TRAINING_JOB_NAME": name,
        }
        command = [sys.executable, "-m", "sparring_local_sagemaker.algorithms.xgboost_programs", "train"]
        programs.append(subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    logs = [program.communicate(timeout=240)[0].decode() for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0], "\n".join(logs)
    assert [(tmp_path / host / "model" / MODEL_FILE).exists() for host in names] == [True, False, False]
    assert "#011train-logloss" in logs[0]
    assert "this host has no row of channel train" in logs[2]
    found = scores(tmp_path / "algo-1" / "model", rows, LIBSVM)
    expected = direct(rows.features, rows.labels).predict(xgboost.DMatrix(rows.features))
    # Histograms of shards are merged approximately, and sums are formed in another order.
    assert metrics.roc_auc_score(rows.labels, found) == pytest.approx(
        metrics.roc_auc_score(rows.labels, expected), abs=0.01
    )
    assert np.abs(found - expected).mean() < 0.02
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((addresses["algo-1"], tracker_port(name)))
