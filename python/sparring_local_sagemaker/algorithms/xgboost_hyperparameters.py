"""Hyperparameters of the XGBoost image, with its ranges and its words, and what they are to today's library.

Source: aws/sagemaker-xgboost-container, ``algorithm_mode/hyperparameter_validation.py``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from sparring_local_sagemaker.algorithms.hyperparameters import ClientError, Dialect, Hyperparameter, validate

DIALECT = Dialect(
    missing="Missing required hyperparameter: {names}",
    unknown="Extraneous hyperparameter found: {name}; known are {known}",
    unparsed="Hyperparameter {name}: could not parse value {text!r}, allowed is {wording}",
    range="Hyperparameter {name}: {text} is not in {wording}",
)
SHARE, WHOLE, POSITIVE, FREE, UNIT = "(0, 1]", "[1, inf)", "(0, inf)", "[0, inf)", "[0, 1]"
OBJECTIVES = (
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
)
# Metrics that the image computes with scikit-learn; see xgboost_metrics.
CUSTOM_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "mse",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
)
NATIVE_METRICS = (
    "aft-nloglik",
    "auc",
    "aucpr",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "map",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "ndcg",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
WITH_THRESHOLD = ("error", "ndcg", "map")

TABLE = {
    "num_round": Hyperparameter(int, WHOLE, required=True),
    "csv_weights": Hyperparameter(int, UNIT),
    "early_stopping_rounds": Hyperparameter(int, WHOLE),
    "booster": Hyperparameter(str, ("gbtree", "gblinear", "dart")),
    "verbosity": Hyperparameter(int, "[0, 3]"),
    "silent": Hyperparameter(int, UNIT, used=False),
    "nthread": Hyperparameter(int, WHOLE),
    "eta": Hyperparameter(float, UNIT),
    "gamma": Hyperparameter(float, FREE),
    "max_depth": Hyperparameter(int, FREE),
    "min_child_weight": Hyperparameter(float, FREE),
    "max_delta_step": Hyperparameter(float, FREE),
    "subsample": Hyperparameter(float, SHARE),
    "colsample_bytree": Hyperparameter(float, SHARE),
    "colsample_bylevel": Hyperparameter(float, SHARE),
    "colsample_bynode": Hyperparameter(float, SHARE),
    "lambda": Hyperparameter(float, FREE),
    "alpha": Hyperparameter(float, FREE),
    "tree_method": Hyperparameter(str, ("auto", "exact", "approx", "hist")),
    "sketch_eps": Hyperparameter(float, "(0, 1)", used=False),
    "scale_pos_weight": Hyperparameter(float, POSITIVE),
    "updater": Hyperparameter(str),
    "dsplit": Hyperparameter(str, ("row", "col"), used=False),
    "refresh_leaf": Hyperparameter(int, UNIT),
    "process_type": Hyperparameter(str, ("default",)),
    "grow_policy": Hyperparameter(str, ("depthwise", "lossguide")),
    "max_leaves": Hyperparameter(int, FREE),
    "max_bin": Hyperparameter(int, FREE),
    "predictor": Hyperparameter(str, ("auto", "cpu_predictor"), used=False),
    "monotone_constraints": Hyperparameter(str),
    "interaction_constraints": Hyperparameter(str),
    "sample_type": Hyperparameter(str, ("uniform", "weighted")),
    "normalize_type": Hyperparameter(str, ("tree", "forest")),
    "rate_drop": Hyperparameter(float, UNIT),
    "one_drop": Hyperparameter(int, UNIT),
    "skip_drop": Hyperparameter(float, UNIT),
    "lambda_bias": Hyperparameter(float, UNIT, used=False),
    "tweedie_variance_power": Hyperparameter(float, "(1, 2)"),
    "objective": Hyperparameter(str, OBJECTIVES),
    "num_class": Hyperparameter(int, WHOLE),
    "base_score": Hyperparameter(float, FREE),
    "eval_metric": Hyperparameter(list),
    "seed": Hyperparameter(int, "(-2147483648, 2147483647]"),
    "num_parallel_tree": Hyperparameter(int, WHOLE),
    "save_model_on_termination": Hyperparameter(bool),
    "aft_loss_distribution": Hyperparameter(str, ("normal", "logistic", "extreme")),
    "aft_loss_distribution_scale": Hyperparameter(float, FREE),
    "deterministic_histogram": Hyperparameter(bool, used=False),
    "sampling_method": Hyperparameter(str, ("uniform", "gradient_based")),
    "prob_buffer_row": Hyperparameter(float, "(1, inf)", used=False),
}
ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
# Settings of one booster; the library refuses or warns of them beside another one.
ONLY_FOR = {
    "dart": {"sample_type", "normalize_type", "rate_drop", "one_drop", "skip_drop"},
    "gbtree": {"refresh_leaf", "process_type"},
}
OF_THE_JOB = {"num_round", "csv_weights", "early_stopping_rounds", "eval_metric", "save_model_on_termination"}
REFUSED = {
    "_kfold": "cross-validation inside the job",
    "use_dask_gpu_training": "training on GPUs",
}


@dataclass(frozen=True)
class Training:
    """What a job is asked to do.

    Attributes
    ----------
    num_round : int
    native : dict
        First argument of :func:`xgboost.train`, with the metrics that the library has.
    custom_metrics : list of str
        Those that it has not.
    last_metric : str or None
        The one that early stopping looks at.
    early_stopping_rounds : int or None
    csv_weights : bool
        Whether the second column of CSV is the row's weight.
    save_on_termination : bool
    """

    num_round: int
    native: dict[str, Any]
    custom_metrics: list[str]
    last_metric: str | None
    early_stopping_rounds: int | None
    csv_weights: bool
    save_on_termination: bool


def training_of(given: dict[str, str]) -> Training:
    """Return what the hyperparameters ask for.

    Raises
    ------
    ClientError
        If one is unknown, not of its type, out of range or at odds with another.

    Examples
    --------
    >>> training_of({"num_round": "5", "eta": "0.1"}).native
    {'eta': 0.1}
    """
    for name, what in REFUSED.items():
        if given.get(name, "false") != "false":
            raise ClientError(f"hyperparameter {name}: {what} is not in the local emulator")
    values = validate(TABLE, {ALIASES.get(name, name): text for name, text in given.items()}, DIALECT)
    metrics = values.get("eval_metric", [])
    _check(values, metrics)
    native = {name: _native(name, values) for name in values if name not in OF_THE_JOB and _applies(name, values)}
    own = [_metric(metric, values) for metric in metrics if metric not in CUSTOM_METRICS]
    if own:
        native["eval_metric"] = own
    elif metrics:
        native["disable_default_eval_metric"] = True
    return Training(
        values["num_round"],
        native,
        [metric for metric in metrics if metric in CUSTOM_METRICS],
        _metric(metrics[-1], values) if metrics else None,
        values.get("early_stopping_rounds"),
        bool(values.get("csv_weights", 0)),
        values.get("save_model_on_termination", False),
    )


def _check(values: dict[str, Any], metrics: list[str]) -> None:
    """Raise :class:`ClientError` if hyperparameters are at odds with each other."""
    objective = values.get("objective", "")
    if objective.startswith("multi:") and "num_class" not in values:
        raise ClientError("Require input for parameter 'num_class' for multi-classification")
    if objective.startswith("multi:") and values["num_class"] < 2:
        raise ClientError(f"Hyperparameter num_class: {values['num_class']} is not in [2, inf)")
    for metric in metrics:
        name, at, threshold = metric.partition("@")
        if name not in NATIVE_METRICS + CUSTOM_METRICS or (at and name not in WITH_THRESHOLD):
            known = ", ".join(NATIVE_METRICS + CUSTOM_METRICS)
            raise ClientError(f"Hyperparameter eval_metric: value {metric!r} not in range {known}")
        if at and not threshold.replace(".", "", 1).isdigit():
            raise ClientError(f"Threshold value 't' in '{name}@t' expects float input.")
        if name == "auc" and not objective.startswith(("binary:", "rank:")):
            raise ClientError("Metric 'auc' can only be applied for classification and ranking problems.")
        if name == "aft-nloglik" and objective != "survival:aft":
            raise ClientError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    methods = {"monotone_constraints": ("exact", "hist"), "interaction_constraints": ("exact", "hist", "approx")}
    for name, allowed in methods.items():
        if name in values and values.get("tree_method") not in allowed:
            raise ClientError(
                f"{name} can be used only when the tree_method parameter is set to {' or '.join(allowed)}"
            )


def _applies(name: str, values: dict[str, Any]) -> bool:
    """Return whether today's library takes a hyperparameter beside the others."""
    objective, booster = str(values.get("objective", "")), values.get("booster", "gbtree")
    if not TABLE[name].used or (name == "tweedie_variance_power" and "tweedie" not in objective):
        return False
    if name == "num_class":
        return objective.startswith("multi:")
    if name == "updater":
        # The growers of old are today's tree methods.
        return booster == "gblinear"
    return not any(name in names and booster != only for only, names in ONLY_FOR.items())


def _native(name: str, values: dict[str, Any]) -> Any:
    value = values[name]
    if value == "reg:linear":
        return "reg:squarederror"
    if name in ("monotone_constraints", "interaction_constraints"):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise ClientError(f"Hyperparameter {name}: could not parse value {value!r}") from error
    return value


def _metric(metric: str, values: dict[str, Any]) -> str:
    """Return a metric under the library's name."""
    return f"{metric}@{values.get('tweedie_variance_power', 1.5):g}" if metric == "tweedie-nloglik" else metric
