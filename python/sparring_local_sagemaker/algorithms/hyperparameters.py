"""Hyperparameters declared as data, and checked as SageMaker's algorithms check them: every value comes as text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INTERVAL = re.compile(r"([\[(])\s*([^,]*?)\s*,\s*([^,]*?)\s*([\])])")
BOOLEANS = {"true": True, "false": False}


class ClientError(ValueError):
    """Raised for what the job's owner has to fix; its text becomes the job's FailureReason."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"ClientError: {problem}")


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter.

    Attributes
    ----------
    kind : type
        int, float, bool (``true`` or ``false``), str, or list (JSON, or words separated by commas).
    allowed : str or tuple of str
        Interval such as ``"[0, 1)"`` or ``"(0, inf)"``, or the words allowed; of a list, for each member.
    default : object
        None: the algorithm's own.
    required : bool
    auto : bool
        Whether ``auto`` is a value.
    words : tuple of str
        Further words besides a number.
    used : bool
        False: checked, but without effect in the stand-in.
    """

    kind: type
    allowed: str | tuple[str, ...] = ""
    default: Any = None
    required: bool = False
    auto: bool = False
    words: tuple[str, ...] = ()
    used: bool = True

    def parse(self, text: str) -> Any:
        """Return the value that ``text`` names.

        Raises
        ------
        ValueError
            If it is not of the kind.
        OverflowError
            If it is an infinite integer.
        """
        if (self.auto and text == "auto") or text in self.words:
            return text
        if self.kind is bool:
            return _boolean(text)
        if self.kind is int:
            # 7.0 and 7e0 are whole numbers, 7.5 is none.
            return int(float(text)) if float(text) == int(float(text)) else int(text)
        if self.kind is list:
            return _members(text)
        return self.kind(text)

    def allows(self, value: Any) -> bool:
        """Return whether a parsed value is in range."""
        if isinstance(value, str) and ((self.auto and value == "auto") or value in self.words):
            return True
        members = value if self.kind is list else [value]
        if isinstance(self.allowed, tuple):
            return bool(members) and all(member in self.allowed for member in members)
        return not self.allowed or all(_inside(self.allowed, member) for member in members)

    def wording(self) -> str:
        """Return what is allowed, in words."""
        kind = {int: "integer", float: "number", bool: "true or false", str: "", list: "list"}[self.kind]
        allowed = ", ".join(self.allowed) if isinstance(self.allowed, tuple) else self.allowed
        parts = [kind, f"{'one of ' if isinstance(self.allowed, tuple) else 'in '}{allowed}" if allowed else ""]
        return " ".join(filter(None, parts)) + "".join(
            f" or {word}" for word in (*self.words, *(["auto"] if self.auto else []))
        )


@dataclass(frozen=True)
class Dialect:
    """How an image words its refusals; each is a format string."""

    missing: str = (
        "No value(s) were specified for {names} which are required hyperparameter(s) (caused by ValidationError)"
    )
    unknown: str = "Additional hyperparameters are not allowed ('{name}' was unexpected; known are {known})"
    unparsed: str = "Hyperparameter {name}: {text!r} is not of type {wording} (caused by ValidationError)"
    range: str = "Hyperparameter {name}: {text} is not {wording} (caused by ValidationError)"


def validate(
    table: Mapping[str, Hyperparameter], given: Mapping[str, str], dialect: Dialect | None = None
) -> dict[str, Any]:
    """Return all hyperparameters, parsed, with the defaults of those not given.

    Parameters
    ----------
    table : dict of str to Hyperparameter
    given : dict of str to str
        Names that begin with an underscore are the platform's own and pass.
    dialect : Dialect, optional

    Raises
    ------
    ClientError
        If one is missing, unknown, not of its kind or out of range.

    Examples
    --------
    >>> validate({"k": Hyperparameter(int, "[1, inf)", required=True)}, {"k": "8"})
    {'k': 8}
    """
    dialect = dialect or Dialect()
    missing = [f"'{name}'" for name, one in table.items() if one.required and name not in given]
    if missing:
        raise ClientError(dialect.missing.format(names=", ".join(missing)))
    values = {name: one.default for name, one in table.items() if one.default is not None}
    for name, text in given.items():
        if name in table:
            values[name] = _checked(name, text, table[name], dialect)
        elif not name.startswith("_"):
            raise ClientError(dialect.unknown.format(name=name, known=", ".join(sorted(table))))
    return values


def without_effect(table: Mapping[str, Hyperparameter], given: Mapping[str, str]) -> list[str]:
    """Return the hyperparameters that were given and that the stand-in only checks."""
    return sorted(name for name in given if name in table and not table[name].used)


def _checked(name: str, text: str, one: Hyperparameter, dialect: Dialect) -> Any:
    try:
        value = one.parse(text)
    except (ValueError, OverflowError) as error:
        raise ClientError(dialect.unparsed.format(name=name, text=text, wording=one.wording())) from error
    if not one.allows(value):
        raise ClientError(dialect.range.format(name=name, text=text, wording=one.wording()))
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError(text)
    return BOOLEANS[text.lower()]


def _members(text: str) -> list[str]:
    """Return the members of a list: JSON, or words separated by commas with or without brackets."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return [word.strip() for word in text.strip("[]").split(",")]
    return [str(member) for member in found] if isinstance(found, list) else [str(found)]


def _inside(interval: str, value: Any) -> bool:
    """Return whether a number is inside an interval in the usual notation."""
    match = INTERVAL.fullmatch(interval)
    assert match, interval
    opens, low, high, closes = match.groups()
    above = value >= float(low) if opens == "[" else value > float(low)
    return above and (value <= float(high) if closes == "]" else value < float(high))
