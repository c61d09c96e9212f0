"""Batches of a table encoded: what a worker of Spark runs, apart from the stage, which takes long to import."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.data.numbers import beyond_words
from sparring.errors import TableError
from sparring.feature.encoder import Encoder

OUT_OF_RANGE_STEP = "Fix the row, or set handleInvalid to skip (no row) or keep (the number is missing)."
Form = Callable[[Encoder, pa.RecordBatch, dict[str, pa.Array]], list[pa.Array]]


def valid(batch: pa.RecordBatch, encoder: Encoder, how: str) -> tuple[pa.Array | None, pa.RecordBatch]:
    """Return which rows stay, None for all, and the batch without the numbers that float32 cannot hold."""
    masks = encoder.outside(batch)
    if not masks:
        return None, batch
    if how == "error":
        raise out_of_range(f"feature {(name := next(iter(masks)))} {beyond_words(*encoder.limits[name])}")
    for name, mask in masks.items():
        at = batch.schema.get_field_index(name)
        column = batch.column(at)
        batch = batch.set_column(at, batch.schema.field(at), pc.if_else(mask, pa.scalar(None, column.type), column))
    return None if how == "keep" else pa.array(~np.any(list(masks.values()), axis=0)), batch


def out_of_range(reason: str) -> TableError:
    """Return the error of a row with a number that float32 cannot hold."""
    return TableError(f"FeaturePreparation: {reason}", OUT_OF_RANGE_STEP)


def _dense(encoder: Encoder, batch: pa.RecordBatch, texts: dict[str, pa.Array]) -> list[pa.Array]:
    flat = encoder.dense(batch, texts)
    offsets = pa.array(range(0, flat.size + 1, max(encoder.size, 1)), pa.int32())
    return [pa.ListArray.from_arrays(offsets, pa.array(flat.ravel()))]


def _sparse(encoder: Encoder, batch: pa.RecordBatch, texts: dict[str, pa.Array]) -> list[pa.Array]:
    cells = encoder.encode(batch, texts)
    offsets = pa.array(cells.offsets, pa.int32())
    return [pa.ListArray.from_arrays(offsets, pa.array(values)) for values in (cells.indices, cells.values)]


def _vectors(encoder: Encoder, batch: pa.RecordBatch, texts: dict[str, pa.Array]) -> list[pa.Array]:
    return [compressed(encoder.dense(batch, texts))]


# How the features of a batch become columns.
FORMS: dict[str, Form] = {"dense": _dense, "sparse": _sparse, "vector": _vectors}


def compressed(rows: np.ndarray) -> pa.StructArray:
    """Return rows as vectors in their storage form, dense or sparse, whichever is smaller, as pyspark.ml chooses.

    Parameters
    ----------
    rows : ndarray, shape (rows, size)
    """
    count, size = rows.shape
    stored = rows != 0
    sparse = 1.5 * (stored.sum(axis=1) + 1.0) < size
    kept = np.where(sparse[:, None], stored, True)
    ends = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    places = kept & sparse[:, None]
    starts = np.concatenate([[0], np.cumsum(places.sum(axis=1))])
    indices = pa.ListArray.from_arrays(
        pa.array(starts, pa.int32(), mask=np.append(~sparse, False)), pa.array(np.nonzero(places)[1], pa.int32())
    )
    values = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(rows[kept], pa.float64()))
    kinds = pa.array(np.where(sparse, 0, 1), pa.int8())
    sizes = pa.array(np.full(count, size), pa.int32(), mask=~sparse)
    return pa.StructArray.from_arrays([kinds, sizes, indices, values], ["type", "size", "indices", "values"])
