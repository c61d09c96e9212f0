"""Which columns of a table are no features, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sparring.config.schema import TableConfig

# What Spark's names of nested and binary types begin with: no kind of feature takes them.
NO_FEATURE = ("array", "map", "struct", "binary")
UNNAMED = "named nowhere in the configuration"


def columns_not_used(
    types: Iterable[tuple[str, str]], table: TableConfig, compared: Iterable[str] = (), why: Mapping[str, str] = {}
) -> dict[str, str]:
    """Return the columns that no model sees, each with what it is instead or why it is left out.

    Parameters
    ----------
    types : iterable of (str, str)
        Every column of the table and its type, as ``DataFrame.dtypes`` gives them.
    table : TableConfig
    compared : iterable of str, optional
        Columns that the configuration compares to find duplicates.
    why : mapping of str to str, optional
        Column -> a reason that was found in the table.

    Examples
    --------
    >>> table = TableConfig(path="t.csv", label="ill", key=["id"], features={"numeric": ["age"]})
    >>> columns_not_used([("id", "int"), ("age", "int"), ("ill", "int"), ("scan", "binary")], table)
    {'id': 'key', 'scan': 'type binary is no feature'}
    """
    roles = _roles(table, compared)
    models = {table.label, *table.features.columns}
    return {
        name: ", ".join(roles[name]) if name in roles else why.get(name) or _why(kind)
        for name, kind in types
        if name not in models
    }


def _roles(table: TableConfig, compared: Iterable[str]) -> dict[str, list[str]]:
    named: dict[str, Iterable[str | None]] = {
        "key": table.key,
        "group": table.group,
        "time": [table.time],
        "weight": [table.weight],
        "compared to find duplicates": compared,
    }
    roles: dict[str, list[str]] = {}
    for role, names in named.items():
        for name in names:
            if name is not None:
                roles.setdefault(name, []).append(role)
    return roles


def _why(kind: str) -> str:
    return f"type {kind} is no feature" if kind.startswith(NO_FEATURE) else UNNAMED
