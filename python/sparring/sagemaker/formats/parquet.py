"""Parquet as SageMaker's XGBoost reads it: one column a feature, after the label and the weight where they exist.

Source: aws/sagemaker-xgboost-container, ``data_utils.py``.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sparring.sagemaker.formats.rows import FormatError, Rows


def encode(rows: Rows) -> bytes:
    """Return a Parquet file; an absent cell and NaN are null."""
    matrix = rows.dense()
    columns = {"label": rows.labels, "weight": rows.weights}
    table = {name: pa.array(column) for name, column in columns.items() if column is not None}
    for number in range(rows.width):
        values = np.ascontiguousarray(matrix[:, number])
        table[f"f{number}"] = pa.array(values, from_pandas=True)
    out = io.BytesIO()
    pq.write_table(pa.table(table), out)
    return out.getvalue()


def decode(body: bytes, labels: int = 0, weights: bool = False) -> Rows:
    """Return the rows of a Parquet file.

    Parameters
    ----------
    body : bytes
    labels : int
        1 if the first column is the label, else 0.
    weights : bool
        Whether the next column is the row's weight.

    Raises
    ------
    FormatError
        If it is no Parquet, or a column holds no numbers.
    """
    try:
        table = pq.read_table(io.BytesIO(body))
    except pa.ArrowInvalid as error:
        raise FormatError(f"not Parquet: {error}") from error
    for field in table.schema:
        if not (pa.types.is_floating(field.type) or pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)):
            raise FormatError(f"column {field.name} is {field.type}, not a number")
    columns = [pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy() for column in table.columns]
    first = labels + int(weights)
    if len(columns) < first:
        raise FormatError(f"the file has {len(columns)} columns, the label and weight take {first}")
    features = np.empty((table.num_rows, len(columns) - first), np.float32)
    for number, column in enumerate(columns[first:]):
        features[:, number] = column
    return Rows(features, columns[0] if labels else None, columns[labels] if weights else None)
