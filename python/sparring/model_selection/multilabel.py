"""Rows with several labels each: iterative stratification, on distinct label sets instead of rows.

Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (ECML PKDD 2011) give the rows of the
rarest label first, one by one, to the part that wants that label most.  Rows with the same labels are interchangeable:
here each part gets its whole share of every label set at once, and only the remainders, fewer rows a label set than
there are parts, go the iterative way, at most one a part.  So label sets are within one row of their shares too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparring.model_selection.improvement import improve


def stratify_label_sets(
    label_sets: Mapping[str, Sequence[str]], members: Mapping[str, int], weights: Sequence[float]
) -> dict[str, list[int]]:
    """Divide the rows of every label set among the parts.

    Parameters
    ----------
    label_sets : mapping of str to sequence of str
        Label set -> its labels; none is a set too.
    members : mapping of str to int
        Label set -> number of rows.
    weights : sequence of float
        Share of each part; they sum to 1.

    Returns
    -------
    dict of str to list of int
        Label set -> rows of each part, its share rounded down or up; labels and rows as near their shares as
        that allows the search to bring them.

    Notes
    -----
    O(label sets x parts x labels).

    Examples
    --------
    >>> stratify_label_sets({"a": ["a"], "ab": ["a", "b"]}, {"a": 5, "ab": 3}, [0.5, 0.5])
    {'a': [3, 2], 'ab': [1, 2]}
    """
    names = sorted(label_sets)
    shares = np.asarray(weights, dtype=np.float64)
    counts = np.array([members[name] for name in names], dtype=np.int64)
    # The last column stands for the row itself, so that the parts' sizes count as a label does.
    has = np.column_stack([_indicators([label_sets[name] for name in names]), np.ones(len(names))])
    whole = np.floor(counts[:, None] * shares + 1e-9).astype(np.int64)
    missing = shares[:, None] * (has.T @ counts) - whole.T @ has
    extra = _distribute_remainders(has, counts - whole.sum(axis=1), missing)
    scale = np.sqrt(np.maximum(has.T @ counts, 1))
    scaled = missing / scale
    improve(has / scale, extra, scaled, most=1)
    return {name: row.tolist() for name, row in zip(names, whole + extra, strict=True)}


def _indicators(label_sets: Sequence[Sequence[str]]) -> np.ndarray:
    labels = sorted({label for labels in label_sets for label in labels})
    column = {label: at for at, label in enumerate(labels)}
    has = np.zeros((len(label_sets), len(labels)))
    for row, found in enumerate(label_sets):
        has[row, [column[label] for label in found]] = 1
    return has


def _distribute_remainders(has: np.ndarray, left: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the rows of each label set and part beyond the whole shares; ``missing`` changes in place."""
    left = left.copy()
    extra = np.zeros((len(has), len(missing)), dtype=np.int64)
    while left.any():
        remaining = has.T @ left
        # The row's own column has most rows: it is the turn of rows without labels when no label is left.
        label = int(np.argmin(np.where(remaining > 0, remaining, np.inf)))
        for at in np.flatnonzero((has[:, label] > 0) & (left > 0)):
            # To those that want the label most, then to those that want rows most, as Sechidis has it.
            order = np.lexsort((-np.round(missing[:, -1], 9), -np.round(missing[:, label], 9)))[: left[at]]
            extra[at, order] = 1
            missing[order] -= has[at]
            left[at] = 0
    return extra
