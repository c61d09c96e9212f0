"""Stand-in of LDA: scikit-learn's variational Bayes instead of Amazon's tensor decomposition.

Source of the contract: Amazon SageMaker developer guide, "LDA Hyperparameters".
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy.special import psi
from sklearn.decomposition import LatentDirichletAllocation

from sparring.wire import Answers, Rows
from sparring.wire.rows import Features
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Hyperparameter
from sparring_local_sagemaker.algorithms.stand_in import Algorithm, Quality, State, dense, main

POSITIVE = "[1, inf)"
# Variational Bayes gains little after this many passes over the documents.
MOST_PASSES = 50

TABLE = {
    "num_topics": Hyperparameter(int, POSITIVE, required=True),
    "feature_dim": Hyperparameter(int, POSITIVE, required=True),
    "mini_batch_size": Hyperparameter(int, POSITIVE, required=True, used=False),
    "alpha0": Hyperparameter(float, "(0, inf)", 1.0),
    "max_restarts": Hyperparameter(int, POSITIVE, 10, used=False),
    "max_iterations": Hyperparameter(int, POSITIVE, 1_000),
    "tol": Hyperparameter(float, "(0, inf)", 1e-8, used=False),
}


def unfitted(parameters: dict[str, Any]) -> LatentDirichletAllocation:
    """Return scikit-learn's model with these hyperparameters."""
    topics = parameters["num_topics"]
    return LatentDirichletAllocation(
        topics,
        doc_topic_prior=parameters["alpha0"] / topics,
        max_iter=min(parameters["max_iterations"], MOST_PASSES),
        learning_method="batch",
        random_state=0,
    )


def fit(parameters: dict[str, Any], train: Rows, _others: dict[str, Rows]) -> State:
    """Return the weights of words in topics, shape (num_topics, feature_dim)."""
    counts = dense(train.features)
    if (counts < 0).any():
        raise ClientError("a document has a negative count")
    return {"topics": unfitted(parameters).fit(counts).components_}


def fitted(state: State, parameters: dict[str, Any]) -> LatentDirichletAllocation:
    """Return scikit-learn's model as it was after its fit."""
    model, topics = unfitted(parameters), state["topics"]
    model.components_ = topics
    model.exp_dirichlet_component_ = np.exp(psi(topics) - psi(topics.sum(axis=1))[:, None])
    model.doc_topic_prior_, model.topic_word_prior_ = model.doc_topic_prior, 1 / len(topics)
    model.n_features_in_ = topics.shape[1]
    model.random_state_ = np.random.RandomState(0)
    return model


def answer(state: State, parameters: dict[str, Any], features: Features) -> Answers:
    """Return each document's mixture of topics."""
    return {"topic_mixture": fitted(state, parameters).transform(dense(features))}


def quality(state: State, parameters: dict[str, Any], rows: Rows) -> Quality:
    """Return the log-likelihood a word, estimated by its variational bound."""
    counts = dense(rows.features)
    return {"pwll": (float(fitted(state, parameters).score(counts) / max(counts.sum(), 1)), True)}


ALGORITHM = Algorithm("lda", "scikit-learn's LatentDirichletAllocation", TABLE, fit, answer, quality, labels=0)

if __name__ == "__main__":
    sys.exit(main(ALGORITHM, sys.argv[1]))
