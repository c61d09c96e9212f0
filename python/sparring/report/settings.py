"""Settings in which contenders of one family differ: what lies between their scores may be these, not an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.comparison.capacity import CAPACITY, SETTINGS, plain

Contender = Mapping[str, Any]
TREES = "gradient_boosted_trees"
ONE_NAME = {own: name for name, names in SETTINGS.items() for own in names}


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
        contender does not state it.  Settings of one meaning are one row, whatever an engine calls them; settings
        that fewer than two contenders state, or all state alike, are left out.

    Examples
    --------
    >>> mllib = {"name": "mllib", "family": TREES, "hyperparameters": {"maxIter": 20}}
    >>> xgboost = {"name": "xgboost", "family": TREES, "hyperparameters": {"num_round": "100"}}
    >>> differing_settings([mllib, xgboost])[0]["rows"]
    [{'setting': 'rounds', 'values': ['20', '100']}]
    """
    families: dict[str, list[Contender]] = {}
    for contender in contenders:
        families.setdefault(contender["family"], []).append(contender)
    return [_table(family, members) for family, members in families.items() if len(members) > 1]


def _table(family: str, members: Sequence[Contender]) -> dict[str, Any]:
    stated = [_settings(member) for member in members]
    names = dict.fromkeys(name for settings in stated for name in settings)
    rows = [
        {"setting": CAPACITY.get(name, name), "values": [settings.get(name) for settings in stated]}
        for name in names
        if len({settings[name] for settings in stated if name in settings}) > 1
    ]
    return {"family": family, "names": [member["name"] for member in members], "rows": rows}


def _settings(contender: Contender) -> dict[str, str]:
    """Return what a contender was told, by one name for one meaning."""
    # In other families the same words mean something else: ``maxIter`` of a logistic regression is no size.
    names = ONE_NAME if contender["family"] == TREES else {}
    told = {names.get(name, name): value for name, value in contender["hyperparameters"].items()}
    told |= {name: value for name, value in (contender.get("capacity") or {}).items() if value is not None}
    return {name: _text(value) for name, value in told.items()}


def _text(value: Any) -> str:
    """Return a setting as people write it: numbers by value, for SageMaker's are text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = plain(value)
    return text.removesuffix(".0")
