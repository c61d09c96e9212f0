"""Stand-in of K-Means: Lloyd's algorithm of scikit-learn instead of Amazon's streaming one.

Source of the contract: Amazon SageMaker developer guide, "K-Means Hyperparameters".
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min

from sparring.wire import Answers, Rows
from sparring.wire.rows import Features
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Hyperparameter
from sparring_local_sagemaker.algorithms.stand_in import Algorithm, Quality, State, dense, main

POSITIVE = "[1, inf)"
METHODS = ("random", "kmeans++")
AUTO_TRIALS = 10

TABLE = {
    "k": Hyperparameter(int, POSITIVE, required=True),
    "feature_dim": Hyperparameter(int, POSITIVE, required=True),
    "mini_batch_size": Hyperparameter(int, POSITIVE, 5_000, used=False),
    "init_method": Hyperparameter(str, METHODS, "random", used=False),
    "extra_center_factor": Hyperparameter(int, POSITIVE, "auto", auto=True, used=False),
    "local_lloyd_max_iter": Hyperparameter(int, POSITIVE, 300),
    "local_lloyd_tol": Hyperparameter(float, "[0, 1]", 0.0001),
    "local_lloyd_init_method": Hyperparameter(str, METHODS, "kmeans++"),
    "local_lloyd_num_trials": Hyperparameter(int, POSITIVE, "auto", auto=True),
    "half_life_time_size": Hyperparameter(int, "[0, inf)", 0, used=False),
    "epochs": Hyperparameter(int, POSITIVE, 1, used=False),
    # The SageMaker Python SDK sends it with each job of its KMeans.
    "force_dense": Hyperparameter(str, ("True", "False"), "True", used=False),
    "eval_metrics": Hyperparameter(list, ("msd", "ssd"), ["msd"]),
}


def fit(parameters: dict[str, Any], train: Rows, _others: dict[str, Rows]) -> State:
    """Return the centroids."""
    k, trials = parameters["k"], parameters["local_lloyd_num_trials"]
    if train.count < k:
        raise ClientError(f"{train.count} rows are too few for k = {k} clusters")
    method = parameters["local_lloyd_init_method"]
    model = KMeans(
        k,
        init="k-means++" if method == "kmeans++" else "random",
        n_init=AUTO_TRIALS if trials == "auto" else trials,
        max_iter=parameters["local_lloyd_max_iter"],
        tol=parameters["local_lloyd_tol"],
        random_state=0,
    )
    return {"centroids": model.fit(dense(train.features)).cluster_centers_}


def answer(state: State, _parameters: dict[str, Any], features: Features) -> Answers:
    """Return each row's nearest centroid and its Euclidean distance."""
    closest, distance = pairwise_distances_argmin_min(dense(features), state["centroids"])
    return {"closest_cluster": closest.astype(np.float64), "distance_to_cluster": distance}


def quality(state: State, parameters: dict[str, Any], rows: Rows) -> Quality:
    """Return the mean (msd) or the sum (ssd) of the squared distances."""
    squared = answer(state, parameters, rows.features)["distance_to_cluster"] ** 2
    values = {"msd": float(squared.mean()), "ssd": float(squared.sum())}
    return {name: (values[name], False) for name in parameters["eval_metrics"]}


ALGORITHM = Algorithm("kmeans", "scikit-learn's KMeans", TABLE, fit, answer, quality, labels=0)

if __name__ == "__main__":
    sys.exit(main(ALGORITHM, sys.argv[1]))
