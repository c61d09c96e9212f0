"""Raw rows out of a request's body: CSV, JSON, JSON Lines or Parquet in, one Arrow array a declared column out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sparring.container.media import BodyError, ContentError, media_type
from sparring.errors import did_you_mean

CSV, JSON, JSON_LINES, PARQUET = "text/csv", "application/json", "application/jsonlines", "application/x-parquet"


class AbsentError(BodyError):
    """Raised for a body that lacks declared columns; it names them all."""


def read_rows(body: bytes, content_type: str, names: Sequence[str], null_values: Sequence[str]) -> dict[str, pa.Array]:
    """Return the declared columns of a body as they came, unconverted; other columns are ignored.

    Parameters
    ----------
    body : bytes
    content_type : str
        ``text/csv`` (with a header, or columns in the declared order; parameter ``header=present|absent`` decides,
        else whether most of the first line is columns' names), ``application/json`` (a list of objects or of lists, or
        that under ``instances``), ``application/jsonlines`` or ``application/x-parquet``.
    names : sequence of str
        Declared columns, in their order.
    null_values : sequence of str
        What means missing in CSV.

    Raises
    ------
    ContentError
        If the type is another.
    BodyError
        If the body does not parse, has no row, or lacks a column.

    Notes
    -----
    CSV and Parquet are read column by column in C++; JSON row by row.
    """
    kind, parameters = media_type(content_type)
    if kind not in READERS:
        raise ContentError(f"content type {content_type!r} is none of {', '.join(READERS)}")
    try:
        columns = READERS[kind](body, names, parameters, null_values)
    except pa.ArrowException as error:
        raise BodyError(f"the body is no {kind}: {str(error).splitlines()[0]}") from error
    if len(columns[names[0]]) == 0:
        raise BodyError("the body has no row")
    return columns


def _csv(
    body: bytes, names: Sequence[str], parameters: dict[str, str], null_values: Sequence[str]
) -> dict[str, pa.Array]:
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise BodyError("the body has no row")
    header = _has_header(body, names, parameters.get("header"))
    found = _first_line(body) if header else list(names)
    _require(found, names)
    table = pyarrow.csv.read_csv(
        io.BytesIO(body),
        # One thread: only then does an error tell the row.
        pyarrow.csv.ReadOptions(use_threads=False, column_names=found, skip_rows=int(header)),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            include_columns=list(names),
            column_types=dict.fromkeys(found, pa.string()),
            null_values=list(null_values),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return _arrays(table, names)


def _has_header(body: bytes, names: Sequence[str], declared: str | None) -> bool:
    if declared not in (None, "present", "absent"):
        raise ContentError(f"text/csv; header={declared}: header is present or absent")
    if declared:
        return declared == "present"
    first = _first_line(body)
    # A header that lacks a column is one, too: no row of values consists of columns' names.
    return set(names) <= set(first) or 2 * sum(name in names for name in first) > len(first)


def _first_line(body: bytes) -> list[str]:
    text = io.StringIO(body[:1_048_576].decode("utf-8", errors="replace"), newline="")
    return next(csv.reader(text), [])


def _json(
    body: bytes, names: Sequence[str], parameters: dict[str, str], null_values: Sequence[str]
) -> dict[str, pa.Array]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise BodyError(f"the body is no JSON: {error}") from error
    rows = value.get("instances", [value]) if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise BodyError("the body is neither a list of rows nor an object with a list under 'instances'")
    return _columns(rows, names)


def _json_lines(
    body: bytes, names: Sequence[str], parameters: dict[str, str], null_values: Sequence[str]
) -> dict[str, pa.Array]:
    rows = []
    for number, line in enumerate(filter(None, map(bytes.strip, body.splitlines())), 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise BodyError(f"row {number}: no JSON: {error}") from error
    return _columns(rows, names)


def _columns(rows: list[Any], names: Sequence[str]) -> dict[str, pa.Array]:
    """Return objects or lists as columns; a key that some objects lack is missing there, as Spark reads it."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, (dict, list)) or isinstance(row, dict) != isinstance(rows[0], dict):
            raise BodyError(f"row {number}: all rows are objects, or all are lists in the order {', '.join(names)}")
        if isinstance(row, list) and len(row) != len(names):
            raise BodyError(f"row {number}: {len(row)} values, {len(names)} columns are declared: {', '.join(names)}")
    if not rows:
        raise BodyError("the body has no row")
    if isinstance(rows[0], list):
        rows = [dict(zip(names, row, strict=True)) for row in rows]
    _require(list(dict.fromkeys(key for row in rows for key in row)), names)
    return {name: _array([row.get(name) for row in rows], name) for name in names}


def _array(values: list[Any], name: str) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError) as error:
        first = next(value for value in values if value is not None)
        number = next(
            (at for at, value in enumerate(values, 1) if value is not None and type(value) is not type(first)), 1
        )
        raise BodyError(
            f"row {number}, column {name!r}: {values[number - 1]!r} is of another type than {first!r} above it"
        ) from error


def _parquet(
    body: bytes, names: Sequence[str], parameters: dict[str, str], null_values: Sequence[str]
) -> dict[str, pa.Array]:
    file = pq.ParquetFile(io.BytesIO(body))
    _require(file.schema_arrow.names, names)
    return _arrays(file.read(columns=list(names), use_threads=False), names)


def _arrays(table: pa.Table, names: Sequence[str]) -> dict[str, pa.Array]:
    def whole(column: pa.ChunkedArray) -> pa.Array:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.nulls(0)])

    return {name: whole(table[name]) for name in names}


def _require(found: Sequence[str], names: Sequence[str]) -> None:
    absent = [name for name in names if name not in found]
    if not absent:
        return
    hints = dict.fromkeys(did_you_mean(name, [given for given in found if given not in names]) for name in absent)
    listed = ", ".join(map(repr, absent))
    raise AbsentError(
        f"column{'s' if len(absent) > 1 else ''} {listed} {'are' if len(absent) > 1 else 'is'} absent: "
        f"a row has all {len(names)}, null where a value is missing.{''.join(hints)}"
    )


READERS: dict[str, Callable[[bytes, Sequence[str], dict[str, str], Sequence[str]], dict[str, pa.Array]]] = {
    CSV: _csv,
    JSON: _json,
    JSON_LINES: _json_lines,
    PARQUET: _parquet,
}
