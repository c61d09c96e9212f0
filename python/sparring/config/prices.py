"""The dated table of list prices, ``conf/prices.yaml``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparring.config.builtin import builtin_file
from sparring.errors import ConfigError


class Instance(BaseModel):
    """A size of machine, and its price in the table's currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vcpus: int = Field(ge=1)
    memory_gib: float = Field(gt=0)
    gpus: int = Field(0, ge=0)
    per_hour: float = Field(ge=0)


class Platform(BaseModel):
    """One way to rent machines for an engine.

    ``per_hour`` is the price of one instance by component, in the table's currency; billing is by the second
    with ``minimum_seconds``.  ``start_up_seconds`` is the time to start that is billed, as a range.  ``sizes`` are
    the sizes to choose from, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    engines: list[Literal["spark", "single_node", "sagemaker"]]
    instance: str
    instances: int = Field(1, ge=1)
    per_hour: dict[str, float]
    minimum_seconds: float = Field(ge=0)
    start_up_seconds: tuple[float, float]
    source: str
    sizes: dict[str, Instance] = {}


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
    """Prices as they stood on a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    currency: str
    basis: str
    platforms: dict[str, Platform]
    serving: dict[str, ServingPrice] = {}


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
