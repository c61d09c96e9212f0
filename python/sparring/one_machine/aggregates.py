"""Aggregates: the values of rows reduced to one a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.one_machine.order import Groups, equal_codes, rank_codes


def count(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the number of values that are not null."""
    codes = groups.codes
    if values.null_count:
        codes = codes[values.is_valid().to_numpy(zero_copy_only=False)]
    return pa.array(np.bincount(codes, minlength=groups.count).astype(np.int64))


def total(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the sum: of whole numbers int64, of others double; null where all are null."""
    kind = values.type
    if pa.types.is_decimal(kind):
        values = values.cast(pa.decimal128(min(kind.precision + 10, 38), kind.scale))
    else:
        values = values.cast(pa.float64() if pa.types.is_floating(kind) else pa.int64())
    return _by_arrow(values, groups, "sum").cast(values.type)


def mean(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the mean as a double."""
    counted = count(values, groups)
    summed = total(values, groups).cast(pa.float64())
    return pc.divide(summed, pc.if_else(pc.equal(counted, 0), None, counted).cast(pa.float64()))


def least(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the smallest value that is not null."""
    return _extreme(values, groups, "min")


def greatest(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the largest value that is not null."""
    return _extreme(values, groups, "max")


def _extreme(values: pa.Array, groups: Groups, which: str) -> pa.Array:
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind) or pa.types.is_string(kind):
        return _by_arrow(values, groups, which).cast(kind)
    ranks = rank_codes(values, which == "min", nulls_first=False)
    order = np.lexsort([ranks, groups.codes])
    return _firsts(values, groups, order)


def any_of(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the value of the group's first row."""
    return values.take(pa.array(groups.firsts))


def _firsts(values: pa.Array, groups: Groups, order: np.ndarray) -> pa.Array:
    """Return the first value of each group in an order of the rows by groups; null for groups without rows."""
    codes = groups.codes[order]
    begins = np.searchsorted(codes, np.arange(groups.count))
    if not len(order):
        return pa.nulls(groups.count, values.type)
    return values.take(pa.array(order[np.minimum(begins, len(order) - 1)]))


def _by_arrow(values: pa.Array, groups: Groups, function: str) -> pa.Array:
    """Return what Arrow's own aggregate says of each group, null for groups that it does not see."""
    if groups.count == 1:
        found = getattr(pc, function)(values)
        return pa.array([found.as_py()], found.type)
    if pa.types.is_integer(values.type):
        return _of_whole_numbers(values, groups, function)
    table = pa.table({"group": groups.codes, "value": values})
    found = table.group_by("group").aggregate([("value", function)])
    place = np.full(groups.count, -1, dtype=np.int64)
    place[found.column("group").to_numpy()] = np.arange(found.num_rows)
    return found.column(f"value_{function}").combine_chunks().take(pa.array(place, mask=place < 0))


# How whole numbers are reduced in place, and what they begin with.
IN_PLACE: dict[str, tuple[np.ufunc, Callable[[np.dtype[Any]], int]]] = {
    "sum": (np.add, lambda kind: 0),
    "min": (np.minimum, lambda kind: int(np.iinfo(kind).max)),
    "max": (np.maximum, lambda kind: int(np.iinfo(kind).min)),
}


def _of_whole_numbers(values: pa.Array, groups: Groups, function: str) -> pa.Array:
    """Return the same of whole numbers, at a tenth of the time."""
    codes, numbers = groups.codes, values.fill_null(0).to_numpy(zero_copy_only=False)
    if values.null_count:
        known = values.is_valid().to_numpy(zero_copy_only=False)
        codes, numbers = codes[known], numbers[known]
    reduce, start = IN_PLACE[function]
    found = np.full(groups.count, start(numbers.dtype), numbers.dtype)
    reduce.at(found, codes, numbers)
    return pa.array(found, mask=np.bincount(codes, minlength=groups.count) == 0)


def as_list(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the values that are not null as an array, in the order of the rows."""
    known = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    return _listed(values, groups, known)


def as_set(values: pa.Array, groups: Groups) -> pa.Array:
    """Return the distinct values that are not null as an array."""
    known = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    pairs = Groups.of([pa.array(groups.codes[known]), values.take(pa.array(known))], len(known))
    return _listed(values, groups, known[pairs.firsts])


def _listed(values: pa.Array, groups: Groups, rows: np.ndarray) -> pa.Array:
    order = rows[np.argsort(groups.codes[rows], kind="stable")]
    ends = np.cumsum(np.bincount(groups.codes[rows], minlength=groups.count))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values.take(pa.array(order)))


def distinct(values: pa.Array, groups: Groups, *further: Any) -> pa.Array:
    """Return the number of distinct values that are not null."""
    known = values.is_valid().to_numpy(zero_copy_only=False)
    codes = equal_codes(values)
    width = int(codes.max(initial=0)) + 1
    pairs = np.unique(groups.codes[known] * width + codes[known]) // width
    return pa.array(np.bincount(pairs, minlength=groups.count).astype(np.int64))


def percentile(values: pa.Array, groups: Groups, shares: Sequence[float]) -> pa.Array:
    """Return Spark's exact ``percentile`` of each share, interpolated, as an array; null where all are null."""
    known = values.is_valid().to_numpy(zero_copy_only=False)
    numbers = values.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    found = [_percentiles(numbers[known & (groups.codes == group)], shares) for group in range(groups.count)]
    return pa.array(found, pa.list_(pa.float64()))


def _percentiles(numbers: np.ndarray, shares: Sequence[float]) -> list[float] | None:
    if not len(numbers):
        return None
    places = [(len(numbers) - 1) * share for share in shares]
    ends = [(int(np.floor(place)), int(np.ceil(place))) for place in places]
    numbers = np.partition(numbers + 0.0, sorted({at for pair in ends for at in pair}))
    found = []
    for place, (low, high) in zip(places, ends, strict=True):
        below, above = float(numbers[low]), float(numbers[high])
        same = low == high or below == above
        found.append(below if same else (high - place) * below + (place - low) * above)
    return found


REDUCED: dict[str, Callable[..., pa.Array]] = {
    "count": count,
    "sum": total,
    "avg": mean,
    "min": least,
    "max": greatest,
    "any_value": any_of,
    "collect_list": as_list,
    "collect_set": as_set,
    "countDistinct": distinct,
    "approx_count_distinct": distinct,
    "percentile": percentile,
}
