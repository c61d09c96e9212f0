"""How large a model a contender was told to train: a larger one that scores better says nothing about its engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]

# What makes boosted trees a large model, as ``capacity`` in ``result.json`` has it -> in words.
CAPACITY = {
    "rounds": "rounds",
    "depth": "depth",
    "learning_rate": "learning rate",
    "min_leaf_rows": "rows a leaf",
    "early_stopping": "early stopping",
}
# The same in the engines' own names, for contenders that state no capacity.
SETTINGS = {
    "rounds": ("num_round", "maxIter"),
    "depth": ("max_depth", "maxDepth"),
    "learning_rate": ("eta", "stepSize"),
    "min_leaf_rows": ("minInstancesPerNode",),
}


def capacity_gaps(one: Result, other: Result) -> list[str]:
    """Return in what the settings of two contenders of one family make one of them the larger model.

    Parameters
    ----------
    one, other : mapping
        Their ``result.json``.

    Examples
    --------
    >>> tree = {"family": "gradient_boosted_trees", "capacity": {"rounds": 20, "depth": 5}}
    >>> capacity_gaps(tree, tree | {"capacity": {"rounds": 100, "depth": 5}})
    ['rounds 20 and 100']
    """
    if one["family"] != other["family"]:
        return []
    sizes = [_capacity(result) for result in (one, other)]
    return [
        f"{title} {_shown(sizes[0][name])} and {_shown(sizes[1][name])}"
        for name, title in CAPACITY.items()
        if all(size.get(name) is not None for size in sizes)
        and plain(sizes[0][name]) != plain(sizes[1][name])
        # Who takes over the rounds at which another one stopped has stopped early, too.
        and not (name == "early_stopping" and plain(sizes[0].get("rounds")) == plain(sizes[1].get("rounds")))
    ]


def _capacity(result: Result) -> Mapping[str, Any]:
    """Return how large a model a contender was told to train; empty for a family whose size is no setting."""
    if result["family"] != "gradient_boosted_trees":
        return {}
    settings = result["hyperparameters"]
    named = {name: [settings[own] for own in names if own in settings] for name, names in SETTINGS.items()}
    return result.get("capacity") or {name: float(values[0]) for name, values in named.items() if values}


def _shown(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f"{value:g}"


def plain(value: Any) -> str:
    """Return a setting as comparable text: numbers by value, for SageMaker's are text."""
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return str(value)
