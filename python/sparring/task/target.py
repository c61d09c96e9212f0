"""The label as its table wrote it: its classes in a stated order, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import Column

Value = str | bool | int | float

ARROW_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}


@dataclass(frozen=True)
class Target:
    """What is predicted, as plain values.

    Attributes
    ----------
    type : str
        Spark's type of the column in the table, such as ``string`` or ``decimal(2,1)``.
    classes : tuple of str, bool, int or float
        The label's values in the order of their codes 0, 1, ...; a decimal is its text.  Empty where the label is a
        number.  Of two classes the second one is the positive.
    """

    type: str
    classes: tuple[Value, ...] = ()

    @classmethod
    def of(cls, values: Sequence[Any], kind: str) -> Target:
        """Return the target of a column of type ``kind`` whose classes are ``values``, in this order.

        Examples
        --------
        >>> Target.of(["no", "yes"], "string")
        Target(type='string', classes=('no', 'yes'))
        """
        return cls(kind, tuple(str(value) if isinstance(value, Decimal) else value for value in values))

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Target:
        """Return the target that :meth:`to_dict` wrote."""
        return cls(stored["type"], tuple(stored["classes"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the target as JSON takes it."""
        return {"type": self.type, "classes": list(self.classes)}

    @property
    def names(self) -> list[str]:
        """The classes as text, in their order."""
        return [str(value).lower() if isinstance(value, bool) else str(value) for value in self.classes]

    def values(self) -> pa.Array:
        """Return the classes in the label's own type."""
        if self.type.startswith("decimal("):
            precision, scale = self.type.removeprefix("decimal(").rstrip(")").split(",")
            return pa.array(list(self.classes), pa.string()).cast(pa.decimal128(int(precision), int(scale)))
        return pa.array(list(self.classes), ARROW_TYPES.get(self.type, pa.string()))

    def decoded(self, codes: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
        """Return the label's own values of class codes; null where ``missing``.

        Examples
        --------
        >>> Target("string", ("no", "yes")).decoded(np.array([1, 0])).to_pylist()
        ['yes', 'no']
        """
        return self.values().take(pa.array(codes.astype(np.int32), mask=missing))

    def encoded(self, label: Column) -> Column:
        """Return the code of a label's column as double, or the number itself; null for a value that is no class."""
        from sparring.engine import functions as F

        if not self.classes:
            return label.cast("double")
        code = F.lit(None).cast("double")
        for number, value in enumerate(self.classes):
            code = F.when(label == F.lit(value), F.lit(float(number))).otherwise(code)
        return code

    def named(self, code: Column) -> Column:
        """Return the label's own value, in its type, of a column of codes; null for null."""
        from sparring.engine import functions as F

        values = F.array(*[F.lit(value) for value in self.classes])
        return F.when(code.isNotNull(), values[code.cast("int")]).cast(self.type)
