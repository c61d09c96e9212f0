"""What functions over columns see of the frame that they are evaluated over."""

from __future__ import annotations

from typing import Any, Protocol

from sparring.one_machine.types import Value


class Scope(Protocol):
    """The columns of a frame, as :class:`sparring.one_machine.evaluate.Evaluator` gives them."""

    rows: int

    @property
    def length(self) -> int:
        """Number of values of a column."""

    def array(self, expression: Any) -> Value:
        """Return an expression's values."""

    def value(self, expression: Any) -> Value:
        """Return an expression's values, or the one value of a constant."""

    def operand(self, value: Any) -> Value:
        """Return the same of what stands beside a column: text is text there."""
