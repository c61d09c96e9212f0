"""The XGBoost image's programs: the real ``xgboost`` library behind SageMaker's contract.

Training reads libsvm (1-based), CSV (label first), RecordIO-protobuf and Parquet; a cell that is absent is missing,
a zero is a zero.  Serving reads the same without labels and answers as the image's tag does: ``:1`` joins scores
by commas, newer ones by new lines, or as JSON.

Source of the contract: aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from sparring.container import AcceptError, BodyError, ContentError, TrainingEnvironment, run_training, serve
from sparring.container.training import BASE_VARIABLE
from sparring.wire import FormatError, Rows, codec
from sparring.wire.answers import encode_answers
from sparring.wire.media import CSV, JSON, JSON_LINES, LIBSVM, PARQUET, RECORDIO, media_type
from sparring.wire.text import listed, texts
from sparring_local_sagemaker.algorithms.channels import Hosts, channel_of_width, read_channel, require_width
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, without_effect
from sparring_local_sagemaker.algorithms.xgboost_checkpoints import Checkpoints, SaveEachRound
from sparring_local_sagemaker.algorithms.xgboost_cluster import cluster, largest
from sparring_local_sagemaker.algorithms.xgboost_hyperparameters import TABLE, Training, training_of
from sparring_local_sagemaker.algorithms.xgboost_metrics import LOWER_IS_BETTER, MetricLines, custom_metric
from sparring_local_sagemaker.algorithms.xgboost_selection import SELECTION_VARIABLE, select

TRAINS_ON = (LIBSVM, CSV, RECORDIO, PARQUET)
SERVES = (LIBSVM, CSV, RECORDIO)
MODEL_FILE = "xgboost-model"
TAG_VARIABLE = "SPARRING_IMAGE_TAG"
BATCH_VARIABLE = "SAGEMAKER_BATCH"
LOGISTIC = ("binary:logistic", "binary:logitraw", "reg:logistic")
CHANNELS = ("train", "validation", "code")


def train(environment: TrainingEnvironment) -> None:
    """Train and leave ``xgboost-model`` in the model folder of the first host.

    Raises
    ------
    ClientError
        If a hyperparameter or a channel is not what the image takes.
    """
    print("local emulator of SageMaker: the real xgboost", xgboost.__version__, flush=True)
    training = training_of(environment.hyperparameters)
    if ignored := without_effect(TABLE, environment.hyperparameters):
        print(f"checked, but without effect in today's xgboost: {', '.join(ignored)}", flush=True)
    hosts = Hosts.read(environment.base)
    for name in environment.channels:
        if name not in CHANNELS:
            raise ClientError(f"Channel {name!r} is not one of {', '.join(CHANNELS)}")
    alone = len(hosts.names) == 1
    channels: dict[str, Rows | None] = {
        name: read_channel(environment, name, TRAINS_ON, labels=1, weights=training.csv_weights, may_be_empty=not alone)
        for name in ("train", "validation")
        if name in environment.channels
    }
    if "train" not in channels:
        raise ClientError("Missing required channel: train")
    with cluster(hosts):
        booster = _boost(training, _matrices(channels), environment, hosts)
    if hosts.leads:
        (environment.model / MODEL_FILE).write_bytes(booster.save_raw("ubj"))


def _matrices(channels: dict[str, Rows | None]) -> dict[str, xgboost.DMatrix]:
    """Return each channel's rows for the library; all hosts and channels agree on the width."""
    width = largest(max((rows.width for rows in channels.values() if rows is not None), default=0))
    for name, rows in channels.items():
        if largest(0 if rows is None else rows.count) == 0:
            raise ClientError(f"the {name} channel has no row on any host")
    return {name: _matrix(name, rows, width) for name, rows in channels.items()}


def _matrix(name: str, rows: Rows | None, width: int) -> xgboost.DMatrix:
    if rows is None:
        print(f"this host has no row of channel {name}: divide the files among the instances", flush=True)
        return xgboost.DMatrix(np.empty((0, width), np.float32), label=np.empty(0))
    if rows.labels is None:
        raise ClientError(f"the rows of channel {name} have no label")
    rows = channel_of_width(rows, width, name)
    print(f"{name}: {rows.count} rows x {width} features", flush=True)
    return xgboost.DMatrix(rows.features, label=rows.labels, weight=rows.weights)


def _boost(
    training: Training, matrices: dict[str, xgboost.DMatrix], environment: TrainingEnvironment, hosts: Hosts
) -> xgboost.Booster:
    """Return the trained model, up to its best round where early stopping was asked for."""
    print(f"{training.num_round} rounds, {training.native}", flush=True)
    _check_labels(training, matrices)
    if training.native.get("objective") == "survival:aft":
        for matrix in matrices.values():
            matrix.set_float_info("label_lower_bound", matrix.get_label())
            matrix.set_float_info("label_upper_bound", matrix.get_label())
    checkpoints = Checkpoints(environment.base / "checkpoints")
    start, done = checkpoints.latest()
    callbacks: list[xgboost.callback.TrainingCallback] = [*checkpoints.callbacks(done, hosts.leads)]
    if hosts.leads:
        callbacks.append(MetricLines())
    if training.save_on_termination and hosts.leads:
        callbacks.append(SaveEachRound(environment.model / MODEL_FILE))
    if training.early_stopping_rounds:
        callbacks.append(_early_stopping(training, "validation" in matrices))
    try:
        return xgboost.train(
            training.native,
            matrices["train"],
            num_boost_round=training.num_round - done,
            evals=[(matrix, name) for name, matrix in matrices.items()],
            custom_metric=custom_metric(training.custom_metrics),
            callbacks=callbacks,
            xgb_model=start,
            verbose_eval=False,
        )
    except xgboost.core.XGBoostError as error:
        said = next((line for line in str(error).splitlines() if "Check failed" in line), str(error).splitlines()[0])
        raise ClientError(said) from error


def _check_labels(training: Training, matrices: dict[str, xgboost.DMatrix]) -> None:
    """Raise :class:`ClientError` if a label is none that the objective has."""
    objective, classes = str(training.native.get("objective", "")), training.native.get("num_class", 0)
    for matrix in matrices.values():
        labels = matrix.get_label()
        if objective in LOGISTIC and not ((labels >= 0) & (labels <= 1)).all():
            raise ClientError("label must be in [0,1] for logistic regression")
        if objective.startswith("multi:") and not np.isin(labels, np.arange(classes)).all():
            raise ClientError(f"label must be in [0, num_class), num_class is {classes}")


def _early_stopping(training: Training, validated: bool) -> xgboost.callback.EarlyStopping:
    if not validated:
        raise ClientError("early_stopping_rounds needs a validation channel")
    metric = training.last_metric
    return xgboost.callback.EarlyStopping(
        training.early_stopping_rounds or 1,
        metric_name=metric,
        data_name="validation",
        maximize=metric not in LOWER_IS_BETTER if metric in training.custom_metrics else None,
        # A linear model cannot be cut back to a round.
        save_best=training.native.get("booster") != "gblinear",
    )


class Predictor:
    """Scores request bodies with the model in ``folder``.

    Parameters
    ----------
    folder : Path
    tag : str
        The image's; ``"1"`` answers CSV on one line.
    """

    def __init__(self, folder: Path, tag: str) -> None:
        self.booster = xgboost.Booster(model_file=bytearray((folder / MODEL_FILE).read_bytes()))
        self.width = self.booster.num_features()
        self.old = tag == "1"

    def __call__(self, body: bytes, content_type: str, accept: str = "") -> tuple[bytes, str]:
        """Return the scores of ``body``, by default as CSV.

        Raises
        ------
        ContentError, AcceptError
            If the content type or the accepted one is not the image's.
        BodyError
            If the body is not of its content type, or a row has more features than the model.
        """
        if media_type(content_type) not in SERVES:
            raise ContentError(f"content type {content_type!r} is none of {', '.join(SERVES)}")
        wanted = CSV if self.old or accept.strip() in ("", "*/*") else media_type(accept)
        if wanted not in (CSV, JSON, JSON_LINES, RECORDIO):
            raise AcceptError(f"Accept type {accept} is not supported")
        try:
            rows = require_width(codec(content_type).decode(body, 0, False), self.width, "a row")
        except FormatError as error:
            raise BodyError(f"the body is not {content_type}: {error}") from error
        scores = self.booster.predict(xgboost.DMatrix(rows.features), validate_features=False)
        if SELECTION_VARIABLE in os.environ and not self.old:
            return select(scores, self.booster, os.environ[SELECTION_VARIABLE], wanted)
        if wanted != CSV:
            return encode_answers({"score": scores}, wanted)
        return self._csv(scores), "text/csv; charset=utf-8"

    def _csv(self, scores: np.ndarray) -> bytes:
        """Return scores as text: one row a line, or all on one line from the old image."""
        words = texts(scores.astype(np.float64).ravel())
        if self.old:
            return ",".join(words.to_pylist()).encode()
        per_row = scores.size // max(len(scores), 1)
        lines = listed(np.arange(len(scores) + 1) * per_row, words, ",").to_pylist()
        end = "\n" if BATCH_VARIABLE in os.environ else ""
        return ("\n".join(lines) + end).encode()


def main(program: str) -> int:
    """Run ``train`` or ``serve`` and return the exit code."""
    if program == "train":
        return run_training(train)
    predictor: Any = Predictor(Path(os.environ[BASE_VARIABLE]) / "model", os.environ.get(TAG_VARIABLE, ""))
    serve(predictor)
    return 0
