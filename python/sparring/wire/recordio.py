"""RecordIO-protobuf: rows and answers as ``Record`` messages, each in a frame.

Rows whose messages are equally long differ in nothing but values and keys, so each such group is one matrix of
bytes: headers are written once down a column, values are copied, and no row is touched by Python on its own.
The bytes are those of ``sagemaker-pyspark``'s JVM writer.

Sources: ``record.proto`` and ``ProtobufConverter.scala`` of aws/sagemaker-spark; MXNet documentation, "Data
Loading" (RecordIO).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from sparring.wire import varint
from sparring.wire.message import FEATURES, LABEL, Tensor, tensors
from sparring.wire.records import binary
from sparring.wire.rows import Answers, FormatError, Rows

MAGIC = 0xCED7230A
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
VALUES = b"values"
FLOAT32_TENSOR = 2

# Parts of a message: the same bytes in every row, or a matrix of uint8 with a row each.
Pieces = list["bytes | np.ndarray"]


def encode(rows: Rows) -> pa.LargeBinaryArray:
    """Return one framed record a row; ``joined`` makes a file or a body of them.

    Raises
    ------
    FormatError
        If the rows have weights, for which a record has no place.

    Notes
    -----
    Cost: a copy of the values, plus some array operations for each distinct (cells, bytes of keys) of a sparse row.

    Examples
    --------
    >>> encode(Rows(np.array([[1.5]], np.float32)))[0].as_py().hex()
    '0a23d7ce140000000a120a0676616c756573120812060a040000c03f'
    """
    if rows.weights is not None:
        raise FormatError("a RecordIO-protobuf record has no place for a weight")
    groups = _sparse_groups(rows) if rows.sparse else [(None, _tensor(_bytes(rows.features)))]
    parts = []
    for chosen, tensor in groups:
        pieces = _field(FEATURES, _entry(VALUES, tensor))
        if rows.labels is not None:
            labels = rows.labels if chosen is None else rows.labels[chosen]
            pieces += _field(LABEL, _entry(VALUES, _tensor(_bytes(labels.astype(np.float32)[:, None]))))
        parts.append((chosen, _framed(pieces, rows.count if chosen is None else len(chosen))))
    return _interleaved(parts, rows.count)


def encode_answers(answers: Answers) -> pa.LargeBinaryArray:
    """Return one framed record a row, with each answer in its ``label`` map."""
    count = len(next(iter(answers.values())))
    pieces: Pieces = []
    for name, column in answers.items():
        matrix = np.asarray(column, np.float32).reshape(count, -1)
        pieces += _field(LABEL, _entry(name.encode(), _tensor(_bytes(matrix))))
    return _interleaved([(None, _framed(pieces, count))], count)


def decode(body: bytes) -> Rows:
    """Return the rows of a file or a body, whoever wrote it.

    Raises
    ------
    FormatError
        If it is no RecordIO-protobuf, or its rows differ in width or in having a label.

    Notes
    -----
    Float64 and Int32 tensors are read too.  Dense rows beside sparse ones become sparse rows that store all cells.
    """
    count, found = _read(body)
    features = found.get((FEATURES, VALUES), [])
    if sum(len(tensor.rows) for tensor in features) != count:
        raise FormatError("a record has no features named 'values'")
    labels = found.get((LABEL, VALUES))
    return Rows(_features(features, count), None if labels is None else _column("label", labels, count)[:, 0])


def decode_answers(body: bytes) -> Answers:
    """Return the answers in a body: name -> array of shape (n,), or (n, k) where an answer is a vector.

    Raises
    ------
    FormatError
        If it is no RecordIO-protobuf, or records differ in their answers.
    """
    count, found = _read(body)
    columns = {name: _column(name.decode(), parts, count) for (field, name), parts in found.items() if field == LABEL}
    answers = {name.decode(): column for name, column in columns.items()}
    return {name: column[:, 0] if column.shape[1] == 1 else column for name, column in answers.items()}


def _bytes(matrix: np.ndarray) -> np.ndarray:
    """Return the little-endian bytes of each row of a matrix."""
    little = np.ascontiguousarray(matrix, matrix.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(len(matrix), -1)


def _width(pieces: Pieces) -> int:
    return sum(len(piece) if isinstance(piece, bytes) else piece.shape[1] for piece in pieces)


def _field(number: int, pieces: Pieces) -> Pieces:
    """Return a length-delimited field."""
    return [bytes([number << 3 | 2]) + varint.encode_one(_width(pieces)), *pieces]


def _entry(name: bytes, tensor: Pieces) -> Pieces:
    """Return an entry of a map from names to values."""
    return _field(1, [name]) + _field(2, _field(FLOAT32_TENSOR, tensor))


def _tensor(values: np.ndarray, keys: np.ndarray | None = None, shape: int | None = None) -> Pieces:
    """Return a Float32Tensor; an empty field is left out, as the JVM writer does."""
    pieces = _field(1, [values]) if values.shape[1] else []
    if keys is not None and keys.shape[1]:
        pieces += _field(2, [keys])
    return pieces + (_field(3, [varint.encode_one(shape)]) if shape is not None else [])


def _framed(pieces: Pieces, count: int) -> np.ndarray:
    """Return a matrix with a framed record in each row."""
    length = _width(pieces)
    frame = [MAGIC_BYTES + length.to_bytes(4, "little"), *pieces]
    out = np.zeros((count, 8 + -(-length // 4) * 4), np.uint8)
    at = 0
    for piece in frame:
        block = np.frombuffer(piece, np.uint8) if isinstance(piece, bytes) else piece
        out[:, at : at + block.shape[-1]] = block
        at += block.shape[-1]
    return out


def _sparse_groups(rows: Rows) -> Iterator[tuple[np.ndarray, Pieces]]:
    """Yield rows whose records are equally long, with their tensors."""
    offsets, indices, values = rows.cells()
    key_ends = np.concatenate([[0], np.cumsum(varint.size(indices))])
    keys = varint.encode(indices)
    cells, key_sizes = np.diff(offsets), np.diff(key_ends[offsets])
    code = cells * (int(key_sizes.max(initial=0)) + 1) + key_sizes
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    for chosen in np.split(order, starts[1:]) if len(order) else []:
        row = chosen[0]
        first = offsets[chosen][:, None] + np.arange(cells[row])
        first_key = key_ends[offsets[chosen]][:, None] + np.arange(key_sizes[row])
        yield chosen, _tensor(_bytes(values[first].astype(np.float32, copy=False)), keys[first_key], rows.width)


def _interleaved(parts: list[tuple[np.ndarray | None, np.ndarray]], count: int) -> pa.LargeBinaryArray:
    """Return the records of all groups in the order of their rows; every record is whole words long."""
    if len(parts) == 1 and parts[0][0] is None:
        matrix = parts[0][1]
        return binary(matrix.ravel(), np.arange(1, count + 1) * matrix.shape[1])
    sizes = np.zeros(count, np.int64)
    for chosen, matrix in parts:
        sizes[chosen] = matrix.shape[1]
    ends = np.cumsum(sizes)
    words = np.empty(int(ends[-1]) // 4 if count else 0, np.uint32)
    for chosen, matrix in parts:
        first = (ends[chosen] - matrix.shape[1]) // 4
        words[first[:, None] + np.arange(matrix.shape[1] // 4)] = matrix.view(np.uint32)
    return binary(words.view(np.uint8), ends)


def _read(body: bytes) -> tuple[int, dict[tuple[int, bytes], list[Tensor]]]:
    """Return the number of records, and their tensors by field and name."""
    words = np.frombuffer(body + bytes(-len(body) % 4), "<u4")
    starts, lengths = _frames(words)
    found: dict[tuple[int, bytes], list[Tensor]] = {}
    for tensor in tensors(words, starts, lengths):
        found.setdefault((tensor.field, tensor.name), []).append(tensor)
    return len(starts), found


def _frames(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the word where each message starts, and its length in bytes."""
    marks = np.flatnonzero(words == MAGIC)
    marks = marks[marks + 1 < len(words)]
    following = marks + 2 + (words[marks + 1].astype(np.int64) + 3) // 4
    if len(words) and not (
        len(marks) and marks[0] == 0 and following[-1] == len(words) and (following[:-1] == marks[1:]).all()
    ):
        marks = _walk(marks, following, len(words))
    return marks + 2, words[marks + 1].astype(np.int64)


def _walk(marks: np.ndarray, following: np.ndarray, end: int) -> np.ndarray:
    """Return the marks that start a frame: a value may look like one."""
    successor, at, true = dict(zip(marks.tolist(), following.tolist(), strict=True)), 0, []
    while at < end:
        if at not in successor:
            raise FormatError(f"byte {4 * at} of {4 * end} starts no RecordIO record")
        true.append(at)
        at = successor[at]
    if at != end:
        raise FormatError(f"the last RecordIO record is cut off: {4 * (at - end)} bytes are missing")
    return np.array(true)


def _features(parts: list[Tensor], count: int) -> np.ndarray | csr_matrix:
    """Return the features of all records, dense when none is sparse."""
    widths = {tensor.width for tensor in parts}
    if len(widths) > 1:
        raise FormatError(f"records have {' and '.join(str(width) for width in sorted(widths))} features")
    width = widths.pop() if widths else 0
    if not any(tensor.sparse for tensor in parts):
        return _column("features", parts, count)
    cells = np.zeros(count, np.int64)
    for tensor in parts:
        cells[tensor.rows] = tensor.counts
    offsets = np.concatenate([[0], np.cumsum(cells)])
    indices, values = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32)
    for tensor in parts:
        places = np.repeat(offsets[tensor.rows], tensor.counts) + tensor.positions()
        indices[places] = tensor.positions() if tensor.keys is None else tensor.keys
        values[places] = tensor.values
    if len(indices) and indices.max() >= width:
        raise FormatError(f"a key is {indices.max()}, its record has {width} features")
    return csr_matrix((values, indices, offsets), shape=(count, width))


def _column(name: str, parts: list[Tensor], count: int) -> np.ndarray:
    """Return what all records hold under one name, shape (n, k)."""
    widths = {int(width) for tensor in parts for width in np.unique(tensor.counts)}
    if sum(len(tensor.rows) for tensor in parts) != count or len(widths) != 1:
        raise FormatError(f"records differ in {name}: some have none, or another number of values")
    out = np.empty((count, widths.pop()), np.float64 if name == "label" else np.float32)
    for tensor in parts:
        out[tensor.rows] = tensor.values.reshape(len(tensor.rows), -1)
    return out
