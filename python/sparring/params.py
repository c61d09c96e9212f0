"""Params shared by Sparring's stages: one mixin a Param, and the range checks they declare.

The names follow pyspark.ml (``labelCol``, ``seed``, ``foldCol``), so that a user of pyspark.ml guesses them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, ClassVar, Protocol

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DataType, StructType

from sparring.errors import ParamError, SchemaError, did_you_mean
from sparring.spark.reserved import kept, refuse_reserved
from sparring.spark.session import active_session, use_own_python

Check = tuple[str, Callable[[Any], bool]]
# The Param that keeps a constructor's argument, and what makes its value.
Argument = tuple[str, Callable[[Any], Any]]


class Stage(Protocol):
    """What checks a table's schema before it works on the table."""

    def transformSchema(self, schema: StructType) -> StructType:
        """Return the schema of the output."""


_OF_TABLE: ContextVar[SparkSession | None] = ContextVar("session of the table", default=None)


def in_range(low: float, high: float, *, closed: bool = True) -> Check:
    """Return the check ``low <= value <= high`` (strict on both ends unless ``closed``) with its wording.

    Examples
    --------
    >>> wording, test = in_range(0, 1)
    >>> wording, test(0.5), test(2)
    ('in [0, 1]', True, False)
    """
    if closed:
        return f"in [{low:g}, {high:g}]", lambda value: low <= value <= high
    return f"in ({low:g}, {high:g})", lambda value: low < value < high


def at_least(low: float) -> Check:
    """Return the check ``value >= low`` with its wording."""
    return f">= {low:g}", lambda value: value >= low


def one_of(*allowed: str) -> Check:
    """Return the check ``value in allowed`` with its wording."""
    return "one of " + ", ".join(repr(a) for a in allowed), lambda value: value in allowed


def check_params(stage: Params, checks: dict[str, Check]) -> None:
    """Raise :class:`ParamError` for the first Param of ``stage`` that fails its check; unset Params pass.

    Parameters
    ----------
    stage : Params
        The stage whose Params are checked; call it first thing in ``transformSchema``.
    checks : dict of str to (str, callable)
        For each Param its allowed range in words and the test of it.
    """
    # Every stage passes here before its first task starts: also in a session that its user made.
    session = active_session()
    if session is not None:
        use_own_python(session)
    for name, (allowed, test) in checks.items():
        if not stage.isDefined(name):
            continue
        value = stage.getOrDefault(name)
        if value is not None and not test(value):
            raise ParamError(
                f"{type(stage).__name__}.{name} must be {allowed}, got {value!r}",
                f"Set {name} to a value {allowed}.",
            )


def require_columns(
    schema: StructType,
    columns: Iterable[str],
    owner: str,
    kinds: tuple[type[DataType], ...] | None = None,
) -> None:
    """Raise :class:`SchemaError` unless every column exists (and is of one of the ``kinds``).

    Parameters
    ----------
    schema : StructType
        Schema of the stage's input.
    columns : iterable of str
        Columns that the stage reads.
    owner : str
        Who asks, such as ``"StratifiedSplitter.labelCol"``; it opens the message.
    kinds : tuple of DataType classes, optional
        Allowed types; any type when omitted.
    """
    for column in columns:
        if column not in schema.names:
            raise SchemaError(
                f"{owner}: column {column!r} is not in the table, which has {', '.join(schema.names)}",
                f"Name an existing column.{did_you_mean(column, schema.names)}",
            )
        found = schema[column].dataType
        if kinds and not isinstance(found, kinds):
            wanted = ", ".join(kind.typeName() for kind in kinds)
            raise SchemaError(
                f"{owner}: column {column!r} must be {wanted}, got {found.simpleString()}",
                "Cast the column or name another one.",
            )


def forbid_columns(schema: StructType, columns: Iterable[str], owner: str) -> None:
    """Raise :class:`SchemaError` if a column that the stage is about to add, or one of its own, exists already."""
    refuse_reserved((name for name in schema.names if not kept(name)), owner)
    same = _comparable_name()
    taken = {same(name) for name in schema.names}
    for column in columns:
        if same(column) in taken:
            raise SchemaError(
                f"{owner}: output column {column!r} is in the table already",
                f"Drop it or give {owner} another name.",
            )


def checked_schema(stage: Stage, table: DataFrame) -> StructType:
    """Return what ``stage.transformSchema`` says of ``table``, with names compared as the table's own session does.

    The active session may be another one: a run in the same program makes one of its own.
    """
    token = _OF_TABLE.set(table.sparkSession)
    try:
        return stage.transformSchema(table.schema)
    finally:
        _OF_TABLE.reset(token)


def _comparable_name() -> Callable[[str], str]:
    """Return what makes two names one to Spark: a session that is not Sparring's usually ignores case."""
    session = _OF_TABLE.get() or active_session()
    exact = session is None or session.conf.get("spark.sql.caseSensitive") == "true"
    return str if exact else str.lower


class KeywordParams(Params):
    """Base of stages: the constructor takes each Param by its name, and each has a setter and a getter.

    A class or a mixin names the defaults of its own Params once, in ``defaults``; a Param without one there is unset.
    ``arguments`` are what the constructor takes besides Params: each is kept in a Param of another name, as text.
    """

    defaults: ClassVar[dict[str, Any]] = {}
    arguments: ClassVar[dict[str, Argument]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.defaults, cls.arguments = _inherited(cls, "defaults"), _inherited(cls, "arguments")
        for name in _param_names(cls):
            _add_accessors(cls, name)
        cls.__signature__ = _signature(cls)  # type: ignore[attr-defined]

    def __init__(self, **given: Any) -> None:
        super().__init__()
        known = [*self.arguments, *_param_names(type(self))]
        for name in given:
            if name not in known:
                raise TypeError(f"{type(self).__name__} has no Param {name!r}.{did_you_mean(name, known)}")
        self._setDefault(**self.defaults)
        self._set(**dict(self._as_param(name, value) for name, value in given.items() if value is not None))

    def _as_param(self, name: str, value: Any) -> tuple[str, Any]:
        """Return the Param that a constructor's argument is kept in, and its value there."""
        if name not in self.arguments:
            return name, value
        param, text = self.arguments[name]
        return param, text(value)

    def __repr__(self) -> str:
        """Return the class with what was set, and the uid."""
        given = {param.name: value for param, value in self._paramMap.items() if param.name != "state"}
        told = ", ".join(f"{name}={value!r}" for name, value in sorted(given.items()))
        return f"{type(self).__name__}({told})  # {self.uid}"


def _inherited(cls: type, table: str) -> dict[str, Any]:
    """Return a class's table with those of its bases below it, the nearest winning."""
    return {name: value for base in reversed(cls.__mro__) for name, value in vars(base).get(table, {}).items()}


def _param_names(cls: type[Params]) -> list[str]:
    """Return the names of the Params of a class."""
    return [name for name in dir(cls) if isinstance(getattr(cls, name, None), Param)]


def _signature(cls: type[KeywordParams]) -> inspect.Signature:
    """Return what ``help`` shows of a constructor: every argument and Param by its name, with its default."""
    kind, kept = inspect.Parameter.KEYWORD_ONLY, {param for param, _ in cls.arguments.values()}
    names = [*cls.arguments, *(name for name in _param_names(cls) if name not in kept)]
    return inspect.Signature([inspect.Parameter(name, kind, default=cls.defaults.get(name)) for name in names])


def _add_accessors(cls: type[Params], name: str) -> None:
    """Give ``cls`` a setter and a getter of a Param, unless it has them."""
    title = name[0].upper() + name[1:]

    def set_value(self: Any, value: Any) -> Any:
        return self._set(**{name: value})

    def get_value(self: Any) -> Any:
        return self.getOrDefault(name)

    for verb, method in (("set", set_value), ("get", get_value)):
        if not hasattr(cls, f"{verb}{title}"):
            method.__name__ = f"{verb}{title}"
            method.__doc__ = f"Set the Param ``{name}``." if verb == "set" else f"Return the Param ``{name}``."
            setattr(cls, method.__name__, method)


def text_param(name: str, doc: str) -> Param[str]:
    """Return the Param of a class's attribute ``name`` that takes text."""
    return Param(Params._dummy(), name, doc, TypeConverters.toString)


def texts_param(name: str, doc: str) -> Param[list[str]]:
    """Return the Param of a class's attribute ``name`` that takes a list of texts, such as names of columns."""
    return Param(Params._dummy(), name, doc, TypeConverters.toListString)


def int_param(name: str, doc: str) -> Param[int]:
    """Return the Param of a class's attribute ``name`` that takes a whole number."""
    return Param(Params._dummy(), name, doc, TypeConverters.toInt)


def float_param(name: str, doc: str) -> Param[float]:
    """Return the Param of a class's attribute ``name`` that takes a number."""
    return Param(Params._dummy(), name, doc, TypeConverters.toFloat)


def floats_param(name: str, doc: str) -> Param[list[float]]:
    """Return the Param of a class's attribute ``name`` that takes a list of numbers."""
    return Param(Params._dummy(), name, doc, TypeConverters.toListFloat)


def bool_param(name: str, doc: str) -> Param[bool]:
    """Return the Param of a class's attribute ``name`` that takes True or False."""
    return Param(Params._dummy(), name, doc, TypeConverters.toBoolean)


class HasKeyCols(Params):
    """Mixin for ``keyCols``: the columns that identify a row."""

    keyCols = texts_param(
        "keyCols", "columns whose values identify a row uniquely; empty = the row's content and its occurrence number"
    )

    def getKeyCols(self) -> list[str]:
        """Return ``keyCols``."""
        return self.getOrDefault(self.keyCols)


class HasGroupCols(Params):
    """Mixin for ``groupCols``: columns whose joint value never straddles two parts."""

    groupCols = texts_param(
        "groupCols", "columns whose joint value is a group; rows of one group never straddle two parts or folds"
    )

    def getGroupCols(self) -> list[str]:
        """Return ``groupCols``."""
        return self.getOrDefault(self.groupCols)
