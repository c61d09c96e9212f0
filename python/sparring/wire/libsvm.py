"""libsvm text, column by column: ``label[:weight] index:value ...``, indices from 1, absent cells left out."""

from __future__ import annotations

import io
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.io.cells import Cells
from sparring.wire.records import cuts
from sparring.wire.rows import FormatError, Rows
from sparring.wire.text import concatenated, lines, listed, texts

WEIGHT = re.compile(rb"^([^\s:#]+):(\S+)", re.MULTILINE)


def libsvm_lines(cells: Cells) -> pa.Array:
    """Return one line a row, ``0 index:value ...``: indices from 1, values in the shortest exact text.

    Parameters
    ----------
    cells : Cells
        Features; the label, which a request does not have, is written as 0.

    Returns
    -------
    pyarrow.LargeStringArray

    Examples
    --------
    >>> cells = Cells(np.array([0, 1, 1]), np.array([4], np.int32), np.array([0.1], np.float32))
    >>> libsvm_lines(cells).to_pylist()
    ['0 5:0.1', '0 ']
    """
    return concatenated(["0", _pairs(cells)], " ")


def _pairs(cells: Cells) -> pa.LargeStringArray:
    pairs = pc.binary_join_element_wise(texts(cells.indices + 1), texts(cells.values.astype(np.float32)), ":")
    return listed(cells.offsets, pairs, " ")


def encode(rows: Rows) -> pa.LargeBinaryArray:
    """Return one line a row; a row without a label gets 0, as the format wants one.

    Examples
    --------
    >>> encode(Rows(np.array([[0.5, 0]], np.float32), np.array([1.0]), np.array([2.0])))[0].as_py()
    b'1:2 1:0.5 2:0\\n'
    """
    label: pa.Array | str = "0" if rows.labels is None else texts(rows.labels)
    if rows.weights is not None:
        label = concatenated([label, texts(rows.weights)], ":")
    return lines(concatenated([label, _pairs(rows.cells())], " "))


def decode(body: bytes, width: int | None = None, first_index: int = 1) -> Rows:
    """Return the rows of a file or a body, sparse.

    Parameters
    ----------
    body : bytes
    width : int, optional
        Number of features; else the largest index.
    first_index : int, 1 (default) or 0
        Index of the first feature.

    Raises
    ------
    FormatError
        If it is no libsvm text, has an index below the first or above ``width``, or gives only some rows a weight.
    """
    # Not at the top: it takes seconds, and the executors that only write do without.
    from sklearn.datasets import load_svmlight_file

    weights = [match[1] for match in WEIGHT.findall(body)]
    if weights:
        body = WEIGHT.sub(rb"\1", body)
    try:
        features, labels = load_svmlight_file(
            io.BytesIO(body), zero_based=first_index == 0, dtype=np.float32, n_features=width
        )
        given = np.array(weights, dtype=np.float64) if weights else None
    except (ValueError, IndexError) as error:
        raise FormatError(f"not libsvm text: {error}") from error
    if given is not None and len(given) != len(labels):
        raise FormatError("some rows have a weight, others have none")
    return Rows(features, labels.astype(np.float64), given)


def chunks(rows: pa.Array, most_bytes: int, most_rows: int) -> list[bytes]:
    """Return request bodies of whole lines, each within both limits where a single line allows it."""
    sizes = pc.binary_length(rows).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return ["\n".join(rows[part].to_pylist()).encode() for part in cuts(sizes, most_bytes, most_rows)]
