"""Gradient-boosted trees by scikit-learn: its histogram-based ones."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from sparring.config.schema import RunConfig
from sparring.errors import ConfigError, MissingDependencyError
from sparring.models import Model, TreesModel
from sparring.training.single_node import FitSettings
from sparring.training.sklearn_forest import SklearnEnsemble

STOPPING = "n_iter_no_change"


class SklearnBoosting(SklearnEnsemble):
    """scikit-learn's histogram-based boosting; a cell absent from a row is zero to it."""

    column = "sklearn_boosting"
    family = "gradient_boosted_trees"
    title = "scikit-learn's histogram-based boosting"

    def capacity(self) -> dict[str, Any]:
        """Return rounds, depth, learning rate, leaves, rows a leaf, and whether it may stop early."""
        found = self.effective()
        return {
            "rounds": found["max_iter"],
            "depth": found["max_depth"] or None,
            "learning_rate": found["learning_rate"],
            "leaves": found["max_leaf_nodes"],
            "min_leaf_rows": found["min_samples_leaf"],
            "early_stopping": STOPPING in found,
        }

    def check_environment(self, config: RunConfig) -> None:
        """Raise :class:`MissingDependencyError` if this scikit-learn cannot stop by rows that it is given."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        if STOPPING in self.given and "X_val" not in inspect.signature(HistGradientBoostingRegressor.fit).parameters:
            raise MissingDependencyError(
                f"{STOPPING} needs a scikit-learn that stops by the run's validation rows",
                "pip install 'scikit-learn>=1.7', or leave it out.",
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that are read before the fit: validation where it may stop it early."""
        return ("train", "validation") if STOPPING in self.given else ("train",)

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> TreesModel:
        """Return the fitted trees as arrays."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if how.task == "regression" else HistGradientBoostingClassifier
        given = self.effective()
        found = kind(
            **given | {"max_depth": given["max_depth"] or None},
            early_stopping=STOPPING in given,
            random_state=how.seed,
        )
        with threadpool_limits(how.cores):
            found.fit(features.toarray(), labels, sample_weight=weights, **self._held(how))
        return _arrays(found, features.shape[1], how.classes)

    def _held(self, how: FitSettings) -> dict[str, Any]:
        """Return the rows that may stop the fit."""
        if STOPPING not in self.given:
            return {}
        if how.validation is None:
            raise ConfigError(f"{STOPPING} needs validation rows, and there are none here", f"Leave {STOPPING} out.")
        held = how.validation
        return {"X_val": held.features.toarray(), "y_val": held.labels, "sample_weight_val": held.weights}

    def became(self, model: Model) -> dict[str, Any]:
        """Return how large the model became: it may have stopped early."""
        assert isinstance(model, TreesModel)
        # The first tree is the estimate that boosting begins with; of several classes a round is a tree for each.
        classes = model.value.shape[1] if model.value.ndim == 2 else 1
        return {**self.capacity(), "rounds": (len(model.roots) - 1) // classes}


def _arrays(found: Any, size: int, classes: int) -> TreesModel:
    """Return the trees in one set of arrays, a leaf its own child; the first tree is a leaf, where boosting begins."""
    trees = [(tree.nodes, column) for round_ in found._predictors for column, tree in enumerate(round_)]
    starts = np.cumsum([1, *(len(nodes) for nodes, _ in trees)])
    nodes = np.concatenate([nodes for nodes, _ in trees])
    leaves = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes)) + 1
    shift = np.repeat(starts[:-1], np.diff(starts))
    left, right = (np.where(leaves, own, nodes[side].astype(np.int64) + shift) for side in ("left", "right"))
    begin = np.asarray(found._baseline_prediction, dtype=np.float64).ravel()
    values = nodes["value"] * leaves
    if classes > 2:
        column = np.repeat([column for _, column in trees], np.diff(starts))
        values = np.where(np.arange(classes) == column[:, None], values[:, None], 0.0)
    return TreesModel(
        feature=np.concatenate([[0], np.where(leaves, 0, nodes["feature_idx"])]).astype(np.int32),
        threshold=np.concatenate([[0.0], np.where(leaves, 0.0, nodes["num_threshold"])]),
        left=np.concatenate([[0], left]).astype(np.int32),
        right=np.concatenate([[0], right]).astype(np.int32),
        value=np.concatenate([begin[None, :] if classes > 2 else begin, values]),
        roots=np.concatenate([[0], starts[:-1]]).astype(np.int32),
        # The logistic link takes twice the sum, as MLlib's boosting has it.
        weights=np.full(len(trees) + 1, 0.5 if classes == 2 else 1.0),
        size=size,
        depth=max(int(nodes["depth"].max()), 1),
        link={0: "identity", 2: "logistic"}.get(classes, "softmax"),
    )
