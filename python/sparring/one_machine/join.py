"""Joins: which rows of two tables belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from sparring.one_machine.operators import common_type, in_type
from sparring.one_machine.order import equal_codes

WAYS = ("inner", "left", "left_semi")


def joined_rows(
    left: Sequence[pa.Array], right: Sequence[pa.Array], left_rows: int, right_rows: int, how: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the left and of the right table that belong together; -1 where the right has none.

    A null equals nothing.  Rows come in the order of the left table, then of the right.
    """
    if how not in WAYS:
        raise ValueError(f"a join is one of {', '.join(WAYS)}, not {how}")
    ones, others = _codes(left, right, left_rows)
    width = int(max(ones.max(initial=-1), others.max(initial=-1))) + 1
    counts = np.bincount(others[others >= 0], minlength=width)
    matches = np.where(ones >= 0, counts[np.maximum(ones, 0)] if width else 0, 0)
    if how == "left_semi":
        kept = np.flatnonzero(matches)
        return kept, kept
    order = np.argsort(others, kind="stable")[int((others < 0).sum()) :]
    starts = np.concatenate([[0], np.cumsum(counts)])
    repeats = np.maximum(matches, 1) if how == "left" else matches
    lefts = np.repeat(np.arange(left_rows), repeats)
    within = np.arange(len(lefts)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    found = matches[lefts] > 0
    rights = np.full(len(lefts), -1, dtype=np.int64)
    rights[found] = order[starts[ones[lefts[found]]] + within[found]]
    return lefts, rights


def _codes(left: Sequence[pa.Array], right: Sequence[pa.Array], left_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a number for the keys of each row of both tables, -1 where one is null."""
    codes: np.ndarray | None = None
    missing: np.ndarray | None = None
    for one, other in zip(left, right, strict=True):
        kind = common_type([one.type, other.type])
        both = pa.concat_arrays([in_type(one, kind), in_type(other, kind)])
        own, absent = equal_codes(both), both.is_null().to_numpy(zero_copy_only=False)
        codes = own if codes is None else pd.factorize(codes * (own.max(initial=0) + 1) + own)[0]
        missing = absent if missing is None else missing | absent
    assert codes is not None
    assert missing is not None
    codes = np.where(missing, -1, codes)
    return codes[:left_rows], codes[left_rows:]
