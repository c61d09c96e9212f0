"""Expressions evaluated over whole columns of Arrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from sparring.engine.expression import Expression
from sparring.engine.functions import KNOWN
from sparring.engine.own import OWN
from sparring.engine.window import WindowSpec
from sparring.errors import SchemaError
from sparring.one_machine import aggregates, operators, windows
from sparring.one_machine.casts import cast
from sparring.one_machine.nested import NESTED, at_place, json_array, struct_of
from sparring.one_machine.order import Groups
from sparring.one_machine.scalar_functions import FUNCTIONS
from sparring.one_machine.types import Value, parse_schema, parse_type, repeated

SMALLEST, LARGEST = -(2**31), 2**31 - 1


@dataclass
class Evaluator:
    """Evaluates expressions over the columns of one frame.

    Parameters
    ----------
    columns : mapping of str to callable
        Name -> what returns the column.
    rows : int
    groups : Groups, optional
        Where aggregates are evaluated: the groups that they are of.
    """

    columns: Mapping[str, Callable[[], pa.Array]]
    rows: int
    groups: Groups | None = None
    _known: dict[int, tuple[Any, Value]] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of values of a column: one a row, or one a group."""
        return self.rows if self.groups is None else self.groups.count

    def array(self, expression: Any) -> pa.Array:
        """Return an expression's values, one a row, or one a group."""
        return repeated(self.value(expression), self.length)

    def value(self, expression: Any) -> Value:
        """Return an expression's values, or the one value of a constant."""
        if isinstance(expression, str):
            return self.column(expression)
        if not isinstance(expression, Expression):
            return literal(expression)
        # What has several places in an expression is evaluated once, such as the words that both halves of a hash look
        # at; what has one is not kept, for a check of every column takes as much memory as the columns.
        if id(expression) in self._known:
            return self._known[id(expression)][1]
        if id(expression) not in self._places:
            self._count(expression)
        found = self._evaluate(expression)
        if self._places[id(expression)] > 1:
            self._known[id(expression)] = (expression, found)
        return found

    def _count(self, expression: Expression) -> None:
        """Count the places of all parts of an expression."""
        self._places[id(expression)] = 1
        waiting = [expression]
        while waiting:
            for part in _parts(waiting.pop()):
                if id(part) not in self._places:
                    waiting.append(part)
                self._places[id(part)] = self._places.get(id(part), 0) + 1

    def operand(self, value: Any) -> Value:
        """Return a value beside a column: text is text there, not a column's name."""
        return self.value(value) if isinstance(value, Expression) else literal(value)

    def column(self, name: str) -> pa.Array:
        """Return the column of this name; ``a.b`` is the field ``b`` of ``a``."""
        parts = path_of(name)
        if parts[0] not in self.columns:
            raise SchemaError(f"A column {parts[0]!r} is not in {', '.join(self.columns)}", "Name an existing column.")
        found = self.columns[parts[0]]()
        for part in parts[1:]:
            found = pc.struct_field(found, part)
        return found

    def _evaluate(self, expression: Expression) -> Value:
        name, arguments = expression.call, expression.arguments
        special = SPECIAL.get(name)
        if special is not None:
            return special(self, *arguments, **expression.keywords)
        if name in aggregates.REDUCED and self.groups is not None:
            return self._reduced(name, arguments)
        if expression.of_column:
            return operators.OPERATORS[name](self, *arguments, **expression.keywords)
        if name in OWN:
            return OWN[name].kernel(self.array(arguments[0]))
        if name in NESTED:
            return NESTED[name](self, *arguments, **expression.keywords)
        return FUNCTIONS[name](self, *arguments, **expression.keywords)

    def without_rows(self) -> Evaluator:
        """Return what evaluates the same expressions over no row: their types."""
        groups = None if self.groups is None else Groups(np.zeros(0, np.int64), np.zeros(0, np.int64))
        return Evaluator({name: partial(_empty, column) for name, column in self.columns.items()}, 0, groups)

    def _reduced(self, name: str, arguments: Sequence[Any]) -> pa.Array:
        assert self.groups is not None
        inner = Evaluator(self.columns, self.rows)
        first = arguments[0] if arguments else "*"
        if isinstance(first, str) and first == "*":
            first = literal(1)
        values = repeated(first, self.rows) if isinstance(first, pa.Scalar) else inner.array(first)
        return aggregates.REDUCED[name](values, self.groups, *arguments[1:])


def _parts(expression: Expression) -> list[Expression]:
    """Return the expressions that an expression is made of."""
    given: list[Any] = [*expression.arguments, *expression.keywords.values()]
    found = []
    while given:
        one = given.pop()
        if isinstance(one, Expression):
            found.append(one)
        elif isinstance(one, (list, tuple)):
            given += one
        elif isinstance(one, WindowSpec):
            given += [*one.partition, *one.order]
    return found


def _empty(column: Callable[[], pa.Array]) -> pa.Array:
    return column().slice(0, 0)


def path_of(name: str) -> list[str]:
    """Return the parts of a column's name: text in backquotes is one part, whatever it holds."""
    if name.startswith("`") and name.endswith("`") and "`" not in name[1:-1].replace("``", ""):
        return [name[1:-1].replace("``", "`")]
    return name.split(".")


def literal(value: Any) -> pa.Scalar:
    """Return a plain value as Spark types it: whole numbers are 32 bits if they fit."""
    if isinstance(value, pa.Scalar):
        return value
    if isinstance(value, (bool, np.bool_)):
        return pa.scalar(bool(value))
    if isinstance(value, (int, np.integer)):
        return pa.scalar(int(value), pa.int32() if SMALLEST <= value <= LARGEST else pa.int64())
    if isinstance(value, (float, np.floating)):
        return pa.scalar(float(value))
    if isinstance(value, Decimal):
        digits, exponent = value.as_tuple().digits, min(int(value.as_tuple().exponent), 0)
        return pa.scalar(value, pa.decimal128(max(len(digits), -exponent, 1), -exponent))
    return pa.scalar(value)


# -- what looks at its arguments before they are evaluated -------------------------------------------------------------


def _col(at: Evaluator, name: str) -> Value:
    return at.column(name)


def _lit(at: Evaluator, value: Any) -> Value:
    return at.value(value) if isinstance(value, Expression) else literal(value)


def _given(at: Evaluator, value: Any) -> Value:
    return value if at.rows else value.slice(0, 0)


def _alias(at: Evaluator, column: Any, name: str, metadata: Any = None) -> Value:
    return at.value(column)


def _cast(at: Evaluator, column: Any, kind: str | T.DataType) -> Value:
    value, wanted = at.value(column), parse_type(kind)
    if isinstance(value, pa.Scalar):
        return cast(pa.array([value.as_py()], value.type), wanted)[0]
    return cast(value, wanted)


def _when(at: Evaluator, condition: Any, value: Any) -> Value:
    return _cases(at, [(condition, value)], None)


def _chosen(at: Evaluator, column: Any, *arguments: Any) -> Value:
    return _cases(at, *_branches(Expression("otherwise", (column, None), of_column=True)))


def _otherwise(at: Evaluator, column: Any, value: Any) -> Value:
    branches, _ = _branches(column)
    return _cases(at, branches, value)


def _branches(expression: Any) -> tuple[list[tuple[Any, Any]], Any]:
    """Return the conditions and values of ``when(...).when(...).otherwise(...)``, in their order."""
    name, arguments = expression.call, expression.arguments
    if name == "otherwise":
        return _branches(arguments[0])[0], arguments[1]
    if expression.of_column:
        return [*_branches(arguments[0])[0], (arguments[1], arguments[2])], None
    return [(arguments[0], arguments[1])], None


def _cases(at: Evaluator, branches: list[tuple[Any, Any]], otherwise: Any) -> Value:
    left: Any = pa.repeat(True, at.length)
    taken = []
    for condition, value in branches:
        mask = pc.and_(left, pc.fill_null(at.array(condition), False))
        left = pc.and_not(left, mask)
        taken.append((mask, _where_any(at, value, mask)))
    rest = None if otherwise is None else _where_any(at, otherwise, left)
    kind = operators.common_type([value.type for _, value in taken] + ([rest.type] if rest is not None else []))
    found: Any = pa.nulls(at.length, kind)
    for mask, value in [*taken, (left, rest)]:
        if value is not None and pc.any(mask).as_py():
            found = pc.if_else(mask, value.cast(kind), found)
    return found


def _where_any(at: Evaluator, value: Any, mask: pa.Array) -> Value:
    """Return a value that is asked for some rows; its type alone if for none: a digest of every text costs much."""
    return at.operand(value) if pc.any(mask).as_py() else at.without_rows().operand(value)


def _when_method(at: Evaluator, column: Any, condition: Any, value: Any) -> Value:
    branches, _ = _branches(Expression("when", (column, condition, value), of_column=True))
    return _cases(at, branches, None)


def _when_any(at: Evaluator, *arguments: Any) -> Value:
    return _when(at, *arguments) if len(arguments) == 2 else _when_method(at, *arguments)


def _over(at: Evaluator, function: Any, window: Any) -> Value:
    order = [sort_key(at, each) for each in window.order]
    groups = Groups.of([at.array(each) for each in window.partition], at.rows)
    if function.call == "row_number":
        return windows.row_numbers(groups, order)
    inner = Evaluator(at.columns, at.rows, groups)
    return inner.array(function).take(pa.array(groups.codes))


def _struct(at: Evaluator, *columns: Any) -> Value:
    columns = tuple(columns[0]) if len(columns) == 1 and isinstance(columns[0], (list, tuple)) else columns
    return struct_of([name_of(column) for column in columns], [at.array(column) for column in columns], at.length)


def _transform(at: Evaluator, column: Any, function: Callable[[Expression], Any]) -> Value:
    values = at.array(column)
    made = _within(at, values).array(function(Expression("given", (values.values,))))
    mask = values.is_null() if values.null_count else None
    return pa.ListArray.from_arrays(values.offsets, made, mask=mask)


def _within(at: Evaluator, lists: pa.Array) -> Evaluator:
    """Return the evaluator of what is said of each value of arrays: a column's value is that of the array's row."""
    ends = lists.offsets.to_numpy()
    owners = np.zeros(len(lists.values), dtype=np.int64)
    if len(lists):
        owners[ends[0] : ends[-1]] = np.repeat(np.arange(len(lists)), np.diff(ends))

    def spread(column: Callable[[], pa.Array]) -> Callable[[], pa.Array]:
        return lambda: column().take(pa.array(owners))

    return Evaluator({name: spread(column) for name, column in at.columns.items()}, len(owners))


def _filter(at: Evaluator, column: Any, function: Callable[[Expression], Any]) -> Value:
    values = at.array(column)
    keep = pc.fill_null(_within(at, values).array(function(Expression("given", (values.values,)))), False)
    before = np.concatenate([[0], np.cumsum(keep.to_numpy(zero_copy_only=False))])
    offsets = pa.array(before[values.offsets.to_numpy()].astype(np.int32))
    mask = values.is_null() if values.null_count else None
    return pa.ListArray.from_arrays(offsets, values.values.filter(keep), mask=mask)


def _from_json(at: Evaluator, column: Any, schema: str) -> Value:
    value = at.value(column)
    kind = _json_type(schema)
    if isinstance(value, pa.Scalar):
        return json_array(pa.array([value.as_py()]), kind)[0]
    return json_array(value, kind)


def _json_type(schema: str) -> T.DataType:
    try:
        return parse_type(schema)
    except ValueError:
        return parse_schema(schema)


def _get_item(at: Evaluator, column: Any, key: Any) -> Value:
    return at_place(at.value(column), key if isinstance(key, (int, str)) else at.value(key), at.length)


def _call_function(at: Evaluator, name: str, *arguments: Any) -> Value:
    return at.value(Expression(name, arguments))


SPECIAL: dict[str, Callable[..., Value]] = {
    "col": _col,
    "lit": _lit,
    "given": _given,
    "alias": _alias,
    "cast": _cast,
    "when": _when_any,
    "otherwise": _otherwise,
    "over": _over,
    "struct": _struct,
    "transform": _transform,
    "filter": _filter,
    "from_json": _from_json,
    "__getitem__": _get_item,
    "getItem": _get_item,
    "getField": _get_item,
    "call_function": _call_function,
}


def name_of(expression: Any) -> str:
    """Return the name of the column that an expression makes, as Spark names it where the data half relies on it."""
    if isinstance(expression, str):
        return path_of(expression)[-1]
    if expression.call == "alias":
        return str(expression.arguments[1])
    if expression.call in ("col", "cast", "getField"):
        inner = expression.arguments[1 if expression.call == "getField" else 0]
        return name_of(inner) if not isinstance(inner, str) or expression.call == "col" else inner
    return repr(expression)


def sort_key(at: Evaluator, expression: Any) -> tuple[pa.Array, bool, bool]:
    """Return the values of a sort expression, whether they ascend, and whether nulls come first."""
    if isinstance(expression, Expression) and expression.call in DIRECTIONS:
        return (at.array(expression.arguments[0]), *DIRECTIONS[expression.call])
    return at.array(expression), True, True


DIRECTIONS = {
    "asc": (True, True),
    "asc_nulls_first": (True, True),
    "asc_nulls_last": (True, False),
    "desc": (False, False),
    "desc_nulls_last": (False, False),
    "desc_nulls_first": (False, True),
}

# What a frame makes rows of, and what says how frames are sent: no values.
ROWS_MADE = ("explode", "inline")


def evaluated() -> set[str]:
    """Return the functions that are evaluated here; the test holds them to what the data half may use."""
    known = {*SPECIAL, *aggregates.REDUCED, *OWN, *NESTED, *FUNCTIONS, *DIRECTIONS, *ROWS_MADE, "row_number"}
    return known & KNOWN
