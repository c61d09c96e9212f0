"""How large a model a contender was told to train: a larger one that scores better says nothing about its engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.evaluation.equivalence import plain

Result = Mapping[str, Any]

# What makes a model large, as ``capacity`` in ``result.json`` has it -> in words; other names are words already.
CAPACITY = {
    "rounds": "rounds",
    "trees": "trees",
    "depth": "depth",
    "learning_rate": "learning rate",
    "leaves": "leaves",
    "min_leaf_rows": "rows a leaf",
    "early_stopping": "early stopping",
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
    sizes = [one["capacity"], other["capacity"]]
    return [
        f"{CAPACITY.get(name, name)} {_shown(sizes[0][name])} and {_shown(sizes[1][name])}"
        for name in dict.fromkeys([*CAPACITY, *sizes[0], *sizes[1]])
        if all(size.get(name) is not None for size in sizes)
        and plain(sizes[0][name]) != plain(sizes[1][name])
        # Who takes over the rounds at which another one stopped has stopped early, too.
        and not (name == "early_stopping" and plain(sizes[0].get("rounds")) == plain(sizes[1].get("rounds")))
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
