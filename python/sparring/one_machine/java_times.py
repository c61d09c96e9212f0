"""Times in text by a pattern of Java's ``DateTimeFormatter``, as far as Spark takes it: letters, literals, options."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache

import pyarrow as pa

from sparring.errors import TableError
from sparring.one_machine.casts import mapped
from sparring.one_machine.text_values import EPOCH

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# One letter takes as many digits as there are; of a year, up to four more.
NUMBERS = {"y": "year", "u": "year", "M": "month", "L": "month", "d": "day", "H": "hour", "h": "hour12"}
NUMBERS |= {"k": "hour24", "m": "minute", "s": "second"}
TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[\[\]]|[^A-Za-z'\[\]]")


def parse_times(texts: pa.Array, form: str) -> pa.Array:
    """Return the microseconds since 1970, in UTC, of texts of this form; null where a text is not of it."""
    pattern = compiled(form)
    return mapped(texts, lambda text: _micros(pattern, text), pa.int64())


@lru_cache
def compiled(form: str) -> re.Pattern[str]:
    """Return the expression that a pattern of Java's letters stands for.

    Examples
    --------
    >>> bool(compiled("d/M/y[ H:m]").fullmatch("3/12/2024 7:05"))
    True
    """
    pieces: list[str] = []
    seen: set[str] = set()
    for token in TOKEN.finditer(form):
        text = token.group()
        if text in "[]":
            pieces.append("(?:" if text == "[" else ")?")
        elif token.group(1) is not None:
            pieces.append(re.escape(token.group(1).replace("''", "'") or "'"))
        elif token.group(2):
            pieces.append(_field(text, seen, form))
        else:
            pieces.append(re.escape(text))
    return re.compile("".join(pieces), re.IGNORECASE)


def _field(letters: str, seen: set[str], form: str) -> str:
    letter, width = letters[0], len(letters)
    if letter in "ML" and width >= 3:
        name, digits = "month_name", "[A-Za-z]{3,9}"
    elif letter in NUMBERS:
        name = NUMBERS[letter]
        digits = _digits(letter, width)
    elif letter == "S":
        name, digits = "fraction", f"[0-9]{{{width}}}"
    elif letter in ("a", "E"):
        name, digits = ("half", "am|pm") if letter == "a" else ("weekday", "[A-Za-z]{3,9}")
    elif letter in ("X", "x", "Z", "z", "V"):
        name, digits = "zone", r"Z|[+-][0-9]{2}:?(?:[0-9]{2})?"
    else:
        raise TableError(
            f"table.options: the pattern {form!r} holds {letter!r}, which one machine does not read",
            "Write it with y, M, d, H, h, m, s, S, a or X, or set engine to spark.",
        )
    # Optional parts may name a field again; at most one of them is there.
    unique = f"{name}_{len(seen)}"
    seen.add(unique)
    return f"(?P<{unique}>{digits})"


def _digits(letter: str, width: int) -> str:
    if letter in "yu":
        return "[0-9]{2}" if width == 2 else "[0-9]{4}" if width == 4 else "[0-9]{1,6}"
    return "[0-9]{2}" if width == 2 else "[0-9]{1,2}"


def _micros(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.fullmatch(text)
    if not found:
        return None
    parts = {name.rsplit("_", 1)[0]: value for name, value in found.groupdict().items() if value is not None}
    try:
        moment = datetime(_year(parts), _month(parts), int(parts.get("day", 1)), _hour(parts), tzinfo=timezone.utc)
        moment = moment.replace(minute=int(parts.get("minute", 0)), second=int(parts.get("second", 0)))
    except ValueError:
        return None
    seconds = (moment.date() - EPOCH).days * 86_400 + moment.hour * 3_600 + moment.minute * 60 + moment.second
    fraction = int(parts.get("fraction", "").ljust(6, "0")[:6])
    return (seconds - _offset(parts.get("zone", "Z"))) * 1_000_000 + fraction


def _year(parts: dict[str, str]) -> int:
    year = parts.get("year", "1970")
    return 2000 + int(year) if len(year) == 2 else int(year)


def _month(parts: dict[str, str]) -> int:
    if "month_name" in parts:
        return MONTHS.index(parts["month_name"][:3].lower()) + 1
    return int(parts.get("month", 1))


def _hour(parts: dict[str, str]) -> int:
    if "hour12" in parts:
        return int(parts["hour12"]) % 12 + 12 * (parts.get("half", "am").lower() == "pm")
    return int(parts["hour24"]) % 24 if "hour24" in parts else int(parts.get("hour", 0))


def _offset(zone: str) -> int:
    if zone.upper() == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (-1 if zone[0] == "-" else 1) * (int(digits[:2]) * 3_600 + int(digits[2:]) * 60)
