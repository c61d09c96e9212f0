"""A CSV file as a table: by RFC 4180 unless its dialect is another, read as text, typed by what it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sparring.data.column_types import MISSING, Tally
from sparring.data.csv_dialect import Dialect, sniff
from sparring.data.location import data_files, sample_bytes, sample_pieces, spark_path
from sparring.data.typed_text import FORMATS, cast_columns, tally_columns
from sparring.errors import TableError
from sparring.spark.reserved import named, refuse_reserved, reserved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CORRUPT = reserved("corrupt_record")
# A dialect's part -> Spark's names of it, ours first.
NAMES = {
    "sep": ("sep", "delimiter"),
    "encoding": ("encoding", "charset"),
    "header": ("header",),
    "quote": ("quote",),
    "escape": ("escape",),
    "comment": ("comment",),
    "decimal": ("decimal",),
}
TABS = (".tsv", ".tab", ".tsv.gz", ".tsv.bz2")


_TALLIES: dict[object, dict[str, Tally]] = {}


@dataclass(frozen=True)
class CsvTable:
    """A CSV file as read.

    Attributes
    ----------
    frame : DataFrame
        Its rows, and ``sparring__corrupt_record`` with the text of a line that has too few or too many cells.
    dialect : Dialect
        How it is written.
    columns : dict of str to Tally
        What was seen of each column.
    """

    frame: DataFrame
    dialect: Dialect
    columns: dict[str, Tally] = field(default_factory=dict)


def read_csv(
    spark: SparkSession, path: str, options: Mapping[str, str], missing: Sequence[str] | None = None
) -> CsvTable:
    """Return the CSV file, folder or pattern at ``path`` as a table.

    Parameters
    ----------
    spark : SparkSession
    path : str
    options : mapping of str to str
        Parts of the dialect, ``dateFormat``, ``timestampFormat``, and any option of Spark's reader; they win.
    missing : sequence of str, optional
        What means a missing value; :data:`~sparring.data.column_types.MISSING` by default.

    Raises
    ------
    TableError
        If there is no file, none has content, or the encoding does not fit.

    Notes
    -----
    Cost: at most a MB is looked at on the driver, a pass over the lines for line breaks inside quotes, one over the
    cells for what they hold.  A file with such line breaks is read by one task.
    """
    sample = sample_bytes(path)
    if not sample.strip():
        raise TableError(f"table.path {path!r} is empty", "Give a file with a header and rows.")
    dialect = sniff(sample, sample_pieces(path), _given(path, options))
    _check_text(path, dialect, sample)
    text = _text(spark, path, dialect, options)
    tokens = MISSING if missing is None else missing
    names = [name for name in text.columns if name != CORRUPT]
    if options.get("inferSchema") == "false":
        return CsvTable(text, dialect)
    whole = text.where(named(CORRUPT).isNull()).select(*map(named, names))
    seen = _tallied(whole, path, dialect, tokens)
    _check_encoding(path, dialect, seen)
    formats = {name: value for name, value in options.items() if name in FORMATS}
    return CsvTable(cast_columns(text, seen, tokens, dialect.decimal, formats), dialect, seen)


def _tallied(whole: DataFrame, path: str, dialect: Dialect, tokens: Sequence[str]) -> dict[str, Tally]:
    """Return what the columns hold; the same file is not looked at again in this process."""
    files = tuple((file.path, file.size, file.mtime_ns) for file in data_files(path))
    known = (files, dialect, tuple(tokens), tuple(whole.columns))
    if known not in _TALLIES:
        # One table is enough: a run reads its own several times.
        _TALLIES.clear()
        _TALLIES[known] = tally_columns(whole, tokens, dialect.decimal)
    return _TALLIES[known]


def _given(path: str, options: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of the dialect that the user, or the file's ending, tells."""
    given = {part: options[name] for part, names in NAMES.items() for name in names if options.get(name)}
    if path.lower().rstrip("/").endswith(TABS):
        given.setdefault("sep", "\t")
    return {part: value.replace("\\t", "\t") for part, value in given.items()}


def _check_text(path: str, dialect: Dialect, sample: bytes) -> None:
    """Refuse a file that is no text: a workbook, an archive."""
    zipped = sample.startswith(b"PK\x03\x04")
    if zipped or (b"\0" in sample[:4_096] and not dialect.encoding.startswith(("UTF-16", "UTF-32"))):
        kind = "an Excel workbook or a zip archive" if zipped else "binary"
        raise TableError(f"table.path {path!r} is no text: it is {kind}", "Save it as CSV or Parquet.")


def _check_encoding(path: str, dialect: Dialect, seen: Mapping[str, Tally]) -> None:
    broken = {name: one.broken for name, one in seen.items() if one.broken}
    if broken:
        name, times = next(iter(broken.items()))
        raise TableError(
            f"table.path {path!r} is not all in {dialect.encoding}: {times:,} values of column {name!r} are not",
            "Set encoding in table.options, for example windows-1252.",
        )


def _text(spark: SparkSession, path: str, dialect: Dialect, options: Mapping[str, str]) -> DataFrame:
    """Return the cells as text; column names without spaces around."""
    place, settings = spark_path(path), _settings(dialect, options)
    if "multiLine" not in settings:
        settings["multiLine"] = str(_has_long_rows(spark, place, dialect)).lower()
    schema = spark.read.options(**settings).csv(place).schema
    refuse_reserved(schema.names, f"table.path {path!r}")
    # Only with an explicit schema does Spark keep the lines that do not fit it; first, for columns that are folders
    # come last.
    whole = type(schema)().add(CORRUPT, "string")
    for column in schema.fields:
        whole = whole.add(column)
    frame = spark.read.options(**settings, columnNameOfCorruptRecord=CORRUPT).csv(place, schema=whole)
    names = {name: name.strip() or name for name in schema.names}
    if len(set(names.values())) < len(names):
        names = {name: name for name in names}
    return frame.select(*[named(name).alias(names[name]) for name in schema.names], named(CORRUPT))


def _settings(dialect: Dialect, options: Mapping[str, str]) -> dict[str, str]:
    ours = {*(name for names in NAMES.values() for name in names), *FORMATS, "inferSchema"}
    further = {name: value for name, value in options.items() if name not in ours}
    written = {name: value for name, value in dialect.to_options().items() if name != "decimal"}
    # Else the columns of the files of a folder are taken by place, whatever their headers say.
    return {"enforceSchema": "false", **written, **further}


def _has_long_rows(spark: SparkSession, place: str, dialect: Dialect) -> bool:
    """Return whether a row may reach over several lines: then a line has an odd number of quotes."""
    from sparring.engine import functions as F

    if dialect.encoding.startswith(("UTF-16", "UTF-32")):
        return True
    line = F.col("value")
    if dialect.escape != dialect.quote:
        line = F.regexp_replace(line, re.escape(dialect.escape + dialect.quote), "")
    quotes = F.length(line) - F.length(F.translate(line, dialect.quote, ""))
    return not spark.read.text(place).where(quotes % 2 == 1).isEmpty()
