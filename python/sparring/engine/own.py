"""Functions over columns that Spark lacks, or has otherwise: one kernel over Arrow, which both engines run."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import Column


@dataclass(frozen=True)
class Own:
    """A function of one column whose values are text.

    Attributes
    ----------
    kernel : callable
        Array -> array of text, nulls stay null.
    """

    kernel: Callable[[pa.Array], pa.Array]

    def on_spark(self, column: Column) -> Column:
        """Return the kernel's values in Spark.  Cost: the column passes through Python in batches."""
        # Here, because most workers that import this module run no such function.
        import pandas as pd
        from pyspark.sql.functions import pandas_udf

        kernel = self.kernel

        def whole(values: Any) -> Any:
            return kernel(pa.Array.from_pandas(values)).to_pandas()

        whole.__annotations__ = {"values": pd.Series, "return": pd.Series}
        in_batches: Any = pandas_udf
        made: Column = in_batches(whole, "string")(column)
        return made


class OfNumbers(Own):
    """The same for numbers: a batch of pandas does not tell NaN from null."""

    def on_spark(self, column: Column) -> Column:
        """Return the kernel's values in Spark."""
        from pyspark.sql import functions as F

        return F.when(F.isnan(column), F.lit("NaN")).otherwise(super().on_spark(column))


def of_distinct(values: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    """Return ``text`` of each value, asked once for each distinct one."""
    coded = values.dictionary_encode()
    texts = pa.array([None if value is None else text(value) for value in coded.dictionary.to_pylist()], pa.string())
    return texts.take(coded.indices)


def normalized(values: pa.Array) -> pa.Array:
    """Return text in Unicode normalisation form C."""
    if pa.types.is_null(values.type) or pc.all(pc.string_is_ascii(values)).as_py() is not False:
        return values.cast(pa.string())
    return of_distinct(values, lambda text: unicodedata.normalize("NFC", text))


def shortest(values: pa.Array) -> pa.Array:
    """Return float32 or float64 numbers as text by the fewest digits that name them.

    The form is Java's (``1.0``, ``1.0E-5``, ``NaN``, ``-Infinity``); the digits are not: Java before 19 prints more
    than it needs for one double in twenty, so that its text depends on its version.
    """
    single = values.type == pa.float32()
    return of_distinct(values, lambda number: _java_form(str(np.float32(number)) if single else repr(float(number))))


def _java_form(text: str) -> str:
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    if text in ("nan", "inf"):
        return "NaN" if text == "nan" else f"{sign}Infinity"
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # Of 0.ddd times ten to the power of place.
    place = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0.0"
    if -3 < place <= 7:
        left = digits[: max(place, 0)].ljust(place, "0") or "0"
        right = "0" * -place + digits[max(place, 0) :]
        return f"{sign}{left}.{right or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{place - 1}"


OWN = {"nfc": Own(normalized), "number_text": OfNumbers(shortest)}

# Two hashes of 64 bits with different beginnings make one of 128: two of a billion rows collide with p < 1e-20.
BEGINNINGS = (0x5EED, 0xC0FFEE)


def hash128(*words: Column) -> Column:
    """Return the 128-bit hash of atomic columns in Spark, 32 hexadecimal digits; nulls among them are skipped."""
    from pyspark.sql import functions as F

    halves = [F.lpad(F.hex(F.xxhash64(F.lit(beginning), *words)), 16, "0") for beginning in BEGINNINGS]
    return F.lower(F.concat(*halves))


# What Spark composes of its own functions, and one machine does at once.
COMPOSED = {"hash128": hash128}
