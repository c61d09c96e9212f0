"""Files read into the memory of one machine, with the words of Spark's reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import types as T

from sparring.data.location import data_files
from sparring.errors import TableError
from sparring.io import storage
from sparring.one_machine.arrow_types import as_spark
from sparring.one_machine.casts import cast
from sparring.one_machine.csv_rows import read_rows
from sparring.one_machine.deferred import DeferredColumn, Once
from sparring.one_machine.frame import Frame, in_one
from sparring.one_machine.json_rows import read_objects
from sparring.one_machine.text_files import parts_of, text_files
from sparring.one_machine.types import ROW_METADATA, parse_schema, spark_type

LINE_END = re.compile(r"\r\n|\r|\n")


class Reader:
    """Reads files of one path.

    Parameters
    ----------
    session : OneMachine
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self._options: dict[str, str] = {}
        self._schema: T.StructType | None = None

    def options(self, **options: Any) -> Reader:
        """Set options, by Spark's names."""
        self._options |= {name: str(value) for name, value in options.items()}
        return self

    def schema(self, schema: T.StructType | str) -> Reader:
        """Set the types of the columns."""
        self._schema = parse_schema(schema)
        return self

    def text(self, path: str) -> Frame:
        """Return the lines of text files, ``value``."""
        lines = [line for file in text_files(path) for line in _lines(file.data.decode(errors="replace"))]
        return Frame.of_table(self.session, pa.table({"value": pa.array(lines, pa.string())}))

    def csv(self, path: str, schema: Any = None, header: bool | None = None, nullValue: str | None = None) -> Frame:
        """Return the rows of CSV files: text, or the types of a schema."""
        options = dict(self._options)
        if header is not None:
            options["header"] = str(header).lower()
        if nullValue is not None:
            options["nullValue"] = nullValue
        declared = parse_schema(schema) if schema is not None else None
        names = declared.names if declared is not None else None
        table = read_rows(text_files(path), options, names)
        if declared is None:
            return Frame.of_table(self.session, table)
        arrays = [cast(in_one(table.column(field.name)), field.dataType) for field in declared.fields]
        return Frame.of_table(self.session, pa.table(arrays, names=declared.names), declared)

    def json(self, path: str) -> Frame:
        """Return the objects of JSON files, in the types that Spark would infer."""
        return Frame.of_table(self.session, read_objects(text_files(path), self._options))

    def parquet(self, path: str) -> Frame:
        """Return the rows of Parquet files; a column is read when it is asked for."""
        system, inner = storage.filesystem(path)
        files = data_files(path)
        parts = parts_of(files[0].path, inner) if files else {}
        found = ds.dataset(
            [file.path for file in files],
            filesystem=system,
            format="parquet",
            partitioning=ds.partitioning(pa.schema([(name, pa.string()) for name in parts]), flavor="hive"),
        )
        declared = self._schema or _declared(system, files)
        fields = {field.name: self._field(found, field, declared) for field in found.schema}
        return Frame(self.session, fields, found.count_rows)

    def _field(self, found: ds.Dataset, field: pa.Field, declared: T.StructType | None) -> DeferredColumn:
        known = declared[field.name] if declared is not None and field.name in declared.names else None

        def read() -> pa.Array:
            return as_spark(in_one(found.to_table(columns=[field.name]).column(0)))

        kind = known.dataType if known else None
        once: Callable[[], T.DataType] = Once(lambda: kind or spark_type(as_spark(pa.array([], field.type)).type))
        return DeferredColumn(read, once, known.metadata if known else None)


def _lines(text: str) -> list[str]:
    lines = LINE_END.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def _declared(system: fs.FileSystem, files: list[fs.FileInfo]) -> T.StructType | None:
    """Return the schema that Spark left in a file, which knows more than Arrow's."""
    if not files:
        raise TableError("There is no Parquet file to read", "Check the path.")
    metadata = pq.read_schema(system.open_input_file(files[0].path)).metadata or {}
    text = metadata.get(ROW_METADATA)
    schema: Any = T._parse_datatype_json_string(text.decode()) if text else None
    return schema
