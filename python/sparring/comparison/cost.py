"""What a contender's wall time would cost by list price: a dated estimate, never a bill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparring.config.builtin import builtin_file
from sparring.errors import ConfigError


class Platform(BaseModel):
    """One way to rent machines for an engine.

    ``per_hour`` is the price of one instance by component, in the table's currency; billing is by the second
    with ``minimum_seconds``.  ``start_up_seconds`` is the time to start that is billed, as a range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    engines: list[Literal["spark", "single_node", "sagemaker"]]
    instance: str
    instances: int = Field(1, ge=1)
    per_hour: dict[str, float]
    minimum_seconds: float = Field(ge=0)
    start_up_seconds: tuple[float, float]
    source: str


class ServingPrice(BaseModel):
    """What one way of scoring a table is billed by.

    Instances by ``per_hour``, at least ``minimum_seconds``, with ``start_up_seconds`` as a range; serverless by
    ``per_gb_second`` of memory while a request is answered and ``per_gb`` of bytes in and out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    instance: str = ""
    per_hour: float = Field(0.0, ge=0)
    minimum_seconds: float = Field(0.0, ge=0)
    start_up_seconds: tuple[float, float] = (0.0, 0.0)
    per_gb_second: float = Field(0.0, ge=0)
    per_gb: float = Field(0.0, ge=0)
    how: str
    source: str


class PriceTable(BaseModel):
    """Prices as they stood on a day; ``serving`` by mode of scoring."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    currency: str
    basis: str
    platforms: dict[str, Platform]
    serving: dict[str, ServingPrice] = {}


@dataclass(frozen=True)
class Cost:
    """Estimated price of one run of a contender on one platform.

    Attributes
    ----------
    contender, platform, instance : str
    low : float
        On a machine that runs already: wall time, at least the billing minimum.
    high : float
        With the billed start-up.
    currency, as_of, basis, source : str
        What the figures are and where they are from.
    """

    contender: str
    platform: str
    instance: str
    low: float
    high: float
    currency: str
    as_of: str
    basis: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, JSON-ready."""
        return asdict(self)


def load_prices(path: str | Path | None = None) -> PriceTable:
    """Return the price table in the YAML file ``path``, by default the one that Sparring brings.

    Raises
    ------
    ConfigError
        If the file cannot be read or an entry is missing, unknown or ill-typed.
    """
    place = Path(path) if path else builtin_file("prices.yaml")
    try:
        return PriceTable.model_validate(yaml.safe_load(place.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"The price table {place} cannot be read: {error}", "Name an existing file.") from error
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"The price table {place} is not valid: {error}", "Compare with conf/prices.yaml.") from error


def costs(result: Mapping[str, Any], prices: PriceTable) -> list[Cost]:
    """Return what one run of a contender would cost on each platform for its engine.

    Parameters
    ----------
    result : mapping
        Its ``result.json``.
    prices : PriceTable

    Returns
    -------
    list of Cost
        Empty for a failed contender and for a stand-in, whose time is not the real service's.  The estimate
        takes the instance to be as fast as the machine that ran the contender.

    Examples
    --------
    >>> result = {"name": "xgboost", "engine": "single_node", "status": "ok", "stand_in": False}
    >>> [cost.platform for cost in costs({**result, "wall_seconds": 90.0}, load_prices())]
    ['EC2']
    """
    if result["status"] != "ok" or result["stand_in"]:
        return []
    return [
        _cost(result["name"], result["wall_seconds"], name, platform, prices)
        for name, platform in prices.platforms.items()
        if result["engine"] in platform.engines
    ]


def _cost(contender: str, seconds: float, name: str, platform: Platform, prices: PriceTable) -> Cost:
    per_second = sum(platform.per_hour.values()) * platform.instances / 3600
    low, high = (
        per_second * max(seconds + start_up, platform.minimum_seconds)
        for start_up in (0.0, platform.start_up_seconds[1])
    )
    return Cost(
        contender,
        name,
        f"{platform.instances} x {platform.instance}",
        low,
        high,
        prices.currency,
        prices.as_of.isoformat(),
        prices.basis,
        platform.source,
    )
