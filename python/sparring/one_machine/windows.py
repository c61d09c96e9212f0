"""Functions over windows of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sparring.one_machine.order import Groups, rank_codes

SortKey = tuple[pa.Array, bool, bool]


def sorted_rows(groups: np.ndarray, order: Sequence[SortKey]) -> np.ndarray:
    """Return the rows in the order of their groups and, in each, of the sort keys."""
    codes = [rank_codes(*key) for key in order]
    return np.lexsort([*codes[::-1], groups])


def row_numbers(groups: Groups, order: Sequence[SortKey]) -> pa.Array:
    """Return the place of each row in its group, from 1 on, int32.

    Notes
    -----
    Cost: a sort of the rows of groups that have several; most tables have few.
    """
    several = np.flatnonzero(np.bincount(groups.codes, minlength=groups.count)[groups.codes] > 1)
    some = pa.array(several)
    order = [(column.take(some), ascending, nulls_first) for column, ascending, nulls_first in order]
    rows = several[sorted_rows(groups.codes[several], order)]
    codes = groups.codes[rows]
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = codes[1:] != codes[:-1]
    firsts = np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    numbers = np.ones(len(groups.codes), dtype=np.int32)
    numbers[rows] = np.arange(len(rows)) - firsts + 1
    return pa.array(numbers)
