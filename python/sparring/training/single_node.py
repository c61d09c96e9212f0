"""One machine: scikit-learn's logistic regression and XGBoost, on arrays, without Spark."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from scipy.sparse import csr_matrix
from scipy.special import expit
from threadpoolctl import threadpool_limits

from sparring.data.matrix import Part, PreparedMatrix
from sparring.errors import ConfigError, TrainingError
from sparring.io import storage
from sparring.training.logistic import LogisticParameters
from sparring.training.phases import Phases
from sparring.training.spec import Outcome, RowsRead, TrainingSpec
from sparring.training.xgboost_parameters import XGBoostParameters


class FittedModel(ABC):
    """A model that scores rows in memory and survives as bytes."""

    @abstractmethod
    def predict(self, features: csr_matrix) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Return the model in its own portable format."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, data: bytes) -> FittedModel:
        """Return the model that :meth:`to_bytes` wrote."""


class Learner(ABC):
    """A family of models that one machine fits.

    Parameters
    ----------
    hyperparameters : dict
        In the family's names; validated here, before any work.
    owner : str
        Opens error messages.
    """

    family: ClassVar[str]
    file_name: ClassVar[str]
    model: ClassVar[type[FittedModel]]

    @abstractmethod
    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None: ...

    # Parts of the matrix that are read before the fit.
    parts: tuple[str, ...] = ("train",)

    @abstractmethod
    def fit(
        self,
        features: csr_matrix,
        labels: np.ndarray,
        weights: np.ndarray,
        cores: int,
        seed: int,
        validation: Part | None = None,
    ) -> FittedModel:
        """Return the model fitted on rows in the order given; ``validation`` may decide when to stop."""

    @abstractmethod
    def in_force(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""

    def capacity(self, model: FittedModel) -> dict[str, Any]:
        """Return how large ``model`` is where that is not what was configured; by default nothing."""
        return {}


class LogisticModel(FittedModel):
    """Coefficients of a logistic regression.

    Parameters
    ----------
    intercept : float
    coefficients : ndarray of float64, shape (n_features,)
    parameters : LogisticParameters
        What it was fitted with.
    """

    def __init__(self, intercept: float, coefficients: np.ndarray, parameters: LogisticParameters) -> None:
        self.intercept = intercept
        self.coefficients = coefficients
        self.parameters = parameters

    def predict(self, features: csr_matrix) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""
        return expit(features.astype(np.float64) @ self.coefficients + self.intercept)

    def to_bytes(self) -> bytes:
        """Return the coefficients as JSON."""
        value = {
            "intercept": float(self.intercept),
            "coefficients": [float(c) for c in self.coefficients],
            "regParam": self.parameters.regParam,
            "elasticNetParam": self.parameters.elasticNetParam,
        }
        return json.dumps(value).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> LogisticModel:
        """Return the model that :meth:`to_bytes` wrote."""
        value = json.loads(data)
        parameters = LogisticParameters(value["regParam"], value["elasticNetParam"])
        return cls(value["intercept"], np.array(value["coefficients"]), parameters)


class LogisticLearner(Learner):
    """scikit-learn's logistic regression with MLlib's objective."""

    family = "logistic_regression"
    file_name = "coefficients.json"
    model = LogisticModel

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        # Here, because XGBoost does without, and it takes seconds.
        from sklearn.linear_model import LogisticRegression

        self.parameters, self.estimator = LogisticParameters.of(hyperparameters, owner), LogisticRegression

    def fit(
        self,
        features: csr_matrix,
        labels: np.ndarray,
        weights: np.ndarray,
        cores: int,
        seed: int,
        validation: Part | None = None,
    ) -> LogisticModel:
        """Return the fitted coefficients; float64 throughout."""
        arguments = self.parameters.for_sklearn(float(weights.sum()), features.shape[1])
        estimator = self.estimator(random_state=seed, **arguments)
        with threadpool_limits(cores):
            estimator.fit(features.astype(np.float64), labels, sample_weight=weights)
        return LogisticModel(estimator.intercept_[0], estimator.coef_[0], self.parameters)

    def in_force(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return vars(self.parameters)


class XGBoostModel(FittedModel):
    """A native booster; a cell absent from a row is missing to it.

    Parameters
    ----------
    booster : xgboost.Booster
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster

    def predict(self, features: csr_matrix) -> np.ndarray:
        """Return the probability of class 1, shape (n_rows,), float64."""
        return self.booster.predict(xgboost.DMatrix(features)).astype(np.float64)

    def to_bytes(self) -> bytes:
        """Return the booster in XGBoost's UBJSON format."""
        return bytes(self.booster.save_raw("ubj"))

    @classmethod
    def from_bytes(cls, data: bytes) -> XGBoostModel:
        """Return the model that :meth:`to_bytes` wrote."""
        return cls(xgboost.Booster(model_file=bytearray(data)))


class XGBoostLearner(Learner):
    """XGBoost's native training."""

    family = "gradient_boosted_trees"
    file_name = "model.ubj"
    model = XGBoostModel

    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None:
        self.parameters = XGBoostParameters.of(hyperparameters, owner)
        if self.parameters.early_stopping_rounds:
            self.parts = ("train", "validation")

    def fit(
        self,
        features: csr_matrix,
        labels: np.ndarray,
        weights: np.ndarray,
        cores: int,
        seed: int,
        validation: Part | None = None,
    ) -> XGBoostModel:
        """Return the fitted booster; rows in another order may give another model."""
        matrix = xgboost.DMatrix(features, label=labels, weight=weights, nthread=cores)
        native = self.parameters.native(cores, seed)
        stopping = _early_stopping(self.parameters, validation, cores)
        return XGBoostModel(xgboost.train(native, matrix, num_boost_round=self.parameters.num_round, **stopping))

    def capacity(self, model: FittedModel) -> dict[str, Any]:
        """Return how large the model became, where early stopping decided it."""
        assert isinstance(model, XGBoostModel)
        return self.parameters.capacity(model.booster)

    def in_force(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        return self.parameters.in_force()


def _early_stopping(parameters: XGBoostParameters, validation: Part | None, cores: int) -> dict[str, Any]:
    """Return the arguments of :func:`xgboost.train` that stop it early; none where it is not asked for."""
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


LEARNERS: dict[str, type[Learner]] = {learner.family: learner for learner in (LogisticLearner, XGBoostLearner)}


def run(spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
    """Read, fit, score and write; no Spark takes part.  Return what came of it and the check of what was read.

    Parameters
    ----------
    spec : TrainingSpec
    phases : Phases
        Receives import (of the learner's library), read, fit, score and write.

    Notes
    -----
    Cost: holds all parts in memory, for they are verified as they were fitted and scored.  Memory is at its peak
    while the largest part is sorted and fitted.
    """
    with phases("import"):
        learner = LEARNERS[spec.family](spec.hyperparameters, f"contenders.{spec.name}.hyperparameters")
    matrix, outcome = PreparedMatrix(spec.matrix), Outcome(hyperparameters=learner.in_force())
    require_memory(matrix, spec.name)
    read: dict[str, Part] = {}
    for part in learner.parts:
        with phases("read"):
            read[part] = matrix.read(part)
    train = read["train"]
    with phases("fit"):
        model = learner.fit(train.features, train.labels, train.weights, spec.cores, spec.seed, read.get("validation"))
    outcome.capacity = learner.capacity(model)
    for part in ("validation", "test"):
        with phases("read"):
            read[part] = read.get(part) or matrix.read(part)
        with phases("score"):
            scores = model.predict(read[part].features)
        with phases("write"):
            write_predictions(spec.predictions, part, read[part], scores)
    with phases("write"):
        storage.write_bytes(storage.join(spec.model, learner.file_name), model.to_bytes())
    outcome.versions = {"scikit-learn": version("scikit-learn"), "xgboost": xgboost.__version__}
    return outcome, lambda: {part: rows.fingerprint() for part, rows in read.items()}


def require_memory(matrix: PreparedMatrix, name: str) -> None:
    """Raise :class:`TrainingError` if the train part cannot fit this machine's free memory.

    The need is estimated as the cells in float64 with their indices, held twice while they are sorted.
    """
    cells = matrix.cells("train")
    need = cells * (np.dtype(np.float64).itemsize + np.dtype(np.int32).itemsize) * 2
    free = psutil.virtual_memory().available
    if need > free:
        raise TrainingError(
            f"{name}: the train part's {cells:,} feature values need about {need / 2**30:.1f} GiB, "
            f"{free / 2**30:.1f} GiB are free",
            "Train on Spark, or on a machine with more memory.",
        )


def write_predictions(folder: str, part: str, rows: Part, scores: np.ndarray) -> None:
    """Write the scores of ``part`` as one Parquet file below ``folder``."""
    table = pa.table(
        {
            "key": pa.array(rows.keys, pa.string()),
            "split": pa.array([part] * len(rows.keys), pa.string()),
            "label": rows.labels,
            "weight": rows.weights,
            "group": pa.array(rows.groups, pa.string()),
            "score": scores,
        }
    )
    system, inner = storage.filesystem(folder)
    system.create_dir(inner, recursive=True)
    pq.write_table(table, f"{inner}/part-{part}.parquet", filesystem=system)
