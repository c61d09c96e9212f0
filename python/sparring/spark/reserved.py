"""Names of columns: a user's as Spark takes any of them, and those that Sparring keeps for itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sparring.errors import SchemaError

if TYPE_CHECKING:
    from pyspark.sql import Column

# Not an underscore: Spark and Arrow pass over folders of partitions that begin with one.
PREFIX = "sparring__"


def reserved(name: str) -> str:
    """Return the name of a column of Sparring's own.

    Examples
    --------
    >>> reserved("key")
    'sparring__key'
    """
    return f"{PREFIX}{name}"


# Columns of a run's tables, which stages carry along; those within a stage have other names.
KEPT = (
    *("key", "label", "weight", "reason", "corrupt_record", "identity", "cluster", "survivor", "split", "group"),
    *("timestamp", "row"),
)


def quoted(name: str) -> str:
    """Return a column's name as Spark's SQL takes it, whatever is in it.

    Examples
    --------
    >>> quoted("a.b`c")
    '`a.b``c`'
    """
    return f"`{name.replace('`', '``')}`"


def named(name: str) -> Column:
    """Return the column of that name: dots and backticks in it are letters."""
    from sparring.engine import functions as F

    return F.col(quoted(name))


def kept(name: str) -> bool:
    """Return whether a column of Sparring's own may be in a table that a stage is given."""
    return name in map(reserved, KEPT) or name.startswith(reserved("key_"))


def refuse_reserved(names: Iterable[str], owner: str) -> None:
    """Raise :class:`SchemaError` for a column with the prefix of Sparring's own ones.

    Raises
    ------
    SchemaError
        Naming the column.
    """
    for name in names:
        if name.startswith(PREFIX):
            raise SchemaError(
                f"{owner}: column {name!r} begins with {PREFIX!r}, which Sparring keeps for its own columns",
                "Rename the column.",
            )
