"""Values that are made when they are asked for, once."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar

import pyarrow as pa
from pyspark.sql import types as T

from sparring.one_machine.memory import settled
from sparring.one_machine.types import arrow_type

Made = TypeVar("Made")


class Once(Generic[Made]):
    """A value that is made at the first call and kept.

    Parameters
    ----------
    make : callable
        It is let go once it has been called, and with it what it holds.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make: Callable[[], Made] | None = make
        self._value: Any = None
        self._lock = RLock()

    def __call__(self) -> Made:
        """Return the value; threads that ask for it at the same time wait for the one that makes it."""
        if self._make is not None:
            with self._lock:
                if self._make is not None:
                    self._value = self._make()
                    self._make = None
        value: Made = self._value
        return value


class DeferredColumn:
    """A column whose values are made when they are asked for.

    Attributes
    ----------
    array : callable
        Returns the values.
    kind : callable
        Returns their type, without the values.
    metadata : dict
        What is known of the column beside its type.
    """

    def __init__(
        self,
        array: Callable[[], pa.Array],
        kind: Callable[[], T.DataType],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.array = Once(lambda: settled(array()))
        self.kind, self.metadata = Once(kind), metadata or {}

    def empty(self) -> pa.Array:
        """Return no values, of the column's type."""
        return pa.array([], arrow_type(self.kind()))

    def derived(self, change: Callable[[pa.Array], pa.Array]) -> DeferredColumn:
        """Return the column of other rows: the same type and metadata."""
        array = self.array
        return DeferredColumn(lambda: change(array()), self.kind, self.metadata)

    def field(self, name: str) -> T.StructField:
        """Return what a schema says of it."""
        return T.StructField(name, self.kind(), True, self.metadata)
