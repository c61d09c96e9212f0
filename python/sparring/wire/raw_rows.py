"""Columns as they are, written for a model that takes raw rows: Parquet, CSV, JSON Lines, JSON.

No format changes a value: numbers are written in the shortest text that reads back as the same double, times in UTC
to the microsecond, and a null is told from an empty text.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from sparring.wire.media import CSV, JSON, JSON_LINES, PARQUET
from sparring.wire.records import joined
from sparring.wire.text import concatenated, lines

CONTROL = [chr(code) for code in range(32)]


def parquet(rows: pa.RecordBatch) -> bytes:
    """Return a Parquet file: types travel with the values."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_batches([rows]), sink, compression="snappy")
    return sink.getvalue()


def csv(rows: pa.RecordBatch) -> bytes:
    """Return lines without a header, in the columns' order: it may be split at any line's end.

    A null is an empty field, an empty text ``""``.
    """
    sink = io.BytesIO()
    pacsv.write_csv(_with_texts_of_times(rows), sink, pacsv.WriteOptions(include_header=False))
    return sink.getvalue()


def json_lines(rows: pa.RecordBatch) -> bytes:
    """Return one object a line."""
    return joined(lines(_objects(rows)))


def json_rows(rows: pa.RecordBatch) -> bytes:
    """Return ``{"instances": [...]}`` of objects."""
    return b'{"instances":[' + joined(lines(_objects(rows), ","))[:-1] + b"]}"


def _objects(rows: pa.RecordBatch) -> pa.Array:
    parts: list[pa.Array | str] = []
    for name, column in zip(rows.schema.names, _with_texts_of_times(rows).columns, strict=True):
        parts += [("," if parts else "{") + json.dumps(name, ensure_ascii=False) + ":", _json_values(column)]
    return concatenated([*parts, "}"], "")


def _json_values(column: pa.Array) -> pa.Array:
    """Return the JSON text of each value; a column without a type is all null."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = concatenated(['"', _escaped(column), '"'], "")
    else:
        texts = column.cast(pa.string()).cast(pa.large_string())
    return pc.fill_null(texts, pa.scalar("null", pa.large_string()))


def _escaped(column: pa.Array) -> pa.Array:
    for character in ("\\", '"'):
        column = pc.replace_substring(column, character, "\\" + character)
    if pc.any(pc.match_substring_regex(column, r"[\x00-\x1f]")).as_py():
        for character in CONTROL:
            column = pc.replace_substring(column, character, json.dumps(character)[1:-1])
    return column


def _with_texts_of_times(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows with times as ISO 8601 text in UTC and dates as text."""

    def as_text(column: pa.Array) -> pa.Array:
        kind = column.type
        if pa.types.is_timestamp(kind):
            moment = column.cast(pa.timestamp("us", kind.tz))
            return pc.strftime(moment.cast(pa.timestamp("us", "UTC")), "%Y-%m-%dT%H:%M:%SZ")
        if pa.types.is_date(kind) or pa.types.is_decimal(kind):
            return column.cast(pa.string())
        return column

    return pa.RecordBatch.from_arrays([as_text(column) for column in rows.columns], names=rows.schema.names)


# Content type -> what writes it.
ROW_FORMATS: dict[str, Callable[[pa.RecordBatch], bytes]] = {
    PARQUET: parquet,
    CSV: csv,
    JSON_LINES: json_lines,
    JSON: json_rows,
}
