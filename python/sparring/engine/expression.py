"""Expressions over columns as trees, which each engine evaluates in its own way.

An :class:`Expression` is a pyspark ``Column`` that is made only when Spark asks for it, so that a frame of Spark takes
it as one of its own, and an engine without Spark walks the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from pyspark.sql import Column

from sparring.engine.window import WindowSpec

OPERATORS = (
    *("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"),
    *(
        "__mod__",
        "__rmod__",
        "__pow__",
        "__rpow__",
        "__neg__",
        "__invert__",
        "__and__",
        "__rand__",
        "__or__",
        "__ror__",
    ),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"),
)
METHODS = (
    *("alias", "cast", "isNull", "isNotNull", "isin", "between", "rlike", "substr", "getField", "getItem"),
    *("when", "otherwise", "over", "asc", "desc", "asc_nulls_first", "asc_nulls_last", "desc_nulls_first"),
    "desc_nulls_last",
)


class Expression(Column):
    """A call of one of Spark's functions, or of a method of a column, with its arguments.

    Parameters
    ----------
    name : str
        The function of ``pyspark.sql.functions``, of :mod:`sparring.engine.own`, or the method of ``Column``.
    arguments : tuple
        Expressions, plain values, lists of either, functions of expressions; of a method the first is its column.
    keywords : mapping of str, optional
    of_column : bool, default False
        Whether ``name`` is a method.

    Examples
    --------
    >>> from sparring.engine import functions as F
    >>> (F.col("distance") > 5).alias("far")
    alias(__gt__(col('distance'), 5), 'far')
    """

    def __init__(
        self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None = None, of_column: bool = False
    ) -> None:
        self.call, self.arguments, self.keywords, self.of_column = name, arguments, dict(keywords or {}), of_column
        self._made: tuple[Any, Column] | None = None

    @property
    def _jc(self) -> Any:
        """What Spark reads a column by."""
        return self.on_spark()._jc

    def on_spark(self) -> Column:
        """Return the column of Spark that this is; the same one as long as its context lives."""
        from pyspark import SparkContext

        context = SparkContext._active_spark_context
        if self._made is None or self._made[0] is not context:
            self._made = (context, self._translated())
        return self._made[1]

    def _translated(self) -> Column:
        from pyspark.sql import functions

        from sparring.engine.own import COMPOSED, OWN

        arguments = [_on_spark(argument) for argument in self.arguments]
        keywords = {name: _on_spark(value) for name, value in self.keywords.items()}
        if self.call == "given":
            column: Column = arguments[0]
        elif self.of_column:
            column = getattr(arguments[0], self.call)(*arguments[1:], **keywords)
        elif self.call in OWN:
            column = OWN[self.call].on_spark(*arguments)
        elif self.call in COMPOSED:
            column = COMPOSED[self.call](*arguments)
        else:
            column = getattr(functions, self.call)(*arguments, **keywords)
        return column

    def __repr__(self) -> str:
        given = [*map(repr, self.arguments), *(f"{name}={value!r}" for name, value in self.keywords.items())]
        return f"{self.call}({', '.join(given)})"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"An expression has no {name!r}; the data half uses {', '.join(METHODS)}")

    __hash__ = object.__hash__


def given(value: Any) -> Expression:
    """Return the expression that stands for what an engine has evaluated already."""
    return Expression("given", (value,))


def _on_spark(argument: Any) -> Any:
    """Return an argument as Spark takes it."""
    if isinstance(argument, (Expression, WindowSpec)):
        return argument.on_spark()
    if isinstance(argument, Column):
        return argument
    if isinstance(argument, (list, tuple)):
        return [_on_spark(each) for each in argument]
    if callable(argument) and not isinstance(argument, type):
        return _function_on_spark(argument)
    return argument


def _function_on_spark(function: Callable[..., Expression]) -> Callable[..., Column]:
    # Spark looks at how many arguments a function has.
    @wraps(function)
    def of_columns(*columns: Column) -> Column:
        return function(*map(given, columns)).on_spark()

    return of_columns


def _method(name: str) -> Callable[..., Expression]:
    def call(self: Expression, *arguments: Any, **keywords: Any) -> Expression:
        return Expression(name, (self, *arguments), keywords, of_column=True)

    call.__name__ = name
    call.__doc__ = f"Return the expression of ``Column.{name}``."
    return call


for _name in (*OPERATORS, *METHODS):
    setattr(Expression, _name, _method(_name))
