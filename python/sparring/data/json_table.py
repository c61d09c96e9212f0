"""A JSON table: an object a line, or a list of objects; days and times in it are text, typed by what it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparring.data.column_types import Tally
from sparring.data.csv_dialect import decode, sniff_encoding
from sparring.data.csv_table import CORRUPT
from sparring.data.location import sample_bytes, spark_path
from sparring.data.typed_text import FORMATS, cast_columns, tally_columns
from sparring.errors import TableError
from sparring.spark.reserved import named

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TIMESTAMPS = ("date", "time", "day_first", "month_first")


def read_json(
    spark: SparkSession, path: str, options: dict[str, str], missing: Sequence[str] | None = None
) -> DataFrame:
    """Return the JSON file, folder or pattern at ``path`` as a table.

    Parameters
    ----------
    spark : SparkSession
    path : str
    options : dict of str to str
        Of Spark's reader; they win.
    missing : sequence of str, optional
        Text that means a missing value; none by default, for JSON has ``null``.

    Raises
    ------
    TableError
        If there is no file, none has content, or it holds columns rather than rows.

    Notes
    -----
    Cost: Spark's pass to find the types, and one over the columns of text.
    """
    sample = sample_bytes(path)
    encoding = sniff_encoding(sample, [])
    text = decode(sample, encoding).strip()
    if not text:
        raise TableError(f"table.path {path!r} is empty", "Give a file with rows.")
    settings = {"multiLine": str(_spans_lines(text)).lower(), **options, "columnNameOfCorruptRecord": CORRUPT}
    if encoding != "UTF-8":
        settings = {"encoding": encoding, **settings}
    frame = spark.read.options(**settings).json(spark_path(path))
    _refuse_columns(path, frame)
    strings = [f.name for f in frame.schema.fields if f.dataType.simpleString() == "string" and f.name != CORRUPT]
    seen = tally_columns(frame.select(*map(named, strings)), missing or (), ".")
    # What is text in JSON was meant to be text, times aside, which JSON has not.
    kinds = {name: one if one.kind in TIMESTAMPS else _as_text(one) for name, one in seen.items()}
    formats = {name: value for name, value in options.items() if name in FORMATS}
    return cast_columns(frame, kinds, missing or (), ".", formats)


def _as_text(seen: Tally) -> Tally:
    return Tally("text", plus=seen.plus)


def _spans_lines(text: str) -> bool:
    """Return whether the file is one JSON value over several lines rather than one a line."""
    first, _, rest = text.partition("\n")
    if text.startswith("[") or not rest:
        return text.startswith("[")
    try:
        json.loads(first)
    except ValueError:
        # A line that begins an object and does not end it: pretty-printed.
        return not first.rstrip().endswith("}")
    return False


def _refuse_columns(path: str, frame: DataFrame) -> None:
    """Raise for a single object of columns, as pandas writes by default."""
    nested = [f.name for f in frame.schema.fields if f.dataType.typeName() in ("struct", "array")]
    if nested and len(nested) == len(frame.columns):
        raise TableError(
            f"table.path {path!r} holds columns, not rows: one object of {', '.join(map(repr, nested[:3]))}",
            "Write a row a line, with pandas: frame.to_json(path, orient='records', lines=True).",
        )
