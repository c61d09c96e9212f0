"""Boosted trees by MLlib."""

from __future__ import annotations

from sparring.training.mllib_trees import MllibTreeTrainer


class MllibTrees(MllibTreeTrainer):
    """MLlib's gradient-boosted trees: an algorithm of its own, compared with others by score only."""

    family = "gradient_boosted_trees"
    tasks = frozenset({"binary", "regression"})
    title = "MLlib's boosted trees"
    estimators = "GBT"
    sizes = {  # noqa: RUF012
        "rounds": "maxIter",
        "depth": "maxDepth",
        "learning_rate": "stepSize",
        "min_leaf_rows": "minInstancesPerNode",
    }
