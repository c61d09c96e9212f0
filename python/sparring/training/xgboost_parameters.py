"""XGBoost's hyperparameters, for one machine, for Spark and for SageMaker.

Names, ranges and defaults are XGBoost's own (XGBoost documentation, "XGBoost Parameters"); ``num_round`` is
required, as it is by SageMaker's built-in algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparring.errors import ConfigError
from sparring.training import parameters

if TYPE_CHECKING:
    import xgboost

FAMILY = "gradient_boosted_trees"
OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
# Which make a model larger and leave the function that is minimised as it is.
SIZE = frozenset({"num_round", "max_depth", "eta", "min_child_weight", "early_stopping_rounds"})


@dataclass(frozen=True)
class XGBoostParameters:
    """Validated hyperparameters.

    Attributes
    ----------
    num_round : int
        Trees; of several classes as many for each.
    given : dict
        The others that were configured, in XGBoost's names.
    early_stopping_rounds : int or None
        Training ends when the loss of the validation part has not improved for so many rounds, and the best round's
        model is kept; ``num_round`` is then the most there are.
    """

    num_round: int
    given: dict[str, Any]
    early_stopping_rounds: int | None = None

    @classmethod
    def of(cls, configured: dict[str, Any], owner: str, column: str = "xgboost") -> XGBoostParameters:
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
        checked = parameters.checked(configured, column, FAMILY, owner)
        return cls(checked.pop("num_round"), checked, checked.pop("early_stopping_rounds", None))

    def native(self, cores: int, seed: int, task: str = "binary", classes: int = 2) -> dict[str, Any]:
        """Return the first argument of :func:`xgboost.train`.

        Raises
        ------
        ConfigError
            If ``base_score`` is no probability for a classifier.
        """
        if task == "binary" and not 0 < self.given.get("base_score", 0.5) < 1:
            raise ConfigError(f"base_score must be in (0, 1), got {self.given['base_score']}", "Change it.")
        return {
            "objective": OBJECTIVES[task],
            **({"num_class": classes} if task == "multiclass" else {}),
            "tree_method": "hist",
            **self.given,
            "nthread": cores,
            "seed": seed,
        }

    def for_sagemaker(self, cores: int, seed: int, task: str = "binary", classes: int = 2) -> dict[str, str]:
        """Return the training job's hyperparameters, all strings; the same model as :meth:`native`."""
        native = self.native(cores, seed, task, classes)
        return {"num_round": str(self.num_round)} | {name: str(value) for name, value in native.items()}

    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included."""
        stopping = {"early_stopping_rounds": self.early_stopping_rounds} if self.early_stopping_rounds else {}
        return parameters.effective({"num_round": self.num_round, **stopping, **self.given}, "xgboost", FAMILY)

    @property
    def objective(self) -> dict[str, Any]:
        """What the function that is minimised depends on besides the model's size."""
        return {name: value for name, value in self.effective().items() if name not in SIZE}

    def capacity(self, booster: xgboost.Booster | None = None) -> dict[str, Any]:
        """Return how large a model is asked for, or ``booster`` became."""
        found = self.effective()
        rounds = booster.num_boosted_rounds() if booster is not None else self.num_round
        size = {"rounds": rounds, "depth": found["max_depth"], "learning_rate": found["eta"]}
        return {**size, "early_stopping": True} if self.early_stopping_rounds else size
