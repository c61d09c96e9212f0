"""What a number of a table may be: NaN is missing, and a magnitude that float32 cannot hold is no feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

# Features are stored as float32; the sum of squares of such numbers, which statistics need, is far from overflowing.
LARGEST = 3.4028234663852886e38


def not_nan(value: Column, kind: DataType | str) -> Column:
    """Return ``value`` of type ``kind`` with null for NaN, as pandas and NumPy write a missing number.

    Examples
    --------
    >>> frame.select(not_nan(named("x"), frame.schema["x"].dataType))                  # doctest: +SKIP
    """
    from sparring.engine import functions as F

    name = kind if isinstance(kind, str) else kind.typeName()
    return F.nanvl(value, F.lit(None).cast(name)) if name in ("double", "float") else value


def as_number(value: Column) -> Column:
    """Return ``value`` as a double, null where it is missing, NaN or no number."""
    return not_nan(value.cast("double"), "double")


def as_text(value: Column, kind: DataType | str) -> Column:
    """Return a category of type ``kind`` as text, see :func:`text_of`; NaN is missing."""
    return text_of(not_nan(value, kind), kind)


def text_of(value: Column, kind: DataType | str) -> Column:
    """Return a value of type ``kind`` as text, the same on every engine and every version of Java.

    Numbers of type float or double are written by their shortest digits
    (:func:`sparring.engine.own.shortest`); all others as Spark casts them.
    """
    from sparring.engine import functions as F

    name = kind if isinstance(kind, str) else kind.typeName()
    return F.number_text(value) if name in ("double", "float") else value.cast("string")


def outside(name: str, number: Column, low: float = -LARGEST, high: float = LARGEST) -> list[Column]:
    """Return why a feature cannot be used: infinite, or beyond what can be stored; each null for a good number.

    Parameters
    ----------
    name : str
        Of the feature.
    number : Column
        As :func:`as_number` makes it.
    low, high : float
        The least and the greatest number that is taken.
    """
    from sparring.engine import functions as F

    infinite = F.abs(number) == F.lit(float("inf"))
    beyond = (number < F.lit(low)) | (number > F.lit(high))
    return [
        F.when(infinite, F.lit(f"feature {name} infinite")),
        F.when(beyond, F.lit(f"feature {name} {beyond_words(low, high)}")),
    ]


def beyond_words(low: float, high: float) -> str:
    """Return in words that a number lies outside of ``low`` to ``high``.

    Examples
    --------
    >>> beyond_words(-LARGEST, LARGEST), beyond_words(-1.0, 3e5)
    ('beyond +-3.4e+38', 'beyond -1 to 3e+05')
    """
    return f"beyond +-{high:.3g}" if low == -high else f"beyond {low:.3g} to {high:.3g}"
