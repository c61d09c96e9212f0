"""Random forests, and single decision trees, by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from sparring.io import storage
from sparring.models import Model, TreesModel
from sparring.training.declared import DeclaredTrainer
from sparring.training.single_node import FitSettings, SingleNodeTrainer
from sparring.training.spec import TrainingSpec

# pyspark.ml's names, which both engines take, and scikit-learn's.
NAMES = {
    "numTrees": "n_estimators",
    "maxDepth": "max_depth",
    "minInstancesPerNode": "min_samples_leaf",
    "minInfoGain": "min_impurity_decrease",
    "minWeightFractionPerNode": "min_weight_fraction_leaf",
}
# Cells beyond this share of all are quicker searched for splits in dense rows.
DENSE = 0.3


class SklearnEnsemble(DeclaredTrainer, SingleNodeTrainer):
    """What scikit-learn's forests and its boosting share: trees that are kept as arrays."""

    library = "sklearn"
    tasks = frozenset({"binary", "multiclass", "regression"})

    def versions(self) -> dict[str, str]:
        """Import scikit-learn's trees, and return its version."""
        import sklearn.ensemble

        return {"scikit-learn": sklearn.__version__}

    def save_model(self, model: Model, spec: TrainingSpec) -> None:
        """Write the trees' arrays in NumPy's own format."""
        storage.write_bytes(storage.join(spec.model, TreesModel.file_name), model.to_bytes())

    @classmethod
    def load_model(cls, folder: str) -> Model:
        """Return the trees that the fit left in ``folder``; they score without scikit-learn."""
        return TreesModel.from_bytes(storage.read_bytes(storage.join(folder, TreesModel.file_name)))


class SklearnForest(SklearnEnsemble):
    """scikit-learn's random forest: its splits are at every value."""

    column = "sklearn_trees"
    family = "random_forest"
    title = "scikit-learn's random forest"

    def capacity(self) -> dict[str, Any]:
        """Return how many trees, how deep, and rows a leaf."""
        found = self.effective()
        names = {"trees": "numTrees", "depth": "maxDepth", "min_leaf_rows": "minInstancesPerNode"}
        return {name: found[own] for name, own in names.items() if own in found}

    def fit_rows(self, features: csr_matrix, labels: np.ndarray, weights: np.ndarray, how: FitSettings) -> TreesModel:
        """Return the fitted trees as arrays."""
        estimator = self._made(how.task, how.cores, how.seed)
        dense = features.nnz > DENSE * np.prod(features.shape)
        with threadpool_limits(how.cores):
            estimator.fit(features.toarray() if dense else features, labels, sample_weight=weights)
        return _arrays([one.tree_ for one in self._trees(estimator)], features.shape[1], how.classes)

    def _made(self, task: str, cores: int, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
        share = self.effective()["subsamplingRate"]
        return kind(**self._arguments(task), max_samples=None if share == 1 else share, n_jobs=cores, random_state=seed)

    def _trees(self, estimator: Any) -> list[Any]:
        found: list[Any] = estimator.estimators_
        return found

    def _arguments(self, task: str) -> dict[str, Any]:
        """Return scikit-learn's arguments."""
        found = self.effective()
        named = {theirs: found[ours] for ours, theirs in NAMES.items() if ours in found}
        subset = found.get("featureSubsetStrategy", "all")
        return {**named, "max_features": _max_features(subset, task)}


class SklearnTree(SklearnForest):
    """scikit-learn's decision tree."""

    family = "decision_tree"
    title = "scikit-learn's decision tree"

    def _made(self, task: str, cores: int, seed: int) -> Any:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
        return kind(**self._arguments(task), random_state=seed)

    def _trees(self, estimator: Any) -> list[Any]:
        return [estimator]


def _max_features(strategy: str, task: str) -> Any:
    """Return scikit-learn's word for how many features a split looks at.

    Examples
    --------
    >>> _max_features("auto", "binary"), _max_features("onethird", "binary"), _max_features("all", "regression")
    ('sqrt', 0.3333333333333333, None)
    """
    if strategy == "auto":
        strategy = "onethird" if task == "regression" else "sqrt"
    known: dict[str, Any] = {"all": None, "sqrt": "sqrt", "log2": "log2", "onethird": 1 / 3}
    return known[strategy]


def _arrays(trees: list[Any], size: int, classes: int) -> TreesModel:
    """Return scikit-learn's trees in one set of arrays, a leaf its own child."""
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    left, right = (
        np.concatenate([
            np.where(getattr(tree, side) < 0, np.arange(tree.node_count), getattr(tree, side)) + start
            for tree, start in zip(trees, starts, strict=False)
        ])
        for side in ("children_left", "children_right")
    )  # fmt: skip
    leaves = left == np.arange(len(left))
    values = np.concatenate([tree.value[:, 0, :] for tree in trees])
    if classes:
        values = values / values.sum(axis=1, keepdims=True)
    return TreesModel(
        feature=np.where(leaves, 0, np.concatenate([tree.feature for tree in trees])).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        value=values[:, 1] if classes == 2 else values if classes else values[:, 0],
        roots=starts[:-1].astype(np.int32),
        weights=np.full(len(trees), 1 / len(trees)),
        size=size,
        depth=max(tree.max_depth for tree in trees),
        link="shares" if classes else "identity",
    )
