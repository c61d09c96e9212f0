"""What a key, a group or a class *is*, whatever type holds it: the form in which values decide about rows.

A table keeps its values and changes its types: Spark reads 32-bit integers where pandas holds 64 bits, a column of
integers with a gap comes back from pandas as floats, a date as a time at midnight.  Here

=========================================================  =====================================================
values                                                     are the same as
=========================================================  =====================================================
integers of all widths, floats and decimals that are whole  the 64-bit integer
other floats                                               the double
other decimals, whole ones beyond 64 bits                  the decimal of any precision and scale
dates, times with a zone and without                       microseconds since 1970, midnight, UTC
NaN                                                        null
=========================================================  =====================================================

A text is never the same as the number that it spells, nor is a boolean.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import types as T

from sparring.data.canonical import words_of
from sparring.engine import functions as F
from sparring.model_selection.timeline import TIMESTAMPS, ticks
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql.types import DataType, StructType

# What rows are decided by: 1 hashed integers by their width and seeds by their size, 2 goes by values.
SPLIT_VERSION = 2
FRACTIONAL = (T.FloatType, T.DoubleType, T.DecimalType)
TOO_LARGE, LONG_DIGITS = 2**63, 19
DIGITS = 38


def value_hash(columns: Sequence[str], schema: StructType) -> Column:
    """Return the 128-bit hash of the values of ``columns``, 32 hexadecimal digits, whatever their types.

    Parameters
    ----------
    columns : sequence of str
        Their order matters, their names do not.
    schema : StructType
        Schema of the table they are in.

    Examples
    --------
    >>> rows.select(value_hash(["carrier", "flight"], rows.schema))             # doctest: +SKIP
    """
    return F.hash128(*[word for name in columns for word in _words(named(name), schema[name].dataType)])


def value_text(column: Column, kind: DataType) -> Column:
    """Return a value as text, the same for all types that hold it."""
    if isinstance(kind, T.DateType):
        return F.concat(column.cast("string"), F.lit(" 00:00:00"))
    if not isinstance(kind, FRACTIONAL):
        return column.cast("string")
    number, whole = _number(column, kind), _whole(column, kind)
    if isinstance(kind, T.DecimalType):
        # Not a cast of the decimal itself, whose text depends on its scale and on a setting of the session.
        digits = F.format_number(F.abs(_rest(column, kind)), DIGITS).substr(2, DIGITS + 1)
        sign = F.when(column < 0, "-").otherwise("")
        size = F.abs(_truncated(column, kind)).cast("string")
        other = F.concat(sign, size, F.regexp_replace(digits, "[.]?0*$", ""))
    else:
        other = F.number_text(number)
    return F.when(whole.isNotNull(), whole.cast("string")).otherwise(other)


def _words(column: Column, kind: DataType) -> list[Column]:
    """Return what is hashed of one value: whether it is missing, then the value; a third word marks fractions."""
    if isinstance(kind, T.IntegralType):
        return [column.isNull(), column.cast("long")]
    if isinstance(kind, TIMESTAMPS):
        return [column.isNull(), ticks(column, kind)]
    if not isinstance(kind, FRACTIONAL):
        return words_of(column, kind)
    number, whole = _number(column, kind), _whole(column, kind)
    fraction = whole.isNull() & number.isNotNull()
    rest = [_truncated(column, kind), _rest(column, kind)] if isinstance(kind, T.DecimalType) else [number]
    # Spark's hash skips nulls: a whole number leaves one word here, and so does a 64-bit integer.
    return [number.isNull(), whole, *(F.when(fraction, word) for word in rest), F.when(fraction, True)]


def _number(column: Column, kind: DataType) -> Column:
    if isinstance(kind, T.DecimalType):
        return column
    return F.nanvl(column.cast("double"), F.lit(None).cast("double"))


def _whole(column: Column, kind: DataType) -> Column:
    """Return the 64-bit integer that a number is, or null."""
    if isinstance(kind, T.DecimalType):
        fits = F.lit(True) if kind.precision - kind.scale < LONG_DIGITS else F.abs(column) < F.lit(Decimal(TOO_LARGE))
        return F.when(fits & (_rest(column, kind) == 0), column.cast("long"))
    number = _number(column, kind)
    return F.when((F.abs(number) < F.lit(float(TOO_LARGE))) & (number % 1 == 0), number.cast("long"))


def _truncated(column: Column, kind: DataType) -> Column:
    return F.when(column < 0, F.ceil(column)).otherwise(F.floor(column)).cast(T.DecimalType(DIGITS, 0))


def _rest(column: Column, kind: T.DecimalType) -> Column:
    """Return the digits after the point of a decimal: below 1, so that they fit whatever its scale."""
    # A decimal of digits after the point only cannot be compared with 1, which its type does not hold.
    below_one = column if kind.precision == kind.scale else column % 1
    return below_one.cast(T.DecimalType(DIGITS, DIGITS))
