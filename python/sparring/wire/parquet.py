"""Parquet as SageMaker's XGBoost reads it: one column a feature, after the label and the weight where they exist.

Source: aws/sagemaker-xgboost-container, ``data_utils.py``.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sparring.wire.rows import FormatError, Rows, rows_of_table


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
    """Return the rows of a Parquet file; ``labels`` and ``weights`` are those of CSV.

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
    if not columns:
        raise FormatError("the file has no column")
    return rows_of_table(np.column_stack(columns), labels, weights)
