"""Order and equality of values as whole numbers: ranks, and the numbers of groups.

Spark's rules: a null is a value of its own, NaN equals NaN and is the largest, -0.0 equals 0.0, text is compared by
its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Groups:
    """Rows by equal values.

    Attributes
    ----------
    codes : ndarray of int64, shape (rows,)
        Number of a row's group.
    firsts : ndarray of int64, shape (groups,)
        First row of each group.
    """

    codes: np.ndarray
    firsts: np.ndarray

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.firsts)

    @classmethod
    def of(cls, columns: Sequence[pa.Array], rows: int) -> Groups:
        """Return the rows grouped by the joint values of columns."""
        codes = np.zeros(rows, dtype=np.int64)
        if not columns:
            return cls(codes, np.zeros(min(rows, 1), dtype=np.int64))
        for at, column in enumerate(columns):
            own = equal_codes(column)
            codes = own if at == 0 else pd.factorize(codes * (own.max(initial=0) + 1) + own)[0]
        firsts = np.empty(codes.max(initial=-1) + 1, dtype=np.int64)
        firsts[codes[::-1]] = np.arange(rows - 1, -1, -1)
        return cls(codes.astype(np.int64, copy=False), firsts)


def equal_codes(column: pa.Array) -> np.ndarray:
    """Return a number for each value, the same for equal ones: from 0 on, none left out."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=np.int64)
    if pa.types.is_struct(column.type):
        fields = [column.is_valid(), *column.flatten()]
        return Groups.of(fields, len(column)).codes
    if pa.types.is_nested(column.type):
        return pd.factorize(np.array([repr(value) for value in column.to_pylist()], dtype=object))[0].astype(np.int64)
    coded = one_zero(column).dictionary_encode()
    return coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)


def one_zero(column: pa.Array) -> pa.Array:
    """Return floats with one zero and one NaN; other values as they are."""
    if not pa.types.is_floating(column.type):
        return column
    kind = column.type.to_pandas_dtype()
    numbers = column.fill_null(0.0).to_numpy(zero_copy_only=False) + kind(0)
    numbers[np.isnan(numbers)] = np.nan
    mask = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    return pa.array(numbers, column.type, mask=mask, from_pandas=False)


def rank_codes(column: pa.Array, ascending: bool = True, nulls_first: bool = True) -> np.ndarray:
    """Return whole numbers that are ordered as the values are to be."""
    codes = _ranks(column)
    if not ascending:
        codes = ~codes
    if not column.null_count:
        return codes
    known = codes[column.is_valid().to_numpy(zero_copy_only=False)]
    end = (known.min(initial=0) - 1) if nulls_first else (known.max(initial=0) + 1)
    return np.where(column.is_null().to_numpy(zero_copy_only=False), end, codes)


def _ranks(column: pa.Array) -> np.ndarray:
    kind = column.type
    if pa.types.is_null(kind):
        return np.zeros(len(column), dtype=np.int64)
    if pa.types.is_struct(kind):
        fields = [rank_codes(field) for field in column.flatten()]
        return dense_ranks(fields, len(column))
    if pa.types.is_list(kind):
        return _ranks_of_lists(column)
    if pa.types.is_boolean(kind) or pa.types.is_date(kind) or (pa.types.is_integer(kind) and kind.bit_width < 64):
        narrow = column.cast(pa.int32()) if pa.types.is_date(kind) else column.cast(pa.int64())
        return narrow.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    coded = one_zero(column).dictionary_encode()
    order = pc.sort_indices(coded.dictionary).to_numpy()
    ranks = np.empty(len(order) + 1, dtype=np.int64)
    ranks[order] = np.arange(len(order))
    ranks[-1] = 0
    return ranks[coded.indices.fill_null(len(order)).to_numpy(zero_copy_only=False)]


def _ranks_of_lists(column: pa.Array) -> np.ndarray:
    flat = rank_codes(column.values).tolist()
    ends = column.offsets.to_pylist()
    lists = [tuple(flat[low:high]) for low, high in pairwise(ends)]
    place = {value: at for at, value in enumerate(sorted(set(lists)))}
    return np.array([place[value] for value in lists], dtype=np.int64)


def dense_ranks(codes: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """Return the ranks of rows by several codes, equal rows alike."""
    if not codes:
        return np.zeros(rows, dtype=np.int64)
    order = np.lexsort(codes[::-1])
    new = np.zeros(rows, dtype=np.int64)
    for code in codes:
        new[1:] |= code[order][1:] != code[order][:-1]
    ranks = np.empty(rows, dtype=np.int64)
    ranks[order] = np.cumsum(new)
    return ranks
