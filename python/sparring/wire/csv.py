"""CSV without a header: ``label,weight,feature,...``, of which label and weight may be absent.

Source: Amazon SageMaker developer guide, "Common Data Formats for Training" and "Input/Output Interface for the
XGBoost Algorithm".
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from sparring.wire.rows import FormatError, Rows, rows_of_table
from sparring.wire.text import concatenated, lines, listed, texts


def encode(rows: Rows) -> pa.LargeBinaryArray:
    """Return one line a row; an absent cell and NaN are an empty field.

    Examples
    --------
    >>> encode(Rows(np.array([[0.5, np.nan]], np.float32), np.array([1.0])))[0].as_py()
    b'1,0.5,\\n'
    """
    values = rows.dense()
    flat = np.ascontiguousarray(values).ravel()
    words = texts(flat)
    if np.isnan(flat).any():
        words = pc.if_else(pa.array(np.isnan(flat)), "", words)
    features = listed(np.arange(rows.count + 1) * rows.width, words, ",")
    before = [texts(column) for column in (rows.labels, rows.weights) if column is not None]
    return lines(concatenated([*before, features], ",") if rows.width else concatenated(list(before), ","))


def decode(body: bytes, labels: int = 0, weights: bool = False) -> Rows:
    """Return the rows of a file or a body.

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
        If a field is no number, or rows differ in their number of fields.
    """
    return rows_of_table(table_of(body), labels, weights)


def table_of(body: bytes) -> np.ndarray:
    """Return the numbers of a CSV text, float64 of shape (n, fields); an empty field is NaN.

    Raises
    ------
    FormatError
        If a field is no number, or rows differ in their number of fields.
    """
    body = body.strip(b"\r\n")
    if not body:
        return np.empty((0, 0))
    names = [f"field {number}" for number in range(1, body.partition(b"\n")[0].count(b",") + 2)]
    if len(names) == 1:
        # Arrow takes an empty line in one column for no row.
        return _one_column(body)
    read = pacsv.ReadOptions(column_names=names, block_size=max(len(body) + 1, 1 << 20), use_threads=False)
    convert = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.float64()), null_values=["", "nan", "NaN", "NA"]
    )
    try:
        table = pacsv.read_csv(io.BytesIO(body), read_options=read, convert_options=convert)
    except pa.ArrowInvalid as error:
        raise FormatError(f"not CSV of numbers without a header: {error}") from error
    columns = [pc.fill_null(column, np.nan).to_numpy() for column in table.columns]
    return np.column_stack(columns)


def _one_column(body: bytes) -> np.ndarray:
    try:
        return np.array([word.strip() or b"nan" for word in body.split(b"\n")]).astype(np.float64)[:, None]
    except ValueError as error:
        raise FormatError(f"not CSV of numbers without a header: {error}") from error
