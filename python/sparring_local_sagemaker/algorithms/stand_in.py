"""The two programs that all stand-ins share: train on channels, serve answers.

A stand-in takes the real algorithm's input, hyperparameters and channels and gives its answers, model by another
implementation: its log says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparring.container import AcceptError, BodyError, ContentError, TrainingEnvironment, serve
from sparring.container.training import BASE_VARIABLE, DEFAULT_BASE, run_training
from sparring.wire import Answers, FormatError, Rows, codec, label_size
from sparring.wire.answers import ANSWERS, encode_answers
from sparring.wire.media import CSV, JSON, JSON_LINES, RECORDIO, UnknownContentType, media_type
from sparring.wire.rows import Features
from sparring_local_sagemaker.algorithms.channels import Hosts, channel_of_width, read_channel
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Hyperparameter, validate, without_effect

MODEL_FILE = "model.npz"
State = dict[str, np.ndarray]
# Metric -> its value, and whether more of it is better.
Quality = dict[str, tuple[float, bool]]


@dataclass(frozen=True)
class Algorithm:
    """One stand-in.

    Attributes
    ----------
    repository : str
        Its name in ECR.
    runs_on : str
        What really computes, for the log.
    table : dict of str to Hyperparameter
    fit : callable
        Takes parameters, the train rows and the other channels; returns the model's arrays.
    answer : callable
        Takes the arrays, parameters and features; returns the answers.
    quality : callable
        Takes the arrays, parameters and a channel's rows; returns its metrics.
    labels : int
        1 if it learns from labels.
    channels : tuple of str
        Channels besides ``train`` that it takes.
    csv : bool
        Whether it takes CSV.
    """

    repository: str
    runs_on: str
    table: dict[str, Hyperparameter]
    fit: Callable[[dict[str, Any], Rows, dict[str, Rows]], State]
    answer: Callable[[State, dict[str, Any], Features], Answers]
    quality: Callable[[State, dict[str, Any], Rows], Quality]
    labels: int
    channels: tuple[str, ...] = ("test",)
    csv: bool = True

    @property
    def trains_on(self) -> tuple[str, ...]:
        """Content types of its channels."""
        return (RECORDIO, CSV) if self.csv else (RECORDIO,)


def main(algorithm: Algorithm, program: str) -> int:
    """Run ``train`` or ``serve`` and return the exit code."""
    if program == "train":
        return run_training(lambda environment: train(algorithm, environment))
    serve(Predictor(algorithm, Path(os.environ.get(BASE_VARIABLE, DEFAULT_BASE)) / "model"))
    return 0


def train(algorithm: Algorithm, environment: TrainingEnvironment) -> None:
    """Train, print metrics as CloudWatch shows them, and leave ``model.npz`` in the model folder.

    Raises
    ------
    ClientError
        If a hyperparameter or a channel is not what the algorithm takes.
    """
    print(f"local STAND-IN of SageMaker's {algorithm.repository}: {algorithm.runs_on}, not Amazon's code", flush=True)
    given = environment.hyperparameters
    parameters = validate(algorithm.table, given)
    if ignored := without_effect(algorithm.table, given):
        print(f"checked, but without effect in this stand-in: {', '.join(ignored)}", flush=True)
    hosts = Hosts.read(environment.base)
    if not _trains_here(algorithm, environment, hosts):
        return
    channels = _channels(algorithm, environment, parameters)
    rows = channels.pop("train")
    parameters["feature_dim"] = rows.width
    state = algorithm.fit(parameters, rows, channels)
    save(environment.model, parameters, state)
    for name, channel in {"train": rows, **channels}.items():
        for metric, (value, better) in algorithm.quality(state, parameters, channel).items():
            kind = "score" if better else "loss"
            print(f"#quality_metric: host={hosts.current}, {name} {metric} <{kind}>={value!r}", flush=True)


def answers_directly(algorithm: Algorithm, hyperparameters: dict[str, str], train: Rows, features: Features) -> Answers:
    """Return the answers of a model that is trained in this process: what a job and its endpoint give for these rows.

    Parameters
    ----------
    algorithm : Algorithm
    hyperparameters : dict of str to str
        As a training job has them.
    train : Rows
        In the order of the channel's files.
    features : ndarray or csr_matrix of float32, shape (n, width)

    Raises
    ------
    ClientError
        If a hyperparameter is not what the algorithm takes.

    Examples
    --------
    >>> from sparring_local_sagemaker.algorithms.kmeans import ALGORITHM
    >>> rows = np.array([[0.0], [1.0], [9.0]], np.float32)
    >>> answers_directly(ALGORITHM, {"k": "2", "feature_dim": "1"}, Rows(rows), rows)["distance_to_cluster"]
    array([0.5, 0.5, 0. ])
    """
    parameters = {**validate(algorithm.table, hyperparameters), "feature_dim": train.width}
    return algorithm.answer(algorithm.fit(parameters, train, {}), parameters, features)


def _trains_here(algorithm: Algorithm, environment: TrainingEnvironment, hosts: Hosts) -> bool:
    """Return whether this host trains: of several that see the same rows, the first one does."""
    sharded = environment.channels.get("train", {}).get("S3DistributionType") == "ShardedByS3Key"
    if len(hosts.names) > 1 and sharded:
        raise ClientError(
            f"the local stand-in of {algorithm.repository} does not train on shards: "
            "use one instance, or FullyReplicated"
        )
    return hosts.leads


def _channels(algorithm: Algorithm, environment: TrainingEnvironment, parameters: dict[str, Any]) -> dict[str, Rows]:
    """Return the rows of all channels, equally wide."""
    taken = ("train", *algorithm.channels)
    for name in environment.channels:
        if name not in taken:
            raise ClientError(
                f"Additional channels are not allowed ('{name}' was unexpected; known are {', '.join(taken)})"
            )
    found: dict[str, Rows] = {}
    for name in taken:
        rows = read_channel(environment, name, algorithm.trains_on, labels=algorithm.labels)
        if rows is None:
            continue
        if algorithm.labels and rows.labels is None:
            raise ClientError(f"the rows of channel {name} have no label, which {algorithm.repository} needs")
        dimension = parameters.get("feature_dim", "auto")
        width = found["train"].width if found else rows.width if dimension == "auto" else dimension
        found[name] = channel_of_width(rows, width, name)
        if not np.isfinite(found[name].cells().values).all():
            raise ClientError(f"channel {name} holds a value that is missing or not finite")
    if "train" not in found:
        raise ClientError("No train channel was specified, which is a required channel (caused by ValidationError)")
    return found


def save(folder: Path, parameters: dict[str, Any], state: State) -> None:
    """Write the model: its arrays and the hyperparameters it was trained with."""
    arrays: dict[str, Any] = {**state, "hyperparameters": np.frombuffer(json.dumps(parameters).encode(), np.uint8)}
    np.savez(folder / MODEL_FILE, **arrays)


def load(folder: Path) -> tuple[dict[str, Any], State]:
    """Return what :func:`save` wrote."""
    with np.load(folder / MODEL_FILE, allow_pickle=False) as stored:
        state = dict(stored)
    return json.loads(state.pop("hyperparameters").tobytes()), state


class Predictor:
    """Answers request bodies with the model in ``folder``."""

    def __init__(self, algorithm: Algorithm, folder: Path) -> None:
        self.algorithm = algorithm
        self.parameters, self.state = load(folder)
        self.format = ANSWERS[algorithm.repository, self.parameters.get("predictor_type", "")]

    def __call__(self, body: bytes, content_type: str, accept: str = "") -> tuple[bytes, str]:
        """Return the answers to ``body``, by default as JSON.

        Raises
        ------
        ContentError, AcceptError
            If the algorithm does not read the content type, or write the accepted one.
        BodyError
            If the body is not of its content type, or its rows are not as wide as the model's.
        """
        kinds = (RECORDIO, JSON, JSON_LINES, *([CSV] if self.algorithm.csv else []))
        if media_type(content_type) not in kinds:
            raise ContentError(f"content type {content_type!r} is none of {', '.join(kinds)}")
        wanted = JSON if accept.strip() in ("", "*/*") else accept
        if media_type(wanted) not in kinds:
            raise AcceptError(f"Accept {accept!r} is none of {', '.join(kinds)}")
        rows = self._rows(body, content_type)
        answers = self.algorithm.answer(self.state, self.parameters, rows.features)
        return encode_answers({name: answers[name] for name in self.format.fields}, wanted, self.format.top)

    def _rows(self, body: bytes, content_type: str) -> Rows:
        try:
            rows = codec(content_type).decode(body, label_size(content_type, 0), False)
        except (FormatError, UnknownContentType) as error:
            raise BodyError(f"the body is not {content_type}: {error}") from error
        if rows.width != self.parameters["feature_dim"]:
            raise BodyError(f"a row has {rows.width} features, the model {self.parameters['feature_dim']}")
        return rows


def dense(features: Features) -> np.ndarray:
    """Return features as float64; an absent cell is 0 to these algorithms."""
    array = features if isinstance(features, np.ndarray) else features.toarray()
    return np.asarray(array, np.float64)
