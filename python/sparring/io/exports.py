"""Public names of a package, each imported when it is asked for.

A Spark worker that needs one function of one module must not import SciPy, pandas and pyspark.ml for it: that takes
longer than its work, in every worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def exported(package: str, modules: Mapping[str, Sequence[str]]) -> tuple[list[str], Callable[[str], Any]]:
    """Return the ``__all__`` and the ``__getattr__`` of ``package``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : mapping of str to sequence of str
        Module of the package -> names that it gives the package.

    Examples
    --------
    >>> __all__, __getattr__ = exported("sparring.dedup", {"exact": ["Deduplicator"]})
    >>> __all__
    ['Deduplicator']
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return sorted(homes), find
