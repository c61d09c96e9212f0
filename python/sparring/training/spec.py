"""What a contender is asked to do, and what it answers: plain values that cross a process border."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from sparring.config.schema import ContenderConfig, RunConfig, SageMakerConfig
from sparring.io import storage

# Returns part -> fingerprint of the rows that an engine read.  To take it is our check and no work of the engine, so
# an engine returns this function and leaves it to the runner to call it where nothing is measured.
RowsRead = Callable[[], dict[str, str]]


@dataclass(frozen=True)
class TrainingSpec:
    """One contender's work.

    Attributes
    ----------
    name, engine, family : str
        From the configuration.
    hyperparameters : dict
        As configured, validated by the engine.
    matrix : str
        Folder of the prepared matrix.
    folder : str
        Where ``predictions``, ``model`` and ``result.json`` go.
    cores : int
        Threads the contender may use.
    memory : str
        Heap of a local Spark driver.
    seed : int
    sagemaker : dict
        The section of that name, for the sagemaker engine.
    library : str
        Whose code fits; "" means the default of engine and family.
    task : str
        Name of the kind of problem, see :mod:`sparring.task`.
    target : dict
        What is predicted, see :class:`~sparring.task.Target`.
    """

    name: str
    engine: str
    family: str
    hyperparameters: dict[str, Any]
    matrix: str
    folder: str
    cores: int
    memory: str
    seed: int
    sagemaker: dict[str, Any] = field(default_factory=dict)
    library: str = ""
    task: str = "binary"
    target: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        contender: ContenderConfig,
        config: RunConfig,
        matrix: str,
        folder: str,
        task: str,
        target: dict[str, Any],
        cores: int,
    ) -> TrainingSpec:
        """Return the spec of ``contender`` on the matrix in ``matrix``."""
        return cls(
            name=contender.name,
            engine=contender.engine,
            family=contender.family,
            hyperparameters=dict(contender.hyperparameters),
            matrix=matrix,
            folder=folder,
            cores=cores,
            memory=config.resources.memory,
            seed=config.seed,
            sagemaker=config.sagemaker.model_dump(),
            library=contender.library or "",
            task=task,
            target=target,
        )

    @property
    def class_count(self) -> int:
        """Number of classes; 0 for a number."""
        return len(self.target.get("classes", ()))

    @property
    def score_count(self) -> int:
        """Number of scores of a row: 1, or one for each of several classes."""
        return self.class_count if self.class_count > 2 else 1

    @property
    def owner(self) -> str:
        """What opens the messages about its hyperparameters."""
        return f"contenders.{self.name}.hyperparameters"

    @property
    def sagemaker_config(self) -> SageMakerConfig:
        """The section ``sagemaker`` of the configuration."""
        return SageMakerConfig(**self.sagemaker)

    @property
    def predictions(self) -> str:
        """Folder of the stored predictions."""
        return storage.join(self.folder, "predictions")

    @property
    def model(self) -> str:
        """Folder of the fitted model."""
        return storage.join(self.folder, "model")

    def to_json(self) -> str:
        """Return the spec as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainingSpec:
        """Return the spec that :meth:`to_json` wrote."""
        return cls(**json.loads(text))


@dataclass
class Outcome:
    """What an engine tells of a finished spec besides the files it wrote.

    Attributes
    ----------
    fingerprints : dict of str to str
        Part -> fingerprint of the rows the engine actually read; taken after its work, see
        :data:`RowsRead`.
    hyperparameters : dict
        All that were in force, defaults included.
    capacity : dict
        How large a model was trained (see :mod:`sparring.comparison.capacity`) where it is not what was configured.
    emulated : bool
        Whether a local emulator did the work of a proprietary service.
    notes : list of str
        What a reader should know.
    versions : dict of str to str
        Library -> version.
    """

    fingerprints: dict[str, str] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    capacity: dict[str, Any] = field(default_factory=dict)
    emulated: bool = False
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
