"""XGBoost's hyperparameters: one declared table for the single machine and for SageMaker.

Names, ranges and defaults are XGBoost's own (XGBoost documentation, "XGBoost Parameters"); ``num_round`` is
required, as it is by SageMaker's built-in algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sparring.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import xgboost


class Allowed(NamedTuple):
    """Type of a hyperparameter, its range in words, the test of it, and XGBoost's default (None = its own)."""

    kind: type
    wording: str
    test: Callable[[Any], bool]
    default: Any = None


def _at_least(low: float) -> tuple[str, Callable[[Any], bool]]:
    return f">= {low:g}", lambda value: value >= low


def _share() -> tuple[str, Callable[[Any], bool]]:
    return "in (0, 1]", lambda value: 0 < value <= 1


def _one_of(*values: str) -> tuple[str, Callable[[Any], bool]]:
    return "one of " + ", ".join(values), lambda value: value in values


TABLE: dict[str, Allowed] = {
    "num_round": Allowed(int, *_at_least(1)),
    "early_stopping_rounds": Allowed(int, *_at_least(1)),
    "eta": Allowed(float, "in [0, 1]", lambda value: 0 <= value <= 1, 0.3),
    "max_depth": Allowed(int, "in [0, 64]", lambda value: 0 <= value <= 64, 6),
    "min_child_weight": Allowed(float, *_at_least(0), 1.0),
    "subsample": Allowed(float, *_share(), 1.0),
    "colsample_bytree": Allowed(float, *_share(), 1.0),
    "colsample_bylevel": Allowed(float, *_share(), 1.0),
    "gamma": Allowed(float, *_at_least(0), 0.0),
    "lambda": Allowed(float, *_at_least(0), 1.0),
    "alpha": Allowed(float, *_at_least(0), 0.0),
    "max_delta_step": Allowed(float, *_at_least(0), 0.0),
    "max_bin": Allowed(int, *_at_least(2), 256),
    "max_leaves": Allowed(int, *_at_least(0), 0),
    "grow_policy": Allowed(str, *_one_of("depthwise", "lossguide"), "depthwise"),
    "tree_method": Allowed(str, *_one_of("hist", "approx", "exact"), "hist"),
    "scale_pos_weight": Allowed(float, *_at_least(0), 1.0),
    "base_score": Allowed(float, "in (0, 1)", lambda value: 0 < value < 1),
}
# Other libraries' names of the same thing.
ALIASES = {
    "learning_rate": "eta",
    "n_estimators": "num_round",
    "num_boost_round": "num_round",
    "reg_lambda": "lambda",
    "reg_alpha": "alpha",
    "min_split_loss": "gamma",
}
SET_BY_SPARRING = {"objective", "nthread", "n_jobs", "seed", "random_state", "eval_metric"}


@dataclass(frozen=True)
class XGBoostParameters:
    """Validated hyperparameters of a binary classifier.

    Attributes
    ----------
    num_round : int
        Trees.
    given : dict
        The others that were configured, in XGBoost's names.
    early_stopping_rounds : int or None
        Training ends when the log loss of the validation part has not improved for so many rounds, and the best
        round's model is kept; ``num_round`` is then the most there are.
    """

    num_round: int
    given: dict[str, Any]
    early_stopping_rounds: int | None = None

    @classmethod
    def of(cls, configured: dict[str, Any], owner: str) -> XGBoostParameters:
        """Return the validated hyperparameters.

        Raises
        ------
        ConfigError
            If one is unknown, ill-typed or out of range, or ``num_round`` is missing.

        Examples
        --------
        >>> XGBoostParameters.of({"num_round": 10, "eta": 0.1}, "xgboost").native(cores=2, seed=1)["eta"]
        0.1
        """
        checked = {name: _checked(name, value, owner) for name, value in configured.items()}
        if "num_round" not in checked:
            raise ConfigError(f"{owner}: num_round is missing", "Add num_round: the number of trees, such as 100.")
        return cls(checked.pop("num_round"), checked, checked.pop("early_stopping_rounds", None))

    def native(self, cores: int, seed: int) -> dict[str, Any]:
        """Return the first argument of :func:`xgboost.train`."""
        return {
            "objective": "binary:logistic",
            "tree_method": "hist",
            **self.given,
            "nthread": cores,
            "seed": seed,
        }

    def for_sagemaker(self, cores: int, seed: int) -> dict[str, str]:
        """Return the training job's hyperparameters, all strings; the same model as :meth:`native`."""
        return {"num_round": str(self.num_round)} | {
            name: str(value) for name, value in self.native(cores, seed).items()
        }

    def in_force(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        defaults = {name: allowed.default for name, allowed in TABLE.items() if allowed.default is not None}
        stopping = {"early_stopping_rounds": self.early_stopping_rounds} if self.early_stopping_rounds else {}
        return {"num_round": self.num_round, **stopping, **defaults, **self.given}

    def capacity(self, booster: xgboost.Booster) -> dict[str, Any]:
        """Return how large a model ``booster`` became, where that is not what was configured."""
        if self.early_stopping_rounds is None:
            return {}
        size = {"rounds": booster.num_boosted_rounds(), "early_stopping": True}
        return {**size, "depth": self.in_force()["max_depth"], "learning_rate": self.in_force()["eta"]}


def _checked(name: str, value: Any, owner: str) -> Any:
    if name in SET_BY_SPARRING:
        raise ConfigError(
            f"{owner}: {name} is set by Sparring, alike for every contender",
            "Drop it; see seed and resources.cores.",
        )
    if name not in TABLE:
        hint = f" It is called {ALIASES[name]} here." if name in ALIASES else did_you_mean(name, list(TABLE))
        raise ConfigError(
            f"{owner}: unknown hyperparameter {name!r}; allowed: {', '.join(TABLE)}",
            f"Rename or drop it.{hint}",
        )
    allowed = TABLE[name]
    number = allowed.kind is float and isinstance(value, int)
    if isinstance(value, bool) or not (isinstance(value, allowed.kind) or number) or not allowed.test(value):
        raise ConfigError(
            f"{owner}: {name} must be {allowed.kind.__name__} {allowed.wording}, got {value!r}", "Change it."
        )
    return value
