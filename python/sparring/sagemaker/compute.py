"""On which instance to train: CPU or GPU by family, rows and features, at the prices of ``conf/prices.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sparring.config.prices import Instance, PriceTable, load_prices
from sparring.config.schema import SageMakerConfig
from sparring.errors import ConfigError

PLATFORM = "SageMaker"
# Share of an instance's memory that the rows may take; the system and the program have the rest.
USABLE_MEMORY = 0.75
OVERHEAD_GIB = 0.5


class Family(NamedTuple):
    """What training one family takes.

    Orders of magnitude of ours, to choose a size by, not measurements: bytes an instance holds for one cell (row x
    feature), times a cell is looked at, cells that one vCPU looks at in a second, and how many vCPUs one GPU is worth
    to it (0: it has no use for one).
    """

    bytes_per_cell: float
    passes: float
    cells_per_second: float
    gpu_worth: float


FAMILIES: dict[str, Family] = {
    "xgboost": Family(12, 100, 5e7, 0),
    "linear-learner": Family(8, 15, 5e7, 12),
    "factorization-machines": Family(8, 15, 2e7, 6),
    "kmeans": Family(8, 10, 5e7, 12),
    "pca": Family(8, 2, 5e7, 12),
    "lda": Family(8, 20, 2e7, 0),
    "own code": Family(8, 50, 1e6, 40),
}


@dataclass(frozen=True)
class InstanceRecommendation:
    """An instance and why.

    Attributes
    ----------
    kind : {"cpu", "gpu"}
    instance_type : str
    reason : str
        One sentence.
    """

    kind: str
    instance_type: str
    reason: str


class _Estimate(NamedTuple):
    instance_type: str
    seconds: float
    cost: float


def recommend_instance(
    config: SageMakerConfig, family: str, rows: int, features: int, prices: PriceTable | None = None
) -> InstanceRecommendation:
    """Return the instance to train on.

    The configured ``instance_type`` holds if there is one.  Otherwise it is the cheapest instance that holds the rows
    and is estimated to end within ``max_runtime_seconds``; ``compute: auto`` takes a GPU only where that is cheaper.

    Parameters
    ----------
    config : SageMakerConfig
    family : str
        A key of :data:`FAMILIES`.
    rows, features : int
    prices : PriceTable, optional
        The one that Sparring brings by default.

    Raises
    ------
    ConfigError
        If a GPU is asked for a family that has no use for one, or no instance of the table holds the rows.

    Examples
    --------
    >>> recommend_instance(SageMakerConfig(), "xgboost", 230_000, 200).instance_type
    'ml.m5.large'
    """
    table = prices or load_prices()
    known = table.platforms[PLATFORM].sizes
    if config.instance_type is not None:
        return _given(config, family, known)
    size = f"{rows:,} rows x {features:,} features of {family}"
    if config.compute == "gpu" and not FAMILIES[family].gpu_worth:
        raise ConfigError(f"sagemaker.compute is gpu, but {family} has no use for one", "Set it to cpu or auto.")
    best = {
        kind: _best(_estimates(kind, known, FAMILIES[family], rows * features, config.instance_count), config)
        for kind in ("cpu", "gpu")
        if config.compute in (kind, "auto")
    }
    found = {kind: estimate for kind, estimate in best.items() if estimate is not None}
    if not found:
        raise ConfigError(
            f"sagemaker.compute: no {config.compute} instance of conf/prices.yaml holds {size} in memory on "
            f"{config.instance_count} instance(s)",
            "Raise instance_count, read in Pipe or FastFile mode, or name an instance_type.",
        )
    kind = min(found, key=lambda kind: (found[kind].cost, kind))
    told = [f"{estimate.instance_type} ({_words(estimate, table)})" for estimate in found.values()]
    others = f"; estimates: {', '.join(told)}" if len(told) > 1 else f", {_words(found[kind], table)}"
    asked = "the cheapest that holds" if config.compute == "auto" else f"compute: {config.compute}; the cheapest for"
    return InstanceRecommendation(
        kind, found[kind].instance_type, f"{found[kind].instance_type}: {asked} {size}{others}"
    )


def with_instance(config: SageMakerConfig, choice: InstanceRecommendation) -> SageMakerConfig:
    """Return the configuration with the instance that was chosen."""
    return config.model_copy(update={"instance_type": choice.instance_type})


def _given(config: SageMakerConfig, family: str, known: Mapping[str, Instance]) -> InstanceRecommendation:
    name = str(config.instance_type)
    gpu = known[name].gpus > 0 if name in known else name.split(".")[1][:1] in "pg"
    if gpu and not FAMILIES[family].gpu_worth:
        raise ConfigError(
            f"sagemaker.instance_type {name} has a GPU, {family} has no use for one", "Name an instance without."
        )
    return InstanceRecommendation("gpu" if gpu else "cpu", name, f"{name}: configured")


def _estimates(kind: str, known: Mapping[str, Instance], family: Family, cells: int, instances: int) -> list[_Estimate]:
    """Return time and cost on every instance of a kind that holds the rows."""
    need = OVERHEAD_GIB + cells * family.bytes_per_cell / 2**30 / instances
    estimates = []
    for name, instance in known.items():
        power = instance.vcpus if kind == "cpu" else instance.gpus * family.gpu_worth
        if (instance.gpus > 0) != (kind == "gpu") or not power or need > USABLE_MEMORY * instance.memory_gib:
            continue
        seconds = cells * family.passes / (family.cells_per_second * power * instances)
        # A minute is billed for the start whatever the size, so that a small job takes a small instance.
        estimates.append(_Estimate(name, seconds, (seconds + 60) / 3600 * instance.per_hour * instances))
    return estimates


def _best(estimates: list[_Estimate], config: SageMakerConfig) -> _Estimate | None:
    """Return the cheapest that ends in time, else the fastest; None when there is none."""
    in_time = [estimate for estimate in estimates if estimate.seconds <= config.max_runtime_seconds]
    if in_time:
        return min(in_time, key=lambda estimate: (estimate.cost, estimate.instance_type))
    return min(estimates, key=lambda estimate: (estimate.seconds, estimate.cost), default=None)


def _words(estimate: _Estimate, table: PriceTable) -> str:
    minutes = estimate.seconds / 60
    return f"about {minutes:.0f} min, {estimate.cost:.2f} {table.currency} at {table.as_of} list prices"
