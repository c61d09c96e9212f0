"""Columns of text as what they hold: looked at as a whole, then cast, so that every value of a column fits its type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sparring.data.column_types import Tally, tally, tokens_of, total
from sparring.data.number_text import CURRENCIES, GAPS, PERCENT
from sparring.spark.batches import map_batches
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Options that say how days and times are written.
FORMATS = ("dateFormat", "timestampFormat")
TYPES = {
    "empty": "string",
    "boolean": "boolean",
    "integer": "bigint",
    "large": "decimal(38,0)",
    "number": "double",
    "amount": "double",
    "percent": "double",
}
# Of a day or a time, in Java's letters.  Single letters take one digit or two.
CLOCK = "[ H:m[:s[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S]]]['T'H:m[:s[.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S]]]"
DAY_FIRST = ("d/M/y", "d-M-y", "d.M.y")
MONTH_FIRST = ("M/d/y", "M-d-y")


def tally_columns(text: DataFrame, missing: Sequence[str], decimal: str) -> dict[str, Tally]:
    """Return what each column of a table of text holds.

    Parameters
    ----------
    text : DataFrame
        Columns of type string.
    missing : sequence of str
        What means a missing value.
    decimal : str
        Decimal mark.

    Notes
    -----
    Cost: one pass; a line a partition reaches the driver.
    """
    names = text.columns
    if not names:
        return {}

    def look(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        seen = [Tally()] * len(names)
        for batch in batches:
            seen = [one + tally(column, missing, decimal) for one, column in zip(seen, batch.columns, strict=True)]
        yield pa.RecordBatch.from_pydict({"tallies": [json.dumps([one.to_dict() for one in seen])]})

    parts = [json.loads(row[0]) for row in map_batches(text, look, "tallies string").collect()]
    return {name: total([Tally(**part[at]) for part in parts]) for at, name in enumerate(names)}


def cast_columns(
    text: DataFrame, seen: Mapping[str, Tally], missing: Sequence[str], decimal: str, formats: Mapping[str, str]
) -> DataFrame:
    """Return the table with each column in the type of what it holds, missing values null.

    Parameters
    ----------
    text : DataFrame
    seen : mapping of str to Tally
        Column -> what it holds; others stay as they are.
    missing : sequence of str
    decimal : str
    formats : mapping of str to str
        ``dateFormat`` and ``timestampFormat`` in Java's letters: columns of text all of whose values have one of them.

    Notes
    -----
    Cost: a projection; where a format is given one pass to see which columns have it.
    """
    typed = {name: _cast(_present(name, one, missing), one.kind, decimal) for name, one in seen.items()}
    typed |= _formatted(text, seen, missing, formats)
    return text.select(*[typed.get(name, named(name)).alias(name) for name in text.columns])


def _present(name: str, seen: Tally, missing: Sequence[str]) -> Column:
    from sparring.engine import functions as F

    tokens = tokens_of(missing, seen.plus)
    return F.when(~F.trim(named(name)).isin(tokens), named(name)) if tokens else named(name)


def _cast(value: Column, kind: str, decimal: str) -> Column:
    from sparring.engine import functions as F

    bare = F.trim(value)
    if kind in ("number", "amount", "percent"):
        return _number(bare, kind, decimal)
    if kind in TYPES:
        return bare.cast(TYPES[kind])
    if kind in ("date", "time"):
        return F.translate(bare, "/", "-").cast("date" if kind == "date" else "timestamp")
    if kind in ("day_first", "month_first"):
        orders = DAY_FIRST if kind == "day_first" else MONTH_FIRST
        return F.coalesce(*[F.to_timestamp(bare, order + CLOCK) for order in orders])
    return value


def _number(value: Column, kind: str, decimal: str) -> Column:
    from sparring.engine import functions as F

    if kind != "number":
        value = F.translate(value, CURRENCIES + GAPS + PERCENT + ("," if decimal == "." else "."), "")
    return F.translate(value, decimal, ".").cast("double")


def _formatted(
    text: DataFrame, seen: Mapping[str, Tally], missing: Sequence[str], formats: Mapping[str, str]
) -> dict[str, Column]:
    """Return the columns all of whose values are days or times in a given format."""
    from sparring.engine import functions as F

    readers: dict[str, Any] = {"dateFormat": F.to_date, "timestampFormat": F.to_timestamp}
    found: dict[str, Column] = {}
    unsettled = [name for name, one in seen.items() if one.kind in ("text", "either", "day_first", "month_first")]
    for option, read in readers.items():
        if option not in formats or not unsettled:
            continue
        cells = {name: _present(name, seen[name], missing) for name in unsettled}
        read_cells = {name: read(F.trim(cell), formats[option]) for name, cell in cells.items()}
        bad = [
            F.count(F.when(cells[name].isNotNull() & read_cells[name].isNull(), 1)).alias(str(at))
            for at, name in enumerate(unsettled)
        ]
        counts = text.agg(*bad).first()
        fitting = [name for at, name in enumerate(unsettled) if counts is not None and counts[at] == 0]
        found |= {name: read_cells[name] for name in fitting}
        unsettled = [name for name in unsettled if name not in fitting]
    return found
