"""Hyperparameters: one declared table of what each library calls them, and the one check of what a user gave.

A row is a meaning with its name in every column.  A column is what a trainer takes: ``sparring`` (pyspark.ml's names,
used by all linear models), ``mllib``, ``sklearn_trees`` (pyspark.ml's names again, those that scikit-learn's trees can
honour), ``sklearn_boosting``, ``xgboost``,
``sagemaker``, ``lightgbm``.  The column ``sklearn``, and others' where they are not the trainer's
own, are names that users bring along: they are refused with the name to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sparring.errors import ConfigError, did_you_mean

GENERALIZED = frozenset({"poisson_regression", "gamma_regression"})
PENALIZED = frozenset({"logistic_regression", "linear_regression"})
LINEAR = PENALIZED | GENERALIZED
TREES = frozenset({"gradient_boosted_trees"})
FOREST = frozenset({"random_forest"})
FORESTS = frozenset({"random_forest", "decision_tree"})


class Range(NamedTuple):
    """The allowed values in words, and the test of one."""

    wording: str
    test: Callable[[Any], bool]


def at_least(low: float) -> Range:
    """Return the range from ``low``."""
    return Range(f">= {low:g}", lambda value: value >= low)


def above(low: float) -> Range:
    """Return the range above ``low``."""
    return Range(f"> {low:g}", lambda value: value > low)


def within(low: float, high: float) -> Range:
    """Return the closed range."""
    return Range(f"in [{low:g}, {high:g}]", lambda value: low <= value <= high)


def share() -> Range:
    """Return the range of a share that is not nothing."""
    return Range("in (0, 1]", lambda value: 0 < value <= 1)


def one_of(*values: str) -> Range:
    """Return the values themselves."""
    return Range("one of " + ", ".join(values), lambda value: value in values)


@dataclass(frozen=True)
class Parameter:
    """One meaning.

    Attributes
    ----------
    kind : type
        ``int``, ``float`` or ``str``; a float takes whole numbers, too.
    range : Range
    names : mapping of str to str
        Column -> name there; a trainer of a column that is absent has no such hyperparameter.
    defaults : mapping of str to object
        Column -> value when it is not given; a column that is absent leaves it to the library.
    families : frozenset of str
    required : frozenset of str
        Columns in which it must be given; ``example`` says how.
    """

    kind: type
    range: Range
    names: Mapping[str, str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    families: frozenset[str] = TREES
    required: frozenset[str] = frozenset()
    example: str = ""

    def checked(self, name: str, value: Any, owner: str) -> Any:
        """Return ``value`` if it is of the kind and in the range.

        Raises
        ------
        ConfigError
        """
        right = isinstance(value, self.kind) or (self.kind is float and isinstance(value, int))
        if isinstance(value, bool) or not right or not self.range.test(value):
            kind = {"int": "a whole number", "float": "a number", "str": "text"}[self.kind.__name__]
            raise ConfigError(f"{owner}: {name} must be {kind} {self.range.wording}, got {value!r}", "Change it.")
        return value


def _both(name: str) -> dict[str, str]:
    return {"xgboost": name, "sagemaker": name}


def _leafwise(value: Any, of_lightgbm: Any = None) -> dict[str, Any]:
    """Return what scikit-learn's boosting has, and LightGBM's where that is another one."""
    return {"sklearn_boosting": value, "lightgbm": value if of_lightgbm is None else of_lightgbm}


def _forest(name: str) -> dict[str, str]:
    return {"mllib": name, "sklearn_trees": name}


def _same(value: Any) -> dict[str, Any]:
    return {"mllib": value, "sklearn_trees": value}


def _all(value: Any) -> dict[str, Any]:
    return {"xgboost": value, "sagemaker": value}


TABLE: tuple[Parameter, ...] = (
    Parameter(float, at_least(0), {"sparring": "regParam", "sklearn": "C"}, {"sparring": 0.0}, LINEAR),
    Parameter(
        float, within(0, 1), {"sparring": "elasticNetParam", "sklearn": "l1_ratio"}, {"sparring": 0.0}, PENALIZED
    ),
    Parameter(int, at_least(1), {"sparring": "maxIter", "sklearn": "max_iter"}, {"sparring": 1_000}, LINEAR),
    # pyspark.ml's own default of 1e-6 stops two to three times sooner than scikit-learn.
    Parameter(float, above(0), {"sparring": "tol"}, {"sparring": 1e-12}, LINEAR),
    Parameter(
        int,
        at_least(1),
        {
            "mllib": "maxIter",
            **_both("num_round"),
            "sklearn": "n_estimators",
            **_leafwise("max_iter", "num_iterations"),
        },
        {"mllib": 20},
        required=frozenset({"xgboost", "sagemaker", "lightgbm", "sklearn_boosting"}),
        example="the number of trees, such as 100",
    ),
    Parameter(
        int, at_least(1), {**_both("early_stopping_rounds"), **_leafwise("n_iter_no_change", "early_stopping_round")}
    ),
    Parameter(
        float,
        within(0, 1),
        {"mllib": "stepSize", **_both("eta"), "sklearn": "learning_rate", **_leafwise("learning_rate")},
        {"mllib": 0.1, **_all(0.3), **_leafwise(0.1)},
    ),
    Parameter(
        int,
        within(0, 64),
        {"mllib": "maxDepth", **_both("max_depth"), **_leafwise("max_depth")},
        # LightGBM's and scikit-learn's trees are bounded by their leaves; 0 is no bound.
        {"mllib": 5, **_all(6), **_leafwise(0)},
    ),
    Parameter(
        float,
        at_least(0),
        {**_both("min_child_weight"), "lightgbm": "min_sum_hessian_in_leaf"},
        {**_all(1.0), "lightgbm": 1e-3},
    ),
    Parameter(
        float,
        share(),
        {"mllib": "subsamplingRate", **_both("subsample"), "lightgbm": "bagging_fraction"},
        {"mllib": 1.0, **_all(1.0), "lightgbm": 1.0},
    ),
    Parameter(
        float, share(), {**_both("colsample_bytree"), "lightgbm": "feature_fraction"}, {**_all(1.0), "lightgbm": 1.0}
    ),
    # scikit-learn draws features for each node.
    Parameter(float, share(), {"sklearn_boosting": "max_features"}, {"sklearn_boosting": 1.0}),
    Parameter(float, share(), _both("colsample_bylevel"), _all(1.0)),
    Parameter(float, at_least(0), {**_both("gamma"), "lightgbm": "min_gain_to_split"}, {**_all(0.0), "lightgbm": 0.0}),
    Parameter(
        float,
        at_least(0),
        {**_both("lambda"), "sklearn": "reg_lambda", **_leafwise("l2_regularization", "lambda_l2")},
        {**_all(1.0), **_leafwise(0.0)},
    ),
    Parameter(
        float,
        at_least(0),
        {**_both("alpha"), "sklearn": "reg_alpha", "lightgbm": "lambda_l1"},
        {**_all(0.0), "lightgbm": 0.0},
    ),
    Parameter(float, at_least(0), _both("max_delta_step"), _all(0.0)),
    Parameter(
        int,
        at_least(2),
        {"mllib": "maxBins", **_both("max_bin"), "lightgbm": "max_bin"},
        {"mllib": 32, **_all(256), "lightgbm": 255},
    ),
    Parameter(int, within(2, 255), {"sklearn_boosting": "max_bins"}, {"sklearn_boosting": 255}),
    Parameter(int, at_least(0), _both("max_leaves"), _all(0)),
    Parameter(int, within(2, 131_072), _leafwise("max_leaf_nodes", "num_leaves"), _leafwise(31)),
    Parameter(str, one_of("depthwise", "lossguide"), _both("grow_policy"), _all("depthwise")),
    Parameter(str, one_of("hist", "approx", "exact"), _both("tree_method"), _all("hist")),
    Parameter(float, at_least(0), _both("scale_pos_weight"), _all(1.0)),
    Parameter(float, Range("a number", lambda value: value == value), _both("base_score")),
    Parameter(
        int,
        at_least(1),
        {"mllib": "minInstancesPerNode", **_leafwise("min_samples_leaf", "min_data_in_leaf")},
        {"mllib": 1, **_leafwise(20)},
    ),
    Parameter(float, at_least(0), {"mllib": "minInfoGain"}, {"mllib": 0.0}),
    Parameter(
        float,
        Range("in [0, 0.5)", lambda value: 0 <= value < 0.5),
        {"mllib": "minWeightFractionPerNode"},
        {"mllib": 0.0},
    ),
    Parameter(
        str,
        Range("as pyspark.ml takes it, such as all or sqrt", bool),
        {"mllib": "featureSubsetStrategy"},
        {"mllib": "all"},
    ),
    Parameter(int, at_least(1), {"mllib": "maxMemoryInMB"}, {"mllib": 256}),
    # Forests and single trees: as many and as deep on both engines.
    Parameter(int, within(1, 10_000), {**_forest("numTrees"), "sklearn": "n_estimators"}, _same(100), FOREST),
    # MLlib numbers the nodes of a tree, and ends at 30; scikit-learn begins at 1.
    Parameter(int, within(1, 30), {**_forest("maxDepth"), "sklearn": "max_depth"}, _same(10), FORESTS),
    Parameter(int, at_least(1), {**_forest("minInstancesPerNode"), "sklearn": "min_samples_leaf"}, _same(1), FORESTS),
    Parameter(float, at_least(0), {**_forest("minInfoGain"), "sklearn": "min_impurity_decrease"}, _same(0.0), FORESTS),
    Parameter(
        float,
        Range("in [0, 0.5)", lambda value: 0 <= value < 0.5),
        {**_forest("minWeightFractionPerNode"), "sklearn": "min_weight_fraction_leaf"},
        _same(0.0),
        FORESTS,
    ),
    Parameter(float, share(), {**_forest("subsamplingRate"), "sklearn": "max_samples"}, _same(1.0), FOREST),
    Parameter(
        str,
        one_of("auto", "all", "sqrt", "log2", "onethird"),
        {**_forest("featureSubsetStrategy"), "sklearn": "max_features"},
        _same("auto"),
        FOREST,
    ),
    Parameter(int, at_least(2), {"mllib": "maxBins"}, {"mllib": 32}, FORESTS),
    Parameter(int, at_least(1), {"mllib": "maxMemoryInMB"}, {"mllib": 256}, FORESTS),
)

# Other spellings of the same, and what is written instead.
ALIASES = {
    "learning_rate": "learning_rate",
    "num_boost_round": "n_estimators",
    "num_rounds": "n_estimators",
    "min_split_loss": "min_gain_to_split",
}
# How a foreign name is translated where that is more than another name.
TRANSLATED = {"C": "regParam = 1 / (C * sum of weights)", "penalty": "regParam and elasticNetParam"}
NOT_NEEDED = {
    "solver": "nothing: it is chosen by the penalty and the number of features",
    "standardization": "nothing: prepare.scale scales the features once, for every contender",
    "standardize": "nothing: prepare.scale scales the features once, for every contender",
}
SET_BY_SPARRING = frozenset(
    {"objective", "nthread", "n_jobs", "seed", "random_state", "eval_metric", "num_class", "lossType"}
)


def parameters_of(column: str, family: str) -> dict[str, Parameter]:
    """Return name -> parameter of what trainers of a column take for a family."""
    return {row.names[column]: row for row in TABLE if column in row.names and family in row.families}


def checked(given: Mapping[str, Any], column: str, family: str, owner: str) -> dict[str, Any]:
    """Return ``given`` if all of it is known, of its type and in its range.

    Parameters
    ----------
    given : mapping
        As configured.
    column, family : str
        Which names are taken.
    owner : str
        Opens error messages.

    Raises
    ------
    ConfigError
        For the first fault: what was allowed, what came, what to write.

    Examples
    --------
    >>> checked({"num_round": 10, "eta": 0.1}, "xgboost", "gradient_boosted_trees", "xgboost")
    {'num_round': 10, 'eta': 0.1}
    """
    known = parameters_of(column, family)
    for name in given:
        if name not in known:
            raise _unknown(name, known, family, owner)
    values = {name: known[name].checked(name, value, owner) for name, value in given.items()}
    for name, row in known.items():
        if column in row.required and name not in values:
            raise ConfigError(f"{owner}: {name} is missing", f"Add {name}: {row.example}.")
    return values


def effective(given: Mapping[str, Any], column: str, family: str) -> dict[str, Any]:
    """Return ``given`` with the defaults of all that was not."""
    known = parameters_of(column, family)
    return {**{name: row.defaults[column] for name, row in known.items() if column in row.defaults}, **given}


def _unknown(name: str, known: Mapping[str, Parameter], family: str, owner: str) -> ConfigError:
    """Return the error of a name that is not taken, with what to write instead where that is known."""
    if name in SET_BY_SPARRING:
        return ConfigError(
            f"{owner}: {name} is set by Sparring, alike for every contender",
            "Drop it; see seed, resources.cores and table.task.",
        )
    instead = TRANSLATED.get(name) if family in LINEAR else None
    if instead or name in NOT_NEEDED:
        return ConfigError(f"{owner}: {name} is not used here", f"Write instead: {instead or NOT_NEEDED[name]}.")
    foreign = ALIASES.get(name, name)
    same = [own for own, row in known.items() if foreign in row.names.values()]
    hint = f" It is called {same[0]} here." if same else did_you_mean(name, list(known))
    return ConfigError(
        f"{owner}: unknown hyperparameter {name!r}; allowed: {', '.join(known) or 'none'}", f"Rename or drop it.{hint}"
    )
