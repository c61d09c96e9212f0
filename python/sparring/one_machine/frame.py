"""A table in the memory of one machine, with the methods of pyspark's DataFrame that the data half uses.

Columns are deferred: what no result needs is not computed, not read.  Which rows there are is decided when they are
asked for, once.  ``persist``, ``repartition`` and their like have nothing to do here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Row
from pyspark.sql import types as T

from sparring.engine.expression import Expression
from sparring.errors import SchemaError
from sparring.one_machine.deferred import DeferredColumn, Once
from sparring.one_machine.evaluate import Evaluator, name_of, path_of, sort_key
from sparring.one_machine.join import joined_rows
from sparring.one_machine.order import Groups, one_zero, rank_codes
from sparring.one_machine.threads import in_threads
from sparring.one_machine.types import arrow_type, parse_schema, spark_type
from sparring.one_machine.write import Writer

if TYPE_CHECKING:
    import pandas as pd


BATCH = 1 << 16
Batches = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


class Frame:
    """A table of deferred columns.

    Parameters
    ----------
    session : OneMachine
    fields : mapping of str to DeferredColumn
    rows : callable
        Returns the number of rows.

    Notes
    -----
    Cost: in memory; a column that was asked for stays as long as a frame that has it.
    """

    def __init__(self, session: Any, fields: dict[str, DeferredColumn], rows: Callable[[], int]) -> None:
        self.sparkSession, self._fields, self._rows = session, fields, Once(rows)

    @classmethod
    def of_table(cls, session: Any, table: pa.Table, schema: T.StructType | None = None) -> Frame:
        """Return the frame of an Arrow table."""
        kinds = [field.dataType for field in schema.fields] if schema else [spark_type(f.type) for f in table.schema]
        fields = {
            name: DeferredColumn(partial(_column, table, at), partial(kinds.__getitem__, at))
            for at, name in enumerate(table.column_names)
        }
        return cls(session, fields, lambda: table.num_rows)

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._fields)

    @property
    def schema(self) -> T.StructType:
        """Types of the columns, in Spark's terms."""
        return T.StructType([column.field(name) for name, column in self._fields.items()])

    @property
    def dtypes(self) -> list[tuple[str, str]]:
        """Names and types of the columns."""
        return [(field.name, field.dataType.simpleString()) for field in self.schema.fields]

    def array(self, name: str) -> pa.Array:
        """Return the values of a column."""
        return self._fields[name].array()

    def toArrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        self._rows()
        arrays = in_threads(lambda column: column.array(), self._fields.values())
        return pa.table(arrays, names=self.columns) if arrays else pa.table({})

    def count(self) -> int:
        """Return the number of rows."""
        return self._rows()

    def isEmpty(self) -> bool:
        """Return whether there is no row."""
        return self._rows() == 0

    def collect(self) -> list[Row]:
        """Return the rows."""
        values = in_threads(_values, self._fields.values())
        made = Row(*self.columns)
        return [made(*line) for line in zip(*values, strict=True)]

    def first(self) -> Row | None:
        """Return a row, None where there is none."""
        return next(iter(self.limit(1).collect()), None)

    def toPandas(self) -> pd.DataFrame:
        """Return the rows as a table of pandas."""
        found = self.toArrow().to_pandas(timestamp_as_object=False)
        for name, column in self._fields.items():
            own = _own_values(column)
            if own is not None:
                found[name] = own
        return found

    # -- columns -------------------------------------------------------------------------------------------------------

    def _evaluator(self, groups: Groups | None = None) -> Evaluator:
        return Evaluator({name: column.array for name, column in self._fields.items()}, self._rows(), groups)

    def _no_rows(self, groups: Groups | None = None) -> Evaluator:
        return Evaluator({name: column.empty for name, column in self._fields.items()}, 0, groups)

    def _field(self, expression: Any) -> DeferredColumn:
        """Return the column that an expression makes."""
        known = self._known(expression)
        if known is not None:
            return known
        if isinstance(expression, Expression) and expression.call == "alias":
            inner = self._field(expression.arguments[0])
            metadata = expression.keywords.get("metadata", inner.metadata)
            return DeferredColumn(inner.array, inner.kind, metadata)
        return DeferredColumn(
            lambda: self._evaluator().array(expression), lambda: spark_type(self._no_rows().array(expression).type)
        )

    def _known(self, expression: Any) -> DeferredColumn | None:
        if isinstance(expression, Expression) and expression.call == "col":
            expression = expression.arguments[0]
        if not isinstance(expression, str):
            return None
        path = path_of(expression)
        if path[0] not in self._fields:
            raise SchemaError(
                f"A column {path[0]!r} is not in the table, which has {', '.join(self._fields)}",
                "Name an existing column.",
            )
        return self._fields[path[0]] if len(path) == 1 else None

    def select(self, *columns: Any) -> Frame:
        """Return these columns of the same rows; ``explode`` and ``inline`` make several rows of one."""
        columns = tuple(columns[0]) if len(columns) == 1 and isinstance(columns[0], list) else columns
        for at, column in enumerate(columns):
            inner = column.arguments[0] if getattr(column, "call", "") == "alias" else column
            if getattr(inner, "call", "") in ("explode", "inline"):
                return self._exploded(columns, at, inner)
        fields: dict[str, DeferredColumn] = {}
        for column in columns:
            if isinstance(column, str) and column.endswith("*") and column[0] != "`":
                fields |= self._star(column)
            else:
                fields[_free(name_of(column), fields)] = self._field(column)
        return Frame(self.sparkSession, fields, self._rows)

    def _star(self, text: str) -> dict[str, DeferredColumn]:
        if text == "*":
            return dict(self._fields)
        struct = self._fields[text.removesuffix(".*")]
        kind: Any = struct.kind()
        return {field.name: self._field(f"{text.removesuffix('.*')}.{field.name}") for field in kind.fields}

    def _exploded(self, columns: Sequence[Any], at: int, made: Expression) -> Frame:
        """Return the rows once for each value of an array."""
        lists = self._field(made.arguments[0])
        owners = Once(lambda: _owners(lists.array()))
        values = DeferredColumn(lambda: _flat(lists.array()), lambda: lists.kind().elementType)  # type: ignore[attr-defined]
        name = name_of(columns[at]) if made is not columns[at] else "col"
        taken = {n: c.derived(lambda array: array.take(pa.array(owners()))) for n, c in self._fields.items()}
        whole = Frame(self.sparkSession, {**taken, name: values}, lambda: len(owners()))
        if made.call == "inline":
            return whole.select(*columns[:at], f"{name}.*", *columns[at + 1 :])
        return whole.select(*columns[:at], f"`{name}`", *columns[at + 1 :])

    def withColumn(self, name: str, column: Any) -> Frame:
        """Return the rows with one more column, or another of this name."""
        return self.withColumns({name: column})

    def withColumns(self, columns: dict[str, Any]) -> Frame:
        """Return the rows with further columns."""
        made = {name: self._field(column) for name, column in columns.items()}
        return Frame(self.sparkSession, {**self._fields, **made}, self._rows)

    def withColumnRenamed(self, name: str, other: str) -> Frame:
        """Return the rows with a column under another name."""
        return self.toDF(*[other if own == name else own for own in self.columns])

    def toDF(self, *names: str) -> Frame:
        """Return the rows with their columns under these names."""
        return Frame(self.sparkSession, dict(zip(names, self._fields.values(), strict=True)), self._rows)

    def drop(self, *names: str) -> Frame:
        """Return the rows without these columns."""
        return Frame(self.sparkSession, {n: c for n, c in self._fields.items() if n not in names}, self._rows)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _taken(self, rows: Callable[[], np.ndarray]) -> Frame:
        """Return some of the rows, in this order; -1 makes a row of nulls."""
        chosen = Once(lambda: _places(rows(), self._rows()))
        fields = {name: column.derived(lambda array: _taken(array, chosen())) for name, column in self._fields.items()}
        return Frame(self.sparkSession, fields, lambda: self._rows() if (some := chosen()) is None else len(some))

    def where(self, condition: Any) -> Frame:
        """Return the rows for which a condition is true."""
        return self._taken(lambda: np.flatnonzero(_truths(self._evaluator().array(_condition(condition)))))

    filter = where

    def limit(self, rows: int) -> Frame:
        """Return the first rows."""
        fields = {name: column.derived(lambda array: array.slice(0, rows)) for name, column in self._fields.items()}
        return Frame(self.sparkSession, fields, lambda: min(rows, self._rows()))

    def orderBy(self, *columns: Any) -> Frame:
        """Return the rows in the order of these columns; nulls come first unless said otherwise."""

        def order() -> np.ndarray:
            evaluator = self._evaluator()
            codes = [rank_codes(*sort_key(evaluator, column)) for column in columns]
            return np.lexsort(codes[::-1])

        return self._taken(order)

    def distinct(self) -> Frame:
        """Return each row once."""
        return self.dropDuplicates(self.columns)

    def dropDuplicates(self, columns: Sequence[str]) -> Frame:
        """Return one row for each joint value of these columns."""
        alike = self._taken(lambda: Groups.of([self.array(name) for name in columns], self._rows()).firsts)
        fields = {n: c.derived(one_zero) if n in columns else c for n, c in alike._fields.items()}
        return Frame(self.sparkSession, fields, alike._rows)

    def unionByName(self, other: Frame) -> Frame:
        """Return the rows of both frames, columns by their names."""
        return self.union(other.select(*[f"`{name}`" for name in self.columns]))

    def union(self, other: Frame) -> Frame:
        """Return the rows of both frames, columns by their places."""
        pairs = zip(self._fields.items(), other._fields.values(), strict=True)
        fields = {name: _united(one, two) for (name, one), two in pairs}
        return Frame(self.sparkSession, fields, lambda: self._rows() + other._rows())

    def join(self, other: Frame, on: str | Sequence[str], how: str = "inner") -> Frame:
        """Return the rows of both that agree in the columns ``on``: inner, left or left_semi."""
        names = [on] if isinstance(on, str) else list(on)

        def rows() -> tuple[np.ndarray, np.ndarray]:
            ours, theirs = ([frame.array(name) for name in names] for frame in (self, other))
            return joined_rows(ours, theirs, self._rows(), other._rows(), how)

        both = Once(rows)
        left = self._taken(lambda: both()[0])
        if how == "left_semi":
            return left.select(*[f"`{n}`" for n in [*names, *(n for n in left.columns if n not in names)]])
        right = other.drop(*names)._taken(lambda: both()[1])
        order = {name: left._fields[name] for name in names}
        return Frame(self.sparkSession, {**order, **left._fields, **right._fields}, lambda: len(both()[0]))

    # -- groups --------------------------------------------------------------------------------------------------------

    def groupBy(self, *columns: Any) -> Grouped:
        """Return the rows by the joint values of these columns."""
        return Grouped(self, columns)

    def agg(self, *columns: Any) -> Frame:
        """Return one row of aggregates over all rows."""
        return Grouped(self, None).agg(*columns)

    # -- whole batches -------------------------------------------------------------------------------------------------

    def mapInArrow(self, function: Batches, schema: T.StructType | str) -> Frame:
        """Return what a function makes of the rows in whole batches."""
        declared = parse_schema(schema)
        kinds = pa.schema([pa.field(field.name, arrow_type(field.dataType)) for field in declared.fields])

        def run() -> pa.Table:
            # All in one part: functions rely on it where Spark's rows were brought together by repartition.
            batches = self.toArrow().to_batches(max_chunksize=BATCH)
            made = [pa.table(batch.columns, names=kinds.names) for batch in function(iter(batches))]
            return pa.concat_tables(made).cast(kinds) if made else kinds.empty_table()

        table = Once(run)
        fields = {
            field.name: DeferredColumn(partial(_column_once, table, at), Once(partial(_type_of, field)))
            for at, field in enumerate(declared.fields)
        }
        return Frame(self.sparkSession, fields, lambda: table().num_rows)

    # -- what a cluster needs ------------------------------------------------------------------------------------------

    def _same(self, *arguments: Any, **keywords: Any) -> Frame:
        """Return the frame: rows lie in one memory."""
        return self

    persist = unpersist = cache = checkpoint = localCheckpoint = repartition = repartitionByRange = coalesce = _same
    sortWithinPartitions = orderBy

    @property
    def write(self) -> Writer:
        """Return what writes the rows."""
        return Writer(self.toArrow, self.schema)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"A frame of one machine has no {name!r}: the data half does not use it")


class Grouped:
    """The rows of a frame by the joint values of columns."""

    def __init__(self, frame: Frame, columns: Sequence[Any] | None) -> None:
        self.frame, self.columns = frame, columns

    def count(self) -> Frame:
        """Return the number of rows of each group."""
        return self.agg(Expression("alias", (Expression("count", ("*",)), "count"), of_column=True))

    def sum(self, name: str) -> Frame:
        """Return the sum of a column in each group."""
        return self.agg(Expression("alias", (Expression("sum", (name,)), f"sum({name})"), of_column=True))

    def agg(self, *columns: Any) -> Frame:
        """Return the values of each group and its aggregates."""
        frame = self.frame
        groups = Once(lambda: self._groups(frame._rows()))
        fields: dict[str, DeferredColumn] = {}
        for column in self.columns or ():
            key = frame._field(column)
            first = key.derived(lambda array: one_zero(array.take(pa.array(groups().firsts))))
            fields[_free(name_of(column), fields)] = first
        nothing = Groups(np.zeros(0, np.int64), np.zeros(0, np.int64))
        evaluator = Once(lambda: frame._evaluator(groups()))
        for column in columns:
            made = partial(_aggregated, evaluator, column)
            kind = partial(_kind_of, lambda: frame._no_rows(nothing), column)
            fields[_free(name_of(column), fields)] = DeferredColumn(made, kind)
        return Frame(frame.sparkSession, fields, lambda: groups().count)

    def _groups(self, rows: int) -> Groups:
        if self.columns is None:
            return Groups(np.zeros(rows, dtype=np.int64), np.zeros(1, dtype=np.int64))
        return Groups.of([self.frame._field(column).array() for column in self.columns], rows)


def _column(table: pa.Table, at: int) -> pa.Array:
    return in_one(table.column(at))


def _column_once(table: Once[pa.Table], at: int) -> pa.Array:
    return _column(table(), at)


def _type_of(field: T.StructField) -> T.DataType:
    return field.dataType


def _aggregated(evaluator: Callable[[], Evaluator], column: Any) -> pa.Array:
    return evaluator().array(column)


def _kind_of(evaluator: Callable[[], Evaluator], column: Any) -> T.DataType:
    return spark_type(evaluator().array(column).type)


def in_one(column: pa.ChunkedArray) -> pa.Array:
    """Return a column's values in one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    found = column.combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)


def _free(name: str, taken: Any) -> str:
    while name in taken:
        name += "'"
    return name


def _places(rows: np.ndarray, count: int) -> pa.Array | None:
    """Return places of rows, None where -1; None for all of ``count`` rows in their order, which need no copy."""
    if len(rows) == count and (rows == np.arange(count)).all():
        return None
    missing = rows < 0
    return pa.array(rows, mask=missing) if missing.any() else pa.array(rows)


def _taken(values: pa.Array, places: pa.Array | None) -> pa.Array:
    return values if places is None else values.take(places)


def _condition(condition: Any) -> Any:
    return Expression("col", (condition,)) if isinstance(condition, str) else condition


def _truths(values: pa.Array) -> np.ndarray:
    truths: np.ndarray = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return truths


def _owners(lists: pa.Array) -> np.ndarray:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(len(lists)), lengths)


def _flat(lists: pa.Array) -> pa.Array:
    return lists.flatten()


def _united(one: DeferredColumn, two: DeferredColumn) -> DeferredColumn:
    from sparring.one_machine.operators import common_type, in_type

    def kind() -> pa.DataType:
        return common_type([arrow_type(each.kind()) for each in (one, two)])

    return DeferredColumn(
        lambda: pa.concat_arrays([in_type(each.array(), kind()) for each in (one, two)]),
        lambda: spark_type(kind()),
        one.metadata,
    )


def _values(column: DeferredColumn) -> list[Any]:
    own = _own_values(column)
    return _plain(column.array()) if own is None else own


def _own_values(column: DeferredColumn) -> list[Any] | None:
    """Return the values of a type of its user's own, such as vectors; None for the other types."""
    kind = column.kind()
    if not isinstance(kind, T.UserDefinedType):
        return None
    return [None if row is None else kind.deserialize(tuple(row.values())) for row in column.array().to_pylist()]


def _plain(values: pa.Array) -> list[Any]:
    """Return values as a collected row of Spark holds them."""
    kind = values.type
    if pa.types.is_struct(kind):
        made = Row(*[field.name for field in kind])
        fields = [_plain(pc.struct_field(values, at)) for at in range(kind.num_fields)]
        return [made(*line) if known.as_py() else None for known, *line in zip(values.is_valid(), *fields, strict=True)]
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        flat = _plain(values.values)
        ends = values.offsets.to_pylist()
        spans = zip(values.is_valid(), ends, ends[1:], strict=False)
        return [flat[low:high] if known.as_py() else None for known, low, high in spans]
    if pa.types.is_map(kind):
        return [None if entries is None else dict(entries) for entries in values.to_pylist()]
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us")).to_pylist()
    return values.to_pylist()
