"""The XGBoost image's programs: the real ``xgboost`` library behind SageMaker's contract.

Training reads the ``train`` channel as libsvm (1-based; an absent entry is missing) or CSV (label first).
Serving reads the same formats without labels and answers as the image's tag does: ``:1`` joins scores by
commas, newer ones by new lines.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xgboost
from scipy.sparse import csr_matrix, vstack
from sklearn.datasets import load_svmlight_file

from sparring.sagemaker.container import BodyError, ContentError, TrainingEnvironment, negotiate, run_training, serve
from sparring.sagemaker.container.training import BASE_VARIABLE
from sparring.training.xgboost_parameters import TABLE

LIBSVM = ("text/libsvm", "text/x-libsvm", "libsvm")
CSV = ("text/csv", "csv")
MODEL_FILE = "xgboost-model"
TAG_VARIABLE = "SPARRING_IMAGE_TAG"
# What the image takes besides the hyperparameters that Sparring sets, and how to read it.
OTHERS = {
    "objective": str,
    "seed": int,
    "nthread": int,
    "eval_metric": str,
    "booster": str,
    "silent": int,
    "num_class": int,
    "updater": str,
    "sketch_eps": float,
    "refresh_leaf": int,
    "process_type": str,
    "sample_type": str,
    "normalize_type": str,
    "rate_drop": float,
    "one_drop": int,
    "skip_drop": float,
    "lambda_bias": float,
    "tweedie_variance_power": float,
}
# Settings of boosters that were not asked for, and names that today's library has dropped.
DROPPED = {"silent", "updater", "sketch_eps", "process_type", "refresh_leaf", "lambda_bias"}
DART = {"sample_type", "normalize_type", "rate_drop", "one_drop", "skip_drop"}


def hyperparameters(given: dict[str, str]) -> tuple[int, dict[str, object]]:
    """Return the number of rounds and the parameters for :func:`xgboost.train`.

    Raises
    ------
    ValueError
        If one is unknown, not of its type or out of range, or ``num_round`` is missing.
    """
    native: dict[str, object] = {}
    for name, text in given.items():
        native[name] = _convert(name, text)
    if "num_round" not in native:
        raise ValueError("ClientError: hyperparameter num_round is required")
    rounds = native.pop("num_round")
    assert isinstance(rounds, int)
    skipped = DROPPED | (set() if native.get("booster") == "dart" else DART)
    if native.get("num_class") in (1, 2) or "tweedie" not in str(native.get("objective")):
        skipped |= {"tweedie_variance_power"}
    return rounds, {name: value for name, value in native.items() if name not in skipped}


def _convert(name: str, text: str) -> object:
    if name not in TABLE and name not in OTHERS:
        raise ValueError(
            f"ClientError: hyperparameter {name} is unknown; known: {', '.join(sorted({*TABLE, *OTHERS}))}"
        )
    kind = TABLE[name].kind if name in TABLE else OTHERS[name]
    try:
        value: object = kind(float(text)) if kind is int and float(text) == int(float(text)) else kind(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"ClientError: hyperparameter {name} must be {kind.__name__}, got {text!r}") from error
    if name in TABLE and not TABLE[name].test(value):
        raise ValueError(f"ClientError: hyperparameter {name} must be {TABLE[name].wording}, got {text!r}")
    return value


def read_training(files: Sequence[Path], content_type: str) -> tuple[csr_matrix | np.ndarray, np.ndarray]:
    """Return features (float32) and labels of ``files``, in their order.

    Raises
    ------
    ValueError
        If there is no row or the content type is neither libsvm nor CSV.
    """
    kind = content_type.split(";")[0].strip().lower() or LIBSVM[0]
    if kind in LIBSVM:
        return _read_libsvm(_filled(files))
    if kind in CSV:
        return _read_csv(_filled(files))
    raise ValueError(f"ClientError: content type {content_type!r} is neither {LIBSVM[0]} nor {CSV[0]}")


def _filled(files: Sequence[Path]) -> list[str]:
    """Return the files that hold anything: Spark leaves empty ones and a success marker."""
    filled = [str(file) for file in files if file.stat().st_size]
    if not filled:
        raise ValueError("ClientError: the train channel has no row")
    return filled


def _read_libsvm(files: list[str]) -> tuple[csr_matrix, np.ndarray]:
    parts = [load_svmlight_file(file, zero_based=False, dtype=np.float32) for file in files]
    width = max(features.shape[1] for features, _ in parts)
    for features, _ in parts:
        features.resize(features.shape[0], width)
    return vstack([features for features, _ in parts], format="csr"), np.concatenate([y for _, y in parts])


def _read_csv(files: list[str]) -> tuple[np.ndarray, np.ndarray]:
    tables = [np.loadtxt(file, delimiter=",", ndmin=2, dtype=np.float64) for file in files]
    table = np.concatenate(tables)
    # Dense on purpose: a zero in CSV is a zero, not a missing value.
    return table[:, 1:].astype(np.float32), table[:, 0]


def train(environment: TrainingEnvironment) -> None:
    """Train and leave ``xgboost-model`` in the model folder."""
    print("local stand-in of SageMaker: the real xgboost", xgboost.__version__, flush=True)
    rounds, parameters = hyperparameters(environment.hyperparameters)
    content_type = environment.channels.get("train", {}).get("ContentType", "")
    features, labels = read_training(environment.files("train"), content_type)
    print(f"{features.shape[0]} rows x {features.shape[1]} features, {rounds} rounds, {parameters}", flush=True)
    matrix = xgboost.DMatrix(features, label=labels)
    booster = xgboost.train(parameters, matrix, num_boost_round=rounds)
    (environment.model / MODEL_FILE).write_bytes(booster.save_raw("ubj"))


class Predictor:
    """Scores request bodies with the model in ``folder``; ``separator`` joins the scores of the answer."""

    def __init__(self, folder: Path, separator: str) -> None:
        self.booster = xgboost.Booster(model_file=bytearray((folder / MODEL_FILE).read_bytes()))
        self.width = self.booster.num_features()
        self.separator = separator

    def __call__(self, body: bytes, content_type: str, accept: str = "*/*") -> tuple[bytes, str]:
        """Return the scores of ``body`` as CSV.

        Raises
        ------
        ContentError
            If the content type is neither libsvm nor CSV.
        AcceptError
            If the sender does not accept CSV.
        BodyError
            If the body does not parse, or a row has more features than the model.
        """
        negotiate(accept, ["text/csv"])
        kind = content_type.split(";")[0].strip().lower()
        if kind not in (*LIBSVM, *CSV):
            raise ContentError(f"content type {content_type!r} is neither {LIBSVM[0]} nor {CSV[0]}")
        try:
            features = self._libsvm(body) if kind in LIBSVM else self._csv(body)
        except ValueError as error:
            raise BodyError(str(error)) from error
        scores = self.booster.predict(xgboost.DMatrix(features))
        return self.separator.join(repr(float(score)) for score in scores).encode(), "text/csv; charset=utf-8"

    def _libsvm(self, body: bytes) -> csr_matrix:
        features, _ = load_svmlight_file(io.BytesIO(body), n_features=self.width, zero_based=False, dtype=np.float32)
        return features

    def _csv(self, body: bytes) -> np.ndarray:
        table = np.loadtxt(io.BytesIO(body), delimiter=",", ndmin=2, dtype=np.float64).astype(np.float32)
        if table.shape[1] != self.width:
            raise ValueError(f"a row has {table.shape[1]} values, the model {self.width} features")
        return table


def main(program: str) -> int:
    """Run ``train`` or ``serve`` and return the exit code."""
    if program == "train":
        return run_training(train)
    separator = "," if os.environ.get(TAG_VARIABLE) == "1" else "\n"
    serve(Predictor(Path(os.environ[BASE_VARIABLE]) / "model", separator))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
