"""CSV as text, by Spark's rules: what is unquoted and empty is null, a row too short or too long is kept and marked."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from sparring.errors import TableError
from sparring.one_machine.text_files import TextFile, require_known, with_parts

# What is understood, and what the rows of a table do not depend on.
KNOWN = {"sep", "quote", "escape", "encoding", "header", "comment", "multiLine", "nullValue"}
KNOWN |= {"columnNameOfCorruptRecord", "enforceSchema", "mode", "delimiter", "charset"}
# What a table may say, some of it to those who ask for the rows as text.
OPTIONS = KNOWN | {"decimal", "dateFormat", "timestampFormat", "inferSchema"}
BYTE_ORDER_MARK = "\ufeff"
# Letters among which the header is.
HEAD = 1 << 20


def read_rows(files: Sequence[TextFile], options: dict[str, str], names: Sequence[str] | None) -> pa.Table:
    """Return the rows of CSV files as text.

    Parameters
    ----------
    files : sequence of TextFile
    options : dict of str to str
        By Spark's names.
    names : sequence of str, optional
        Of the columns wanted; one of them may be that of broken rows.

    Raises
    ------
    TableError
        If an option is not understood, or the files' headers differ.
    """
    require_known(options, KNOWN)
    texts = [_text(file.data, options) for file in files]
    headers = [_header(text, options) for text in texts]
    if any(header != headers[0] for header in headers) and options.get("header") == "true":
        other = next(header for header in headers if header != headers[0])
        raise TableError(
            f"A CSV header does not conform to that of the first file: {', '.join(other)}, not {', '.join(headers[0])}",
            "Give files of one header.",
        )
    if not headers:
        return pa.table({name: pa.array([], pa.string()) for name in names or ()})
    columns, corrupt = headers[0], options.get("columnNameOfCorruptRecord", "")
    parts = list(files[0].parts)
    wanted = [*columns, *parts] if names is None else list(names)
    given = [name for name in wanted if name != corrupt and name not in parts]
    if len(given) != len(columns):
        raise TableError(f"The table has {len(columns)} columns, {len(given)} are wanted", "Check the header.")
    tables = [_parsed(text, len(columns), options) for text in texts]
    named = [with_parts(table.rename_columns([*given, corrupt]), f) for table, f in zip(tables, files, strict=True)]
    return pa.concat_tables(named).select(wanted)


def _text(data: bytes, options: dict[str, str]) -> str:
    encoding = options.get("encoding", "UTF-8")
    text = data.decode(encoding, errors="replace").removeprefix(BYTE_ORDER_MARK)
    comment = options.get("comment")
    if comment and f"\n{comment}" in f"\n{text}":
        lines = text.splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith(comment))
    quote, escape = options.get("quote", '"'), options.get("escape", "\\")
    if escape != quote and quote:
        # Spark's escape is one before a quote only; Arrow's takes away the letter before whatever follows.
        text = text.replace(escape + quote, quote + quote)
    return text


def _header(text: str, options: dict[str, str]) -> list[str]:
    """Return the names of the columns.

    Raises
    ------
    TableError
        If one is empty, or there twice, which Spark does not read either.
    """
    first: list[str] = next((row for row in _reader(text[:HEAD], options) if row), [])
    if options.get("header") != "true":
        return [f"_c{at}" for at in range(len(first))]
    odd = [name for name in first if not name or first.count(name) > 1]
    if odd:
        raise TableError(
            f"The CSV header does not conform: it has {odd[0]!r} twice"
            if odd[0]
            else "The CSV header has an empty name",
            "Name each column once.",
        )
    return first


def _reader(text: str, options: dict[str, str]) -> Any:
    quote = options.get("quote", '"')
    how: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    csv.field_size_limit(1 << 30)
    return csv.reader(io.StringIO(text, newline=""), delimiter=options.get("sep", ","), **how)


def _parsed(text: str, width: int, options: dict[str, str]) -> pa.Table:
    """Return the rows of one file, and of each broken one its text in a last column."""
    broken: list[str] = []

    def keep(row: pacsv.InvalidRow) -> str:
        broken.append(row.text)
        return "skip"

    names = [str(at) for at in range(width)]
    quote = options.get("quote", '"')
    try:
        table = pacsv.read_csv(
            io.BytesIO(text.encode()),
            pacsv.ReadOptions(column_names=names, skip_rows_after_names=0, block_size=_block(text)),
            pacsv.ParseOptions(
                delimiter=options.get("sep", ","),
                quote_char=quote or False,
                double_quote=True,
                newlines_in_values=options.get("multiLine") == "true",
                invalid_row_handler=keep,
            ),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=["", *([options["nullValue"]] if options.get("nullValue") else [])],
            ),
        )
    except pa.ArrowInvalid as error:
        raise TableError(f"The file is no CSV: {error}", "Check sep, quote and escape in table.options.") from error
    if options.get("header") == "true":
        table = table.slice(1)
    table = table.append_column("broken", pa.nulls(table.num_rows, pa.string()))
    if not broken:
        return table
    lines = [_cut(line, width, options) for line in broken]
    columns = [pa.array([line[at] for line in lines], pa.string()) for at in range(width)]
    return pa.concat_tables([table, pa.table([*columns, pa.array(broken)], names=table.column_names)])


def _cut(text: str, width: int, options: dict[str, str]) -> list[str | None]:
    """Return the cells of a row that has too few or too many."""
    row: list[str] = next(iter(_reader(text, options)), [])
    return [cell or None for cell in row[:width]] + [None] * (width - len(row))


def _block(text: str) -> int:
    """Return how much is parsed at once: a row must fit."""
    return max(1 << 20, min(len(text) * 4 + 1, 1 << 28)) if '"' in text else 1 << 22
