"""What a column of text holds: a ladder of kinds, each value tried from the narrowest kind to text.

========== ==================================================================================================
kind       every value is
========== ==================================================================================================
empty      missing
boolean    true or false, in any case
integer    a whole number of at most 64 bits, without leading zeros
large      a whole number of at most 38 digits
number     a number with a decimal mark or exponent, or infinity
amount     a number with thousands separators or a currency sign
percent    a number with a percent sign; 12% is 12
date       a day as year, month, day
time       the same with hour and minute, and perhaps a zone
day_first  a day as day, month, year, at least one of which cannot be read the other way
month_first  the other way
either     a day that can be read in both ways: left as text until ``table.options.dateFormat`` tells
text       anything else, whole numbers with leading zeros among it: they are codes
========== ==================================================================================================

Kinds of parts of a column join to the narrowest one that holds both, so that parts may be looked at anywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sparring.data import number_text as grammar

# Words of programs for what is missing: pandas' own list, and those of statistics packages and databases.
MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "?", "-", "--",
    "\\N",
)  # fmt: skip
SHOWN = 3
NUMBERS = ("integer", "large", "number", "amount")
LARGEST = 2**63 - 1


@dataclass
class Tally:
    """What was seen of a column of text, or of a part of it.

    Attributes
    ----------
    kind : str
    values : int
        Those that are not missing.
    missing : dict of str to int
        Token -> how often it stood for a missing value; null is ``""``.
    numbers : int
        Values that are numbers, whatever the kind.
    others : list of str
        Up to three values that are none.
    broken : int
        Values with U+FFFD, which stands for bytes that the encoding does not know.
    plus : bool
        Whether ``+`` is a value: then ``-`` is one too.
    """

    kind: str = "empty"
    values: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    numbers: int = 0
    others: list[str] = field(default_factory=list)
    broken: int = 0
    plus: bool = False

    def __add__(self, other: Tally) -> Tally:
        """Return what was seen of both parts; the order does not matter."""
        return Tally(
            join(self.kind, other.kind),
            self.values + other.values,
            dict(Counter(self.missing) + Counter(other.missing)),
            self.numbers + other.numbers,
            sorted({*self.others, *other.others})[:SHOWN],
            self.broken + other.broken,
            self.plus or other.plus,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the tally as plain values."""
        return dict(vars(self))


JOINS = {
    frozenset(pair): kind
    for *pair, kind in [
        ("integer", "large", "large"),
        ("integer", "number", "number"),
        ("large", "number", "number"),
        *((kind, "amount", "amount") for kind in ("integer", "large", "number")),
        ("date", "time", "time"),
        ("either", "day_first", "day_first"),
        ("either", "month_first", "month_first"),
    ]
}


def join(one: str, other: str) -> str:
    """Return the narrowest kind that holds both.

    Examples
    --------
    >>> join("integer", "number"), join("empty", "date"), join("day_first", "month_first")
    ('number', 'date', 'text')
    """
    if one == other or other == "empty":
        return one
    return other if one == "empty" else JOINS.get(frozenset((one, other)), "text")


def tally(values: pa.Array, missing: Sequence[str] = MISSING, decimal: str = ".") -> Tally:
    """Return what a column's part holds.

    Parameters
    ----------
    values : pyarrow.Array of string
    missing : sequence of str
        Text that means a missing value, compared without the spaces around.
    decimal : str, default "."

    Notes
    -----
    Cost: each distinct value is looked at once a rung, in Arrow's kernels.

    Examples
    --------
    >>> tally(pa.array(["1", "NA", "2.5"])).kind, tally(pa.array(["02139", "10001"])).kind
    ('number', 'text')
    """
    counted = pc.value_counts(values)
    distinct, counts = counted.field("values"), counted.field("counts").to_numpy()
    trimmed = pc.utf8_trim_whitespace(distinct)
    plus = bool(pc.any(pc.equal(trimmed, "+")).as_py())
    tokens = tokens_of(missing, plus)
    absent = pc.or_(pc.is_null(trimmed), pc.is_in(trimmed, pa.array(tokens, pa.string()))).fill_null(True)
    gone = absent.to_numpy(zero_copy_only=False)
    absences: Counter[str] = Counter()
    for token, times in zip(pc.filter(trimmed, absent).to_pylist(), counts[gone], strict=True):
        absences[token or ""] += int(times)
    kept = pc.filter(trimmed, pc.invert(absent))
    kind = kind_of(kept, decimal)
    numeric = _matches(kept, grammar.number(decimal)).to_numpy(zero_copy_only=False)
    others = sorted(pc.filter(kept, pa.array(~numeric)).to_pylist()[:SHOWN]) if kind == "text" else []
    broken = pc.match_substring(kept, "\ufffd").to_numpy(zero_copy_only=False) if kind == "text" else numeric[:0]
    times = counts[~gone]
    return Tally(
        kind,
        int(times.sum()),
        dict(absences),
        int(times.sum()) if kind in NUMBERS else int(times[numeric].sum()),
        others,
        int(times[broken].sum()) if len(broken) else 0,
        plus,
    )


def tokens_of(missing: Sequence[str], plus: bool) -> list[str]:
    """Return what means a missing value in a column: ``-`` does not where ``+`` is a value."""
    return [token for token in missing if not (plus and token == "-")]


def kind_of(values: pa.Array, decimal: str = ".") -> str:
    """Return the narrowest kind of values that are there and have no spaces around.

    Examples
    --------
    >>> kind_of(pa.array(["1,200", "999"])), kind_of(pa.array(["03/04/2024", "13/04/2024"]))
    ('amount', 'day_first')
    """
    if len(values) == 0:
        return "empty"
    return _number_kind(values, decimal) or _moment_kind(values) or "text"


def _number_kind(values: pa.Array, decimal: str) -> str | None:
    if _all(values, re.compile("(?i:true|false)")):
        return "boolean"
    if _all(values, grammar.INTEGER):
        return _width(values)
    if _any(values, grammar.CODE):
        return None
    if _all(values, grammar.number(decimal)):
        return "number"
    if _all(values, grammar.amount(decimal)):
        return "amount"
    return "percent" if _all(values, grammar.percentage(decimal)) else None


def _width(values: pa.Array) -> str:
    digits = pc.max(pc.utf8_length(values)).as_py()
    if digits <= 18:
        return "integer"
    if digits <= 38 + 1 and max(len(text.lstrip("+-")) for text in values.to_pylist()) <= 38:
        fits = all(-LARGEST - 1 <= int(text) <= LARGEST for text in values.to_pylist())
        return "integer" if fits else "large"
    return "number"


def _moment_kind(values: pa.Array) -> str | None:
    for kind, pattern in (("date", grammar.ISO_DATE), ("time", grammar.ISO_TIME)):
        if _all(values, pattern):
            return kind if _are_days(values, 0) else None
    if _all(values, re.compile(f"{grammar.ISO_DATE.pattern}|{grammar.ISO_TIME.pattern}")):
        return "time" if _are_days(values, 0) else None
    if _all(values, grammar.EITHER_FIRST):
        return "either"
    if _all(values, grammar.DAY_FIRST) and _are_days(values, 2):
        return "day_first"
    return "month_first" if _all(values, grammar.MONTH_FIRST) and _are_days(values, 1) else None


# Where year, month and day stand in the text: year first, month first, day first.
ORDERS = (
    r"^(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2}).*$",
    r"^(?P<m>\d{1,2})[-/](?P<d>\d{1,2})[-/](?P<y>\d{4}).*$",
    r"^(?P<d>\d{1,2})[./-](?P<m>\d{1,2})[./-](?P<y>\d{4}).*$",
)


def _are_days(values: pa.Array, order: int) -> bool:
    """Return whether all values are days of the calendar: none is the 30th of February."""
    parts = pc.extract_regex(values, ORDERS[order])
    year, month, day = (pc.cast(pc.struct_field(parts, name), pa.int32()).to_numpy() for name in "ymd")
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    lengths = pa.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]).to_numpy()[month - 1]
    return bool((year >= 1).all() and (day <= lengths + ((month == 2) & leap)).all())


def _matches(values: pa.Array, pattern: re.Pattern[str]) -> pa.Array:
    return pc.match_substring_regex(values, f"^(?:{pattern.pattern})$")


def _all(values: pa.Array, pattern: re.Pattern[str]) -> bool:
    # The first value decides most cases.
    return bool(pattern.fullmatch(values[0].as_py()) and pc.all(_matches(values, pattern)).as_py())


def _any(values: pa.Array, pattern: re.Pattern[str]) -> bool:
    return bool(pc.any(_matches(values, pattern)).as_py())


def total(parts: Sequence[Tally]) -> Tally:
    """Return what was seen of all parts."""
    return reduce(lambda one, other: one + other, parts, Tally())
