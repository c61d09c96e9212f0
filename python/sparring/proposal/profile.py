"""What was seen of a column of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnProfile:
    """What was seen of a column: its type, null rows, distinct values (within about 5%) and proposed kind.

    ``kind`` is numeric, categorical, timestamp, key, or out, ``why`` says so in words; ``note`` tells what was read
    in a way that its owner should know.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    kind: str
    why: str
    note: str = ""
