"""Columns of MLlib vectors as they arrive in Arrow batches, without a function called for every row.

A vector is a struct there: type (0 sparse, 1 dense), size, indices, values.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.wire.rows import FormatError, Rows, rows_of


def vector_rows(batch: pa.RecordBatch, column: str = "vector") -> list[tuple[np.ndarray, Rows]]:
    """Return the dense and the sparse rows of a batch, each with their places in it.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        ``column`` of vectors; ``label`` and ``weight`` where they exist.
    column : str

    Raises
    ------
    FormatError
        If a vector is null or vectors differ in size.
    """
    vectors = batch.column(column)
    if vectors.null_count:
        raise FormatError("a vector is null")
    dense = vectors.field("type").to_numpy(zero_copy_only=False).astype(bool)
    groups = []
    for chosen, names in ((~dense, ("indices", "values")), (dense, ("features",))):
        if chosen.any():
            part = batch if chosen.all() else batch.filter(pa.array(chosen))
            groups.append((np.flatnonzero(chosen), _rows(part, part.column(column), names)))
    if len({rows.width for _, rows in groups}) > 1:
        raise FormatError("vectors differ in size")
    return groups


def _rows(batch: pa.RecordBatch, vectors: pa.StructArray, names: tuple[str, ...]) -> Rows:
    fields = {"indices": vectors.field("indices"), "values": vectors.field("values")}
    fields["features"] = fields["values"]
    columns = {name: batch.column(name) for name in ("label", "weight") if name in batch.schema.names}
    arrays = columns | {name: fields[name] for name in names}
    width = None
    if "indices" in names:
        sizes = pc.unique(vectors.field("size")).to_pylist()
        if len(sizes) != 1:
            raise FormatError("vectors differ in size")
        width = sizes[0]
    return rows_of(pa.RecordBatch.from_pydict(arrays), width)
