"""Windows over rows, for both engines: ``Window.partitionBy(...).orderBy(...)`` as in pyspark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class WindowSpec:
    """Rows that share the values of ``partition``, in the order of ``order``.

    Attributes
    ----------
    partition, order : tuple of str or Column
    """

    partition: tuple[Any, ...] = ()
    order: tuple[Any, ...] = ()

    def orderBy(self, *columns: Any) -> WindowSpec:
        """Return the window with its rows in this order."""
        return replace(self, order=columns)

    def on_spark(self) -> Any:
        """Return Spark's window."""
        from pyspark.sql import Window as OfSpark

        spec = OfSpark.partitionBy(*self.partition)
        return spec.orderBy(*self.order) if self.order else spec


class Window:
    """Begins a window, as pyspark's class of that name."""

    @staticmethod
    def partitionBy(*columns: Any) -> Any:
        """Return the window of the rows that share these values."""
        return WindowSpec(partition=columns)
