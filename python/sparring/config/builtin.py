"""Files that travel with the package: a wheel, or a zip on an executor, has no repository beside it."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from sparring.errors import ConfigError

if sys.version_info >= (3, 11):
    from importlib.resources.abc import Traversable
else:
    from importlib.abc import Traversable


def builtin_file(name: str) -> Traversable:
    """Return a file of ``conf/``, such as ``demo.yaml``: inside the package, or beside it in a checkout.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    checkout = Path(__file__).resolve().parents[3] / "conf"
    for folder in (resources.files("sparring") / "conf", checkout):
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"Sparring brings no file {name!r}", "Install it again: pip install --force-reinstall sparring")
