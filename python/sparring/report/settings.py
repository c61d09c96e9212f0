"""Settings in which contenders of one family differ: what lies between their scores may be these, not an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.comparison.capacity import CAPACITY
from sparring.evaluation.equivalence import plain

Contender = Mapping[str, Any]
Texts = list[str | None]


def differing_settings(contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """Return a table for each family that two or more contenders share.

    Parameters
    ----------
    contenders : sequence of mapping
        Of ``report.json``.

    Returns
    -------
    list of dict
        ``family``, ``names`` of its contenders, and ``rows``: ``setting`` and the ``values`` as text, None where a
        contender does not state it.  What makes a model large comes first, by one name whatever a library calls it;
        settings that only repeat it, that fewer than two contenders state, or all state alike, are left out.

    Examples
    --------
    >>> tree = {"family": "trees", "hyperparameters": {}}
    >>> pair = [tree | {"name": name, "capacity": {"rounds": rounds}} for name, rounds in (("a", 20), ("b", 100))]
    >>> differing_settings(pair)[0]["rows"]
    [{'setting': 'rounds', 'values': ['20', '100']}]
    """
    families: dict[str, list[Contender]] = {}
    for contender in contenders:
        families.setdefault(contender["family"], []).append(contender)
    return [_table(family, members) for family, members in families.items() if len(members) > 1]


def _table(family: str, members: Sequence[Contender]) -> dict[str, Any]:
    sizes = _rows([member["capacity"] for member in members])
    own = _rows([member["hyperparameters"] for member in members])
    rows = {CAPACITY.get(name, name): values for name, values in sizes.items()}
    for name, values in own.items():
        if not any(_repeats(values, size) for size in sizes.values()):
            rows.setdefault(name, values)
    return {
        "family": family,
        "names": [member["name"] for member in members],
        "rows": [{"setting": name, "values": values} for name, values in rows.items() if _differ(values)],
    }


def _rows(stated: Sequence[Mapping[str, Any]]) -> dict[str, Texts]:
    """Return what each contender states of every setting, as text."""
    names = dict.fromkeys(name for settings in stated for name in settings)
    return {
        name: [None if settings.get(name) is None else _text(settings[name]) for settings in stated] for name in names
    }


def _repeats(values: Texts, size: Texts) -> bool:
    """Return whether a setting is a size under another name: the same wherever it is stated."""
    return all(value is None or value == other for value, other in zip(values, size, strict=True))


def _differ(values: Texts) -> bool:
    return len({value for value in values if value is not None}) > 1


def _text(value: Any) -> str:
    """Return a setting as people write it: numbers by value, for SageMaker's are text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = plain(value)
    return text.removesuffix(".0")
