"""JSON and JSON Lines in the dialects of SageMaker's own algorithms.

A dense row is ``{"features": [...]}``, a sparse one
``{"data": {"features": {"keys": [...], "shape": [width], "values": [...]}}}``; JSON puts rows into
``{"instances": [...]}``, JSON Lines writes one a line.  Read are dense rows in the long form too.

Source: Amazon SageMaker developer guide, "Common Data Formats for Inference".
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson
from scipy.sparse import csr_matrix

from sparring.wire.rows import FormatError, Rows, concatenate
from sparring.wire.text import concatenated, lines, listed, require_finite, texts, wrapped

NUMBERS, INTEGERS = pa.list_(pa.float64()), pa.list_(pa.int64())
TENSOR = pa.struct({"values": NUMBERS, "keys": INTEGERS, "shape": INTEGERS})
ROW = pa.struct({"features": NUMBERS, "data": pa.struct({"features": TENSOR})})


def encode(rows: Rows, end: str = "\n") -> pa.LargeBinaryArray:
    """Return one object a row; labels and weights are left out, since these dialects are for inference.

    Raises
    ------
    FormatError
        If a value is not finite.

    Examples
    --------
    >>> encode(Rows(np.array([[0.5, 2]], np.float32)))[0].as_py()
    b'{"features":[0.5,2]}\\n'
    """
    cells = rows.cells()
    require_finite(cells.values, "features")
    values = listed(cells.offsets, texts(cells.values), ",")
    if not rows.sparse:
        return lines(wrapped('{"features":[', values, "]}"), end)
    keys = wrapped('{"data":{"features":{"keys":[', listed(cells.offsets, texts(cells.indices), ","), "]")
    shape = f',"shape":[{rows.width}],"values":['
    return lines(concatenated([keys, shape, values, "]}}}"], ""), end)


def decode(body: bytes) -> Rows:
    """Return the rows of ``{"instances": [...]}``.

    Raises
    ------
    FormatError
        If it is no such JSON, or rows differ in width.
    """
    table = _parsed(body, pa.schema({"instances": pa.list_(ROW)}))
    if table.num_rows != 1 or table["instances"].null_count:
        raise FormatError('not JSON of the form {"instances": [...]}')
    return _rows(table["instances"].combine_chunks().flatten())


def decode_lines(body: bytes) -> Rows:
    """Return the rows of JSON Lines.

    Raises
    ------
    FormatError
        If a line is no row, or rows differ in width.
    """
    table = _parsed(body, pa.schema(list(ROW)))
    return _rows(table.to_struct_array().combine_chunks())


def _parsed(body: bytes, schema: pa.Schema) -> pa.Table:
    try:
        return pajson.read_json(
            io.BytesIO(body),
            read_options=pajson.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pajson.ParseOptions(schema, newlines_in_values=True, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid as error:
        raise FormatError(f"not JSON of rows: {error}") from error


def _rows(rows: pa.StructArray) -> Rows:
    """Return rows of both forms, in their order."""
    short, tensor = rows.field("features"), rows.field("data").field("features")
    values = pc.coalesce(short, tensor.field("values"))
    if values.null_count:
        raise FormatError("a row has neither features nor data.features.values")
    keys, shape = tensor.field("keys"), tensor.field("shape")
    sparse = np.asarray(pc.is_valid(keys)) & np.asarray(pc.is_null(short))
    if not sparse.any():
        return _dense(values)
    if sparse.all():
        return _sparse(values, keys, shape)
    # Both forms in one body are rare: in runs, each of one form.
    starts = np.flatnonzero(np.diff(sparse, prepend=~sparse[0]))
    stops = [*starts[1:], len(sparse)]
    runs = [(sparse[start], slice(start, stop)) for start, stop in zip(starts, stops, strict=True)]
    return concatenate([_sparse(values[r], keys[r], shape[r]) if s else _dense(values[r]) for s, r in runs])


def _flat(column: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]), column.flatten().to_numpy(zero_copy_only=False)


def _dense(values: pa.ListArray) -> Rows:
    offsets, flat = _flat(values)
    widths = np.unique(np.diff(offsets))
    if len(widths) > 1:
        raise FormatError(f"rows have {' and '.join(map(str, widths))} features")
    return Rows(flat.astype(np.float32).reshape(len(values), -1) if len(values) else np.empty((0, 0), np.float32))


def _sparse(values: pa.ListArray, keys: pa.ListArray, shape: pa.ListArray) -> Rows:
    (offsets, flat), (key_offsets, indices), (_, widths) = _flat(values), _flat(keys), _flat(shape)
    if not np.array_equal(offsets, key_offsets):
        raise FormatError("a sparse row has another number of keys than of values")
    if len(widths) != len(values) or len(np.unique(widths)) != 1:
        raise FormatError("sparse rows need one shape, the same for all")
    if len(indices) and not 0 <= indices.min() <= indices.max() < widths[0]:
        raise FormatError(f"a key is not in 0 to {widths[0] - 1}")
    matrix = csr_matrix((flat.astype(np.float32), indices, offsets), shape=(len(values), int(widths[0])))
    return Rows(matrix)
