"""A configuration cut down to some of its contenders."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sparring.config.schema import RunConfig
from sparring.errors import ConfigError, did_you_mean


def require_contenders(config: RunConfig, names: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for the first of ``names`` that is no contender's."""
    known = [contender.name for contender in config.contenders]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--only {name!r} is no contender of {config.name}; they are {', '.join(known)}",
                f"Name one of them.{did_you_mean(name, known)}",
            )


def with_contenders(config: RunConfig, names: Collection[str]) -> RunConfig:
    """Return ``config`` with the contenders ``names`` alone.

    The leak check trains one contender again; without that one there is no leak check.
    """
    contenders = [contender for contender in config.contenders if contender.name in names]
    enabled = config.leakage.enabled and config.leak_contender.name in names
    leakage = config.leakage.model_copy(update={"enabled": enabled})
    return config.model_copy(update={"contenders": contenders, "leakage": leakage})
