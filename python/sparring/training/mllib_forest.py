"""Random forests, and single decision trees, by MLlib."""

from __future__ import annotations

from sparring.training.mllib_trees import MllibTreeTrainer

TASKS = frozenset({"binary", "multiclass", "regression"})


class MllibForest(MllibTreeTrainer):
    """MLlib's random forest: its splits are among at most ``maxBins`` bounds, drawn from a sample of the rows."""

    family = "random_forest"
    tasks = TASKS
    title = "MLlib's random forest"
    estimators = "RandomForest"
    sizes = {"trees": "numTrees", "depth": "maxDepth", "min_leaf_rows": "minInstancesPerNode"}  # noqa: RUF012


class MllibTree(MllibTreeTrainer):
    """MLlib's decision tree."""

    family = "decision_tree"
    tasks = TASKS
    title = "MLlib's decision tree"
    estimators = "DecisionTree"
    sizes = {"depth": "maxDepth", "min_leaf_rows": "minInstancesPerNode"}  # noqa: RUF012
