"""Stand-in of PCA: eigenvectors of the covariance matrix, or scikit-learn's randomized decomposition.

As in Amazon's, components ascend: the last one explains most.

Source of the contract: Amazon SageMaker developer guide, "PCA Hyperparameters" and "How PCA Works".
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from sparring.wire import Answers, Rows
from sparring.wire.rows import Features
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Hyperparameter
from sparring_local_sagemaker.algorithms.stand_in import Algorithm, Quality, State, dense, main

POSITIVE = "[1, inf)"

TABLE = {
    "feature_dim": Hyperparameter(int, POSITIVE, required=True),
    "mini_batch_size": Hyperparameter(int, POSITIVE, required=True, used=False),
    "num_components": Hyperparameter(int, POSITIVE, required=True),
    "algorithm_mode": Hyperparameter(str, ("regular", "randomized"), "regular"),
    "extra_components": Hyperparameter(int, "[-1, inf)", -1),
    "subtract_mean": Hyperparameter(bool, default=True),
}


def fit(parameters: dict[str, Any], train: Rows, _others: dict[str, Rows]) -> State:
    """Return the mean and the components, shape (feature_dim, num_components)."""
    count = parameters["num_components"]
    if count > min(train.width, train.count):
        raise ClientError(f"num_components {count} exceeds {min(train.width, train.count)}, the rank of the data")
    rows = dense(train.features)
    mean = rows.mean(axis=0) if parameters["subtract_mean"] else np.zeros(train.width)
    if parameters["algorithm_mode"] == "regular":
        squares, vectors = np.linalg.eigh((rows - mean).T @ (rows - mean))
        components, sizes = vectors[:, -count:], np.sqrt(np.maximum(squares[-count:], 0))
    else:
        from sklearn.utils.extmath import randomized_svd

        extra = parameters["extra_components"]
        extra = max(10, count) if extra == -1 else extra
        _, sizes, rows_of_v = randomized_svd(rows - mean, count, n_oversamples=extra, random_state=0)
        components, sizes = rows_of_v[::-1].T, sizes[::-1]
    # A component's sign is free: its largest entry is positive here.
    largest = np.abs(components).argmax(axis=0)
    return {"mean": mean, "components": components * np.sign(components[largest, range(count)]), "sizes": sizes}


def answer(state: State, _parameters: dict[str, Any], features: Features) -> Answers:
    """Return each row's projection."""
    return {"projection": (dense(features) - state["mean"]) @ state["components"]}


def quality(_state: State, _parameters: dict[str, Any], _rows: Rows) -> Quality:
    """Return nothing: Amazon's PCA reports no metric."""
    return {}


ALGORITHM = Algorithm("pca", "NumPy and scikit-learn", TABLE, fit, answer, quality, labels=0)

if __name__ == "__main__":
    sys.exit(main(ALGORITHM, sys.argv[1]))
