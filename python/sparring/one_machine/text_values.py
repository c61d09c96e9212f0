"""What a text means as a number, a flag, a day or a time: Spark's grammar, one text at a time."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

# What Spark trims before it reads a number.
BLANKS = "".join(map(chr, range(0x21)))
# The forms that Arrow reads as Spark does.
REGULAR_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
REGULAR_LONG = r"^-?[0-9]{1,18}$"
DECIMAL_NUMBER = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[dDfF]?")
HEX_NUMBER = re.compile(r"([+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[dDfF]?")
WHOLE = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]*)")
INFINITE = re.compile(r"([+-]?)inf(?:inity)?")
NOT_A_NUMBER = ("nan", "+nan", "-nan")
TRUE, FALSE = ("t", "true", "y", "yes", "1"), ("f", "false", "n", "no", "0")
LEAST_LONG, MOST_LONG = -(2**63), 2**63 - 1
YEAR_TO_DAY = r"([+-]?[0-9]{4,6})(?:-([0-9]{1,2})(?:-([0-9]{1,2})"
DAY = re.compile(rf"{YEAR_TO_DAY}(?:[ T].*)?)?)?", re.DOTALL)
CLOCK = r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]*))?)?"
MOMENT = re.compile(rf"{YEAR_TO_DAY}(?:[ T]{CLOCK}\s*(\S.*)?)?)?)?")
OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?(?::?([0-9]{2}))?")
EPOCH = date(1970, 1, 1)
WIDE = Context(prec=80)


def double_of(text: str) -> float | None:
    """Return a number as Java reads it; the text has no blanks around it.

    Examples
    --------
    >>> [double_of(text) for text in ("+1.", "1e3d", "-Inf", "0x1p3", "1,5", "")]
    [1.0, 1000.0, -inf, 8.0, None, None]
    """
    found = DECIMAL_NUMBER.fullmatch(text)
    if found:
        return float(found.group(1))
    if found := HEX_NUMBER.fullmatch(text):
        return float.fromhex(found.group(1))
    if found := INFINITE.fullmatch(text.lower()):
        return float(f"{found.group(1)}inf")
    return float("nan") if text.lower() in NOT_A_NUMBER else None


def long_of(text: str) -> int | None:
    """Return a whole number; a fraction is cut off."""
    found = WHOLE.fullmatch(text)
    value = int(found.group(1) + (found.group(2).partition(".")[0] or "0")) if found else None
    return value if value is not None and LEAST_LONG <= value <= MOST_LONG else None


def decimal_of(value: object, precision: int, scale: int) -> Decimal | None:
    """Return a decimal of that type, rounded half up; None where it does not fit."""
    text = value.strip(BLANKS) if isinstance(value, str) else value
    if isinstance(text, str) and "_" in text:
        # Python parts digits so, Java does not.
        return None
    try:
        number = Decimal(text)  # type: ignore[arg-type]
        if not number.is_finite():
            return None
        rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, WIDE)
    except (InvalidOperation, ValueError):
        return None
    return rounded if abs(rounded) < Decimal(10) ** (precision - scale) else None


def flag_of(text: str) -> bool | None:
    """Return true or false as Spark reads them."""
    plain = text.strip(BLANKS).lower()
    return True if plain in TRUE else False if plain in FALSE else None


def date_of(text: str) -> int | None:
    """Return the days since 1970 of ``yyyy[-[m]m[-[d]d]]``; what follows a blank or a T does not count."""
    found = DAY.fullmatch(text.strip(BLANKS))
    return _days(found) if found else None


def timestamp_of(text: str) -> int | None:
    """Return the microseconds since 1970 of a day or a time, in UTC where it names no zone.

    Examples
    --------
    >>> [timestamp_of(text) for text in ("1970-01-02", "1970-01-01 00:00:01.5", "1970-01-01T01:00:00+01:00", "soon")]
    [86400000000, 1500000, 0, None]
    """
    found = MOMENT.fullmatch(text.strip(BLANKS))
    days = _days(found) if found else None
    if found is None or days is None:
        return None
    hour, minute, second, fraction, zone = found.groups()[3:]
    clock = [int(part or 0) for part in (hour, minute, second)]
    if clock[0] > 23 or clock[1] > 59 or clock[2] > 59 or (zone and hour is None):
        return None
    seconds = days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
    offset = _offset(zone, seconds) if zone else 0
    micros = int((fraction or "").ljust(6, "0")[:6])
    return None if offset is None else (seconds - offset) * 1_000_000 + micros


def _days(found: re.Match[str]) -> int | None:
    year, month, day = (int(part or 1) for part in found.groups()[:3])
    try:
        return (date(year, month, day) - EPOCH).days
    except ValueError:
        return None


def _offset(zone: str, seconds: int) -> int | None:
    """Return the seconds by which a zone is before UTC at a time of its clocks."""
    if zone in ("Z", "UTC", "GMT", "UT"):
        return 0
    if found := OFFSET.fullmatch(zone):
        sign, hours, minutes, rest = found.groups()
        total = int(hours) * 3_600 + int(minutes or 0) * 60 + int(rest or 0)
        return None if total > 18 * 3_600 else -total if sign == "-" else total
    try:
        local = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).replace(tzinfo=ZoneInfo(zone))
        return round((local.replace(tzinfo=timezone.utc) - local).total_seconds())
    except (ValueError, OSError, OverflowError):
        return None
