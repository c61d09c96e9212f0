"""The configuration of a run: sections, reading, overrides."""

from sparring.config.load import load_config
from sparring.config.schema import RunConfig

__all__ = ["RunConfig", "load_config"]
