"""How numbers and times are written in text: the grammar by which a column of text is typed, in patterns.

One grammar for every reader: Python's ``re``, Arrow's RE2 and Java take these patterns alike.
"""

from __future__ import annotations

import re

SIGN = r"[+-]?"
EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
INTEGER = re.compile(rf"{SIGN}(?:0|[1-9][0-9]*)")
# A code, not a number: a zip, an account, a phone number.
CODE = re.compile(rf"{SIGN}0[0-9]+")
NUMBER = re.compile(rf"{SIGN}(?:[0-9]+\.?[0-9]*|\.[0-9]+){EXPONENT}|{SIGN}(?i:inf|infinity)")
POINT_DECIMAL = re.compile(rf"{SIGN}[0-9]*\.[0-9]+{EXPONENT}")
COMMA_DECIMAL = re.compile(rf"{SIGN}(?:[0-9]{{1,3}}(?:[. ][0-9]{{3}})+|[0-9]*),[0-9]+{EXPONENT}")

CURRENCIES = "$€£¥₹"
# What may stand between thousands beside a comma or a point: spaces of three kinds, an apostrophe.
GAPS = " \u00a0\u202f'"
# Units that numbers of a column wear, all of them alike.
PERCENT = "%"

DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
MONTH = r"(?:0?[1-9]|1[0-2])"
CLOCK = r"(?:[ T](?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)"
ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-8]):[0-5][0-9])"
ISO_DATE = re.compile(rf"[0-9]{{4}}[-/]{MONTH}[-/]{DAY}")
ISO_TIME = re.compile(rf"[0-9]{{4}}[-/]{MONTH}[-/]{DAY}{CLOCK}{ZONE}?")
DAY_FIRST = re.compile(rf"{DAY}[./-]{MONTH}[./-][0-9]{{4}}{CLOCK}?")
MONTH_FIRST = re.compile(rf"{MONTH}[/-]{DAY}[/-][0-9]{{4}}{CLOCK}?")
# Day and month may change places: 03/04/2024, not 03.04.2024, where the day is first.
EITHER_FIRST = re.compile(rf"{MONTH}[/-]{MONTH}[/-][0-9]{{4}}{CLOCK}?")


def amount(decimal: str) -> re.Pattern[str]:
    """Return the pattern of a number with thousands separators or a currency sign.

    Examples
    --------
    >>> [bool(amount(".").fullmatch(text)) for text in ("1,234.50", "$5", "-€1,000", "12,34", "7")]
    [True, True, True, False, True]
    """
    thousand = f"[{',' if decimal == '.' else '.'}{GAPS}]"
    grouped = rf"[0-9]{{1,3}}(?:{thousand}[0-9]{{3}})+(?:{re.escape(decimal)}[0-9]*)?"
    plain = number(decimal).pattern
    sign = f"[{CURRENCIES}]"
    # Signs stand before or behind a currency.
    return re.compile(rf"{SIGN}(?:{sign} ?)?(?:{SIGN}(?:{grouped})|{plain})(?: ?{sign})?")


def number(decimal: str) -> re.Pattern[str]:
    """Return the pattern of a plain number with this decimal mark."""
    return NUMBER if decimal == "." else re.compile(NUMBER.pattern.replace(r"\.", ","))


def percentage(decimal: str) -> re.Pattern[str]:
    """Return the pattern of a number with a percent sign."""
    return re.compile(rf"(?:{number(decimal).pattern}) ?{PERCENT}")
