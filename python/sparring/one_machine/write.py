"""Rows written as Parquet that Spark reads as its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import types as T

from sparring.io import storage
from sparring.one_machine.text_files import NULL_FOLDER
from sparring.one_machine.threads import in_threads
from sparring.one_machine.types import ROW_METADATA

# Rows that a reader takes at once: tasks of Spark divide a file between them.
GROUP_ROWS = 1 << 17
# Rows that tell whether a column repeats its values.
LOOKED_AT = 1 << 13
# Rows of a file: files are written side by side.
FILE_ROWS = 1 << 19


class Writer:
    """Writes the rows of a frame; the words are those of Spark's writer.

    Parameters
    ----------
    rows : callable
        Returns them as an Arrow table.
    schema : StructType
        What they are to Spark.
    """

    def __init__(self, rows: Callable[[], pa.Table], schema: T.StructType) -> None:
        self._rows, self._schema = rows, schema
        self._by: str | None = None

    def mode(self, mode: str) -> Writer:
        """Accept ``overwrite``, the one that there is."""
        if mode != "overwrite":
            raise ValueError(f"mode {mode!r}: one machine overwrites")
        return self

    def option(self, name: str, value: Any) -> Writer:
        """Accept what says that a whole folder is marked, which it always is."""
        return self

    def partitionBy(self, column: str) -> Writer:
        """Write a folder for each value of this column."""
        self._by = column
        return self

    def parquet(self, folder: str) -> None:
        """Write the rows below ``folder`` and mark it as complete."""
        storage.delete(folder)
        storage.make_folder(folder)
        table, schema = self._rows(), self._schema
        if self._by is None:
            _write(table, schema, folder)
        else:
            kept = [name for name in table.column_names if name != self._by]
            for value in pc.unique(table.column(self._by)).to_pylist():
                column = table.column(self._by)
                same = column.is_null() if value is None else pc.equal(column, value)
                text = NULL_FOLDER if value is None else quote(str(value), safe=" ")
                narrow = T.StructType([field for field in schema.fields if field.name != self._by])
                rows = table if pc.all(pc.fill_null(same, False)).as_py() else table.filter(same)
                _write(rows.select(kept), narrow, storage.join(folder, f"{self._by}={text}"))
        storage.write_bytes(storage.join(folder, "_SUCCESS"), b"")


def _write(table: pa.Table, schema: T.StructType, folder: str) -> None:
    storage.make_folder(folder)
    named = table.replace_schema_metadata({ROW_METADATA: json.dumps(schema.jsonValue())})
    repeating = _repeating(table)

    def write(first: int) -> None:
        system, inner = storage.filesystem(storage.join(folder, f"part-{first // FILE_ROWS:05}.snappy.parquet"))
        with system.open_output_stream(inner) as stream:
            pq.write_table(
                named.slice(first, FILE_ROWS),
                stream,
                compression="snappy",
                row_group_size=GROUP_ROWS,
                use_dictionary=repeating,
            )

    in_threads(write, range(0, max(table.num_rows, 1), FILE_ROWS))


def _repeating(table: pa.Table) -> list[str]:
    """Return the columns that a dictionary makes smaller: those whose values repeat; of nested ones all."""
    head = table.slice(0, LOOKED_AT)
    found = []
    for name in table.column_names:
        column = head.column(name)
        if pa.types.is_nested(column.type):
            found += _leaves(name, column.type)
        elif len(pc.unique(column)) <= len(column) / 2:
            found.append(name)
    return found


def _leaves(path: str, kind: pa.DataType) -> list[str]:
    """Return the names that Parquet gives to what a nested column holds."""
    if pa.types.is_map(kind):
        return [
            *_leaves(f"{path}.key_value.key", kind.key_type),
            *_leaves(f"{path}.key_value.value", kind.item_type),
        ]
    if pa.types.is_list(kind):
        return _leaves(f"{path}.list.element", kind.value_type)
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f"{path}.{field.name}", field.type)]
    return [path]
