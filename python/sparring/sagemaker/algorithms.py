"""SageMaker's built-in algorithms: one declared table from our Params to their hyperparameters.

Our Param bears their name in camelCase.  Types, ranges and what is required are those that the classes of
``sagemaker-pyspark`` 1.4.5 document; outputs are the members of the algorithms' answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from sparring.errors import ConfigError, did_you_mean
from sparring.params import Check, at_least, in_range, one_of
from sparring.sagemaker.images import builtin_image

Kind = Literal["int", "float", "str", "bool", "int or auto", "float or auto"]
RECORDIO = "application/x-recordio-protobuf"
LIBSVM = "text/libsvm"


class Hyperparameter(NamedTuple):
    """Type, range and meaning of a hyperparameter."""

    kind: Kind
    check: Check
    doc: str


@dataclass(frozen=True)
class Algorithm:
    """A built-in algorithm.

    Attributes
    ----------
    repository : str
        Name of its image.
    estimator : str
        Class in ``sagemaker_pyspark.algorithms``.
    hyperparameters : mapping of str to Hyperparameter
        In the algorithm's own names.
    required : tuple of str
        Without them the job fails.
    fixed : mapping of str to str
        What the class sets itself.
    content_type, spark_format : str
        Of the training data, and the library's Spark data source that writes it.
    labelled : bool
        Whether it learns from labels.
    gpu, distributed : bool
        Whether a GPU, or a second instance, is of use to it.
    outputs : mapping of str to str
        Member of the answer -> our Param that names its column.
    """

    repository: str
    estimator: str
    hyperparameters: Mapping[str, Hyperparameter]
    required: tuple[str, ...]
    fixed: Mapping[str, str] = field(default_factory=dict)
    content_type: str = RECORDIO
    spark_format: str = "sagemaker"
    labelled: bool = True
    gpu: bool = True
    distributed: bool = True
    outputs: Mapping[str, str] = field(default_factory=dict)

    def image(self, region: str) -> str:
        """Return the URI of its image in ``region``."""
        return builtin_image(self.repository, region)

    def checked(self, given: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """Return ``given`` with values of the right type, and what the class sets itself.

        Raises
        ------
        ConfigError
            If one is unknown, ill-typed or out of range, or required ones are missing, which are listed together.
        """
        values = {name: self._checked(name, value, owner) for name, value in given.items()}
        missing = [name for name in self.required if name not in values]
        if missing:
            raise ConfigError(
                f"{owner}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} required by {self.repository}",
                f"Set {', '.join(param_name(name) for name in missing)}.",
            )
        return {**values, **self.fixed}

    def _checked(self, name: str, value: Any, owner: str) -> Any:
        if name not in self.hyperparameters:
            raise ConfigError(
                f"{owner}: {self.repository} has no hyperparameter {name!r}; it has {', '.join(self.hyperparameters)}",
                f"Rename or drop it.{did_you_mean(name, list(self.hyperparameters))}",
            )
        allowed = self.hyperparameters[name]
        try:
            converted = CONVERTERS[allowed.kind](value)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{owner}: {name} must be {allowed.kind}, got {value!r}", "Change it.") from error
        if converted != "auto" and not allowed.check[1](converted):
            raise ConfigError(f"{owner}: {name} must be {allowed.check[0]}, got {value!r}", "Change it.")
        return converted


def param_name(name: str) -> str:
    """Return our Param's name of a hyperparameter.

    Examples
    --------
    >>> param_name("mini_batch_size"), param_name("l1")
    ('miniBatchSize', 'l1')
    """
    return re.sub(r"_(\w)", lambda found: found.group(1).upper(), name)


def as_text(value: Any) -> str:
    """Return a hyperparameter's value as a request holds it; flags as ``sagemaker-pyspark`` writes them, ``True``."""
    return str(value)


def _number(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, bool) or (kind is int and isinstance(value, float) and value != int(value)):
            raise TypeError(value)
        return kind(value)

    return convert


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False}
    if str(value).lower() not in known:
        raise TypeError(value)
    return known[str(value).lower()]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _or_auto(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: value if value == "auto" else convert(value)


CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    "int": _number(int),
    "float": _number(float),
    "str": _text,
    "bool": _boolean,
    "int or auto": _or_auto(_number(int)),
    "float or auto": _or_auto(_number(float)),
}

ANY: Check = ("any", lambda value: True)
POSITIVE: Check = ("> 0", lambda value: value > 0)
SHARE_BELOW_1: Check = ("in [0, 1)", lambda value: 0 <= value < 1)
COMPONENTS: Check = ("-1 or > 0", lambda value: value == -1 or value > 0)
START = one_of("uniform", "normal", "constant")

FEATURE_DIM = Hyperparameter("int", at_least(1), "number of features; unset: that of the first row")
MINI_BATCH = Hyperparameter("int", at_least(1), "rows of a mini-batch")
EPOCHS = Hyperparameter("int", at_least(1), "passes over the rows")

LINEAR = {
    "feature_dim": FEATURE_DIM,
    "mini_batch_size": MINI_BATCH,
    "epochs": EPOCHS,
    "use_bias": Hyperparameter("bool", ANY, "whether there is an intercept"),
    "num_models": Hyperparameter("int or auto", at_least(1), "models trained side by side"),
    "num_calibration_samples": Hyperparameter("int", at_least(1), "validation rows that calibrate the threshold"),
    "init_method": Hyperparameter("str", one_of("uniform", "normal"), "distribution of the first weights"),
    "init_scale": Hyperparameter("float", POSITIVE, "range of uniform first weights"),
    "init_sigma": Hyperparameter("float", POSITIVE, "standard deviation of normal first weights"),
    "init_bias": Hyperparameter("float", ANY, "first intercept"),
    "optimizer": Hyperparameter("str", one_of("sgd", "adam", "rmsprop", "auto"), "optimiser"),
    "wd": Hyperparameter("float", at_least(0), "L2 penalty"),
    "l1": Hyperparameter("float", at_least(0), "L1 penalty"),
    "momentum": Hyperparameter("float", SHARE_BELOW_1, "momentum of sgd"),
    "learning_rate": Hyperparameter("float or auto", POSITIVE, "step size"),
    "beta_1": Hyperparameter("float", SHARE_BELOW_1, "decay of adam's first moment"),
    "beta_2": Hyperparameter("float", SHARE_BELOW_1, "decay of adam's second moment"),
    "bias_lr_mult": Hyperparameter("float", POSITIVE, "step size of the intercept, times learning_rate"),
    "bias_wd_mult": Hyperparameter("float", at_least(0), "L2 penalty of the intercept, times wd"),
    "use_lr_scheduler": Hyperparameter("bool", ANY, "whether the step size shrinks"),
    "lr_scheduler_step": Hyperparameter("int", at_least(1), "steps between two shrinkings"),
    "lr_scheduler_factor": Hyperparameter("float", in_range(0, 1, closed=False), "shrinking of the step size"),
    "lr_scheduler_minimum_lr": Hyperparameter("float", POSITIVE, "least step size"),
    "normalize_data": Hyperparameter("bool", ANY, "scale features to standard deviation 1"),
    "normalize_label": Hyperparameter("bool", ANY, "scale the label, in regression"),
    "unbias_data": Hyperparameter("bool", ANY, "centre the features"),
    "unbias_label": Hyperparameter("bool", ANY, "centre the label, in regression"),
    "num_point_for_scaler": Hyperparameter("int", at_least(1), "rows that scaling is computed from"),
    "early_stopping_patience": Hyperparameter("int", at_least(1), "epochs without improvement before the end"),
    "early_stopping_tolerance": Hyperparameter("float", POSITIVE, "least relative improvement"),
    "margin": Hyperparameter("float", POSITIVE, "margin of hinge_loss"),
    "quantile": Hyperparameter("float", in_range(0, 1, closed=False), "quantile of quantile_loss"),
    "loss_insensitivity": Hyperparameter("float", POSITIVE, "errors below it count as none"),
    "huber_delta": Hyperparameter("float", at_least(0), "where huber_loss turns linear"),
    "f_beta": Hyperparameter("float", POSITIVE, "beta of the F score"),
}
REGRESSION_LOSSES = one_of(
    *("auto", "squared_loss", "absolute_loss", "eps_insensitive_squared_loss"),
    *("eps_insensitive_absolute_loss", "quantile_loss", "huber_loss"),
)
CRITERIA = one_of(
    *("accuracy", "f1", "f_beta", "precision_at_target_recall", "recall_at_target_precision"),
    *("cross_entropy_loss", "loss_function"),
)
FACTORIZATION = {
    "feature_dim": FEATURE_DIM,
    "num_factors": Hyperparameter("int", at_least(1), "dimension of the factors"),
    "mini_batch_size": MINI_BATCH,
    "epochs": EPOCHS,
    "clip_gradient": Hyperparameter("float", ANY, "gradients are cut to this range"),
    "eps": Hyperparameter("float", ANY, "keeps divisions from 0"),
    "rescale_grad": Hyperparameter("float", ANY, "factor of gradients"),
    **{
        f"{part}_{name}": Hyperparameter("float", at_least(0), f"{what} of the {part} term")
        for part in ("bias", "linear", "factors")
        for name, what in (("lr", "step size"), ("wd", "weight decay"))
    },
    **{
        f"{part}_init_{name}": Hyperparameter("float", check, f"{what} of the {part} term's first values")
        for part in ("bias", "linear", "factors")
        for name, check, what in (
            ("scale", at_least(0), "range of uniform"),
            ("sigma", at_least(0), "standard deviation of normal"),
            ("value", ANY, "constant"),
        )
    },
    **{
        f"{part}_init_method": Hyperparameter("str", START, f"distribution of the {part} term's first values")
        for part in ("bias", "linear", "factors")
    },
}

BINARY = {"score": "probabilityCol", "predicted_label": "predictionCol"}
LINEAR_BINARY = Algorithm(
    "linear-learner",
    "LinearLearnerBinaryClassifier",
    {
        **LINEAR,
        "loss": Hyperparameter("str", one_of("auto", "logistic", "hinge_loss"), "loss function"),
        "binary_classifier_model_selection_criteria": Hyperparameter("str", CRITERIA, "how the best model is chosen"),
        "target_recall": Hyperparameter("float", in_range(0, 1), "for precision_at_target_recall"),
        "target_precision": Hyperparameter("float", in_range(0, 1), "for recall_at_target_precision"),
        "positive_example_weight_mult": Hyperparameter(
            "str", ("> 0, 'balanced' or 'auto'", lambda value: bool(value)), "weight of class 1, class 0 has 1"
        ),
    },
    (),
    {"predictor_type": "binary_classifier"},
    outputs=BINARY,
)
LINEAR_MULTICLASS = Algorithm(
    "linear-learner",
    "LinearLearnerMultiClassClassifier",
    {
        **LINEAR,
        "loss": Hyperparameter("str", one_of("auto", "softmax_loss"), "loss function"),
        "num_classes": Hyperparameter("int", in_range(3, 1_000_000), "classes, labelled from 0"),
        "accuracy_top_k": Hyperparameter("int", at_least(1), "k of the top-k accuracy"),
        "balance_multiclass_weights": Hyperparameter("bool", ANY, "give every class the same weight"),
    },
    ("num_classes",),
    {"predictor_type": "multiclass_classifier"},
    outputs=BINARY,
)
LINEAR_REGRESSOR = Algorithm(
    "linear-learner",
    "LinearLearnerRegressor",
    {**LINEAR, "loss": Hyperparameter("str", REGRESSION_LOSSES, "loss function")},
    (),
    {"predictor_type": "regressor"},
    outputs={"score": "predictionCol"},
)
FACTORIZATION_BINARY = Algorithm(
    "factorization-machines",
    "FactorizationMachinesBinaryClassifier",
    FACTORIZATION,
    ("feature_dim", "num_factors"),
    {"predictor_type": "binary_classifier"},
    outputs=BINARY,
)
FACTORIZATION_REGRESSOR = Algorithm(
    "factorization-machines",
    "FactorizationMachinesRegressor",
    FACTORIZATION,
    ("feature_dim", "num_factors"),
    {"predictor_type": "regressor"},
    outputs={"score": "predictionCol"},
)
KMEANS = Algorithm(
    "kmeans",
    "KMeansSageMakerEstimator",
    {
        "feature_dim": FEATURE_DIM,
        "k": Hyperparameter("int", at_least(2), "clusters"),
        "init_method": Hyperparameter("str", one_of("random", "kmeans++"), "how first centres are chosen"),
        "local_lloyd_max_iter": Hyperparameter("int", at_least(1), "most iterations of the last stage"),
        "local_lloyd_tol": Hyperparameter("float", in_range(0, 1), "tolerance of the last stage"),
        "local_lloyd_num_trials": Hyperparameter("int or auto", at_least(1), "trials of the last stage"),
        "local_lloyd_init_method": Hyperparameter("str", one_of("random", "kmeans++"), "first centres there"),
        "half_life_time_size": Hyperparameter("int", at_least(0), "rows after which a row's weight is halved"),
        "epochs": EPOCHS,
        "extra_center_factor": Hyperparameter("int or auto", at_least(1), "further centres, times k"),
        "mini_batch_size": MINI_BATCH,
        "eval_metrics": Hyperparameter("str", one_of("msd", "ssd", "msd,ssd"), "mean, sum of squared distances"),
    },
    ("feature_dim", "k"),
    labelled=False,
    outputs={"distance_to_cluster": "distanceCol", "closest_cluster": "predictionCol"},
)
PCA = Algorithm(
    "pca",
    "PCASageMakerEstimator",
    {
        "feature_dim": FEATURE_DIM,
        "num_components": Hyperparameter("int", at_least(1), "principal components"),
        "algorithm_mode": Hyperparameter("str", one_of("regular", "randomized"), "exact, or for many features"),
        "subtract_mean": Hyperparameter("bool", ANY, "centre the features"),
        "extra_components": Hyperparameter("int", COMPONENTS, "further components of randomized"),
        "mini_batch_size": MINI_BATCH,
    },
    ("feature_dim", "num_components", "mini_batch_size"),
    labelled=False,
    outputs={"projection": "outputCol"},
)
LDA = Algorithm(
    "lda",
    "LDASageMakerEstimator",
    {
        "feature_dim": FEATURE_DIM,
        "num_topics": Hyperparameter("int", at_least(1), "topics"),
        "alpha0": Hyperparameter("float", POSITIVE, "first guess of the concentration"),
        "max_restarts": Hyperparameter("int", at_least(1), "restarts of the decomposition"),
        "max_iterations": Hyperparameter("int", at_least(1), "iterations of the alternating least squares"),
        "tol": Hyperparameter("float", POSITIVE, "tolerance of the alternating least squares"),
        "mini_batch_size": Hyperparameter("int", at_least(1), "number of documents; unset: that of the rows"),
    },
    ("feature_dim", "num_topics", "mini_batch_size"),
    labelled=False,
    gpu=False,
    distributed=False,
    outputs={"topic_mixture": "topicDistributionCol"},
)
XGBOOST = Algorithm(
    "xgboost",
    "XGBoostSageMakerEstimator",
    {},
    ("num_round",),
    content_type=LIBSVM,
    spark_format="libsvm",
    gpu=False,
)
