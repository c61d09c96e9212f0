"""What a trainer is: one way to fit one family of models, by one library, on one engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from sparring.config.schema import RunConfig
from sparring.models import Model
from sparring.training.phases import Phases
from sparring.training.spec import Outcome, RowsRead, TrainingSpec

# Where an engine's contenders run, as a user would say it.
PATHS = {"spark": "Spark", "single_node": "one machine", "sagemaker": "SageMaker"}


@dataclass(frozen=True)
class Equivalence:
    """Which other trainers should make the same model, and how near.

    Attributes
    ----------
    group : str
        Trainers of one group minimise the same function.
    settings : dict
        What the function depends on: where it differs, so do the models.
    score_tolerance : float or None
        Largest difference between the scores of one row that counts as none; of a regression in standard deviations of
        the scores.  None: the scores need not agree, only the metric within the margin.
    objective_tolerance : float or None
        Largest difference between the values of the function; None: it is not compared.
    """

    group: str
    settings: dict[str, Any] = field(default_factory=dict)
    score_tolerance: float | None = None
    objective_tolerance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready: ``equivalence`` in ``result.json``."""
        return asdict(self)


class Trainer(ABC):
    """Fits one family of models, by one library, on one engine.

    Parameters
    ----------
    hyperparameters : dict
        As configured; checked here, before any work.
    owner : str
        Opens error messages.

    Raises
    ------
    ConfigError
        If a hyperparameter is unknown, ill-typed or out of range.

    Attributes
    ----------
    engine, library, family : str
        Where it runs, whose code fits, which model.
    tasks : frozenset of str
        Names of the tasks that it can be trained for.
    title : str
        For readers, such as ``"XGBoost on Spark"``.
    version : int
        Raised whenever it makes another model of the same rows and settings: kept results are then trained anew.
    lean : bool
        Whether its process may import XGBoost without scikit-learn.
    """

    engine: ClassVar[str]
    library: ClassVar[str]
    family: ClassVar[str]
    tasks: ClassVar[frozenset[str]]
    title: ClassVar[str]
    version: ClassVar[int] = 1
    lean: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, hyperparameters: dict[str, Any], owner: str) -> None: ...

    @property
    def path(self) -> str:
        """Where it runs, as a user would say it."""
        return PATHS.get(self.engine, self.engine)

    def check_environment(self, config: RunConfig) -> None:  # noqa: B027
        """Raise for what this machine or the configuration lacks to train; no work is done.  By default nothing."""

    @abstractmethod
    def effective(self) -> dict[str, Any]:
        """Return all hyperparameters, defaults included, in the library's own names."""

    def capacity(self) -> dict[str, Any]:
        """Return how large a model it is told to train, by the names in :mod:`sparring.comparison.capacity`."""
        return {}

    def equivalence(self, spec: TrainingSpec) -> Equivalence | None:
        """Return which trainers should make the same model; by default none need to."""
        return None

    @abstractmethod
    def fit(self, spec: TrainingSpec, phases: Phases) -> tuple[Outcome, RowsRead]:
        """Fit, score validation and test, write model and predictions.

        Returns
        -------
        Outcome
        callable
            The check of what was read, see :data:`~sparring.training.spec.RowsRead`.
        """

    @classmethod
    @abstractmethod
    def load_model(cls, folder: str) -> Model:
        """Return the model that :meth:`fit` wrote into ``folder``, as it is served: without Spark.

        Raises
        ------
        PackageError
            If it cannot be served.
        """
