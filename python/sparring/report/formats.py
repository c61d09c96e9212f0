"""Numbers as people read them, with their units."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sparring.task import written

# The minus sign and the digits of an exponent.
SUPERSCRIPTS = "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
ABSENT = "\u2013"


def count(value: float) -> str:
    """Return a whole number with thousands separators.

    Examples
    --------
    >>> count(336776)
    '336,776'
    """
    return f"{value:,.0f}"


def score(value: float) -> str:
    """Return a metric with four decimals.

    Examples
    --------
    >>> score(0.74023)
    '0.7402'
    """
    return f"{value:.4f}".replace("-", "\u2212")


def signed(value: float) -> str:
    """Return a difference with its sign and four decimals.

    Examples
    --------
    >>> signed(-0.00231), signed(0.1)
    ('−0.0023', '+0.1000')
    """
    return f"{value:+.4f}".replace("-", "\u2212")


def share(value: float) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> share(0.962)
    '96.2%'
    """
    return f"{100 * value:.1f}%"


def seconds(value: float) -> str:
    """Return a duration.

    Examples
    --------
    >>> [seconds(value) for value in (0.034, 0.96, 4.26, 125.4, 3725.0)]
    ['34 ms', '1.0 s', '4.3 s', '2 min 05 s', '1 h 02 min']
    """
    if value < 0.0995:
        return f"{1000 * value:.0f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(value / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(value: float) -> str:
    """Return a number of bytes in binary units, as memory is given everywhere else.

    Examples
    --------
    >>> size(512), size(834 * 2**20), size(1.42 * 2**30)
    ('512 B', '834 MiB', '1.42 GiB')
    """
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >= 2**power:
            return f"{value / 2**power:.3g} {unit}" if value < 1000 * 2**power else f"{value / 2**power:,.0f} {unit}"
    return f"{value:.0f} B"


def tiny(value: float) -> str:
    """Return a number that may be very small, in powers of ten.

    Examples
    --------
    >>> tiny(0.0), tiny(3.14e-12), tiny(0.25)
    ('0', '3.1 × 10⁻¹²', '0.25')
    """
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.2g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} \u00d7 10{str(int(power)).translate(str.maketrans('-0123456789', SUPERSCRIPTS))}"


def money(value: float) -> str:
    """Return an amount with cents, or hundredths of a cent below a dollar.

    Examples
    --------
    >>> money(0.00173), money(1.5)
    ('0.0017', '1.50')
    """
    return f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def moment(text: str) -> str:
    """Return an ISO 8601 time to the minute.

    Examples
    --------
    >>> moment("2026-01-02T03:04:05+00:00")
    '2 January 2026, 03:04 UTC'
    """
    at = datetime.fromisoformat(text)
    return f"{at.day} {at:%B %Y, %H:%M} {at.tzname() or ''}".rstrip()


def amount(value: float) -> str:
    """Return a number in some unit, with four digits.

    Examples
    --------
    >>> amount(1234.5), amount(-0.012345)
    ('1,234', '−0.01235')
    """
    return written(value, "amount").replace("-", "\u2212")


def signed_amount(value: float) -> str:
    """Return a difference in some unit, with its sign and four digits."""
    return written(value, "amount", signed=True).replace("-", "\u2212")


def heading(text: str) -> str:
    """Return a title that begins a heading or a cell.

    Examples
    --------
    >>> heading("log loss"), heading("")
    ('Log loss', '')
    """
    return text[:1].upper() + text[1:]


KINDS: dict[str, Callable[[float], str]] = {
    function.__name__: function
    for function in (count, score, signed, share, seconds, size, tiny, money, amount, signed_amount)
}
