"""Additions of other packages: modules that register tasks, metrics, table formats and trainers when imported.

A package names its module as an entry point; each command, ``spark-submit`` job and contender's process imports it::

    [project.entry-points."sparring.extensions"]
    ours = "our_package.sparring_additions"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from sparring.errors import ConfigError

GROUP = "sparring.extensions"


@cache
def load_extensions() -> tuple[str, ...]:
    """Import the modules that installed packages add, once, and return their names.

    Raises
    ------
    ConfigError
        If one cannot be imported, naming its package and the cause.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    for point in found:
        try:
            point.load()
        except Exception as error:
            package = point.dist.name if point.dist is not None else "a package"
            raise ConfigError(
                f"{package} adds {point.value} to Sparring, which cannot be imported: {type(error).__name__}: {error}",
                f"Fix it, or uninstall {package}.",
            ) from error
    return tuple(point.value for point in found)
