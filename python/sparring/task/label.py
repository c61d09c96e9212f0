"""The two values of a label as its table wrote them: what a prediction answers with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column

Value = str | bool | int | float


@dataclass(frozen=True)
class LabelValues:
    """Both values of a binary label, as plain values.

    Attributes
    ----------
    type : str
        Spark's type of the column in the table, such as ``string`` or ``decimal(2,1)``.
    negative, positive : str, bool, int or float
        A decimal is its text.
    """

    type: str
    negative: Value
    positive: Value

    @classmethod
    def of(cls, values: list[Any], positive: object, kind: str) -> LabelValues:
        """Return the two ``values`` of a column of type ``kind``.

        Examples
        --------
        >>> LabelValues.of(["no", "yes"], "yes", "string")
        LabelValues(type='string', negative='no', positive='yes')
        """
        (negative,) = (value for value in values if value != positive)
        return cls(kind, _plain(negative), _plain(positive))

    def to_dict(self) -> dict[str, Value]:
        """Return the values as JSON takes them."""
        return asdict(self)

    def predicted(self, probability: Column, threshold: float) -> Column:
        """Return the label's value, in its own type, for a column of probabilities; null for null.

        As the evaluation has it, a probability that equals the threshold is positive.
        """
        from pyspark.sql import functions as F

        chosen = F.when(probability >= threshold, F.lit(self.positive)).when(
            probability < threshold, F.lit(self.negative)
        )
        return chosen.cast(self.type)


def _plain(value: Any) -> Value:
    return str(value) if isinstance(value, Decimal) else value
