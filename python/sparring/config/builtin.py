"""Configurations that travel with the package: a wheel has no repository beside it."""

from __future__ import annotations

from pathlib import Path

from sparring.errors import ConfigError


def builtin_config(name: str) -> str:
    """Return the path of a configuration that Sparring brings, such as ``demo``.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "conf", package.parent.parent / "conf"):
        if (folder / f"{name}.yaml").is_file():
            return str(folder / f"{name}.yaml")
    raise ConfigError(f"Sparring brings no configuration {name!r}", "Install it again: pip install --force-reinstall sparring")
