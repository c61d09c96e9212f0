"""Reading ``Record`` messages, many at a time: one is taken apart, and all of its shape are read like it.

Source: ``record.proto`` of aws/sagemaker-spark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sparring.wire import varint
from sparring.wire.rows import FormatError

FEATURES, LABEL = 1, 2
# Kinds of tensors by their field in Value; None: varints.
DTYPES: dict[int, np.dtype | None] = {2: np.dtype("<f4"), 3: np.dtype("<f8"), 7: None}


class Tensor(NamedTuple):
    """One named tensor of some records of the same shape.

    Attributes
    ----------
    field : int
        The map it is in, ``FEATURES`` or ``LABEL``.
    name : bytes
    rows : ndarray of int
        The records.
    counts : ndarray of int
        Values of each record.
    values : ndarray
        Values of all of them.
    keys : ndarray of int or None
        Where each value belongs, for a sparse tensor.
    shape : int or None
        Width, where the record says so.
    """

    field: int
    name: bytes
    rows: np.ndarray
    counts: np.ndarray
    values: np.ndarray
    keys: np.ndarray | None
    shape: int | None

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.counts[0]) if self.shape is None else self.shape

    @property
    def sparse(self) -> bool:
        """Whether values may be absent."""
        return self.keys is not None or (self.shape is not None and bool((self.counts != self.shape).any()))

    def positions(self) -> np.ndarray:
        """Return the number of each value within its record."""
        starts = np.cumsum(self.counts) - self.counts
        return np.arange(len(self.values)) - np.repeat(starts, self.counts)


class Span(NamedTuple):
    """Bytes of one tensor within a message: its parts by their field number, as (start, stop)."""

    field: int
    name: bytes
    kind: int
    parts: dict[int, tuple[int, int]]


def tensors(words: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Iterator[Tensor]:
    """Yield the tensors of all messages.

    Parameters
    ----------
    words : ndarray of uint32
    starts : ndarray of int
        The word where each message starts.
    lengths : ndarray of int
        Bytes of each message.
    """
    for length in np.unique(lengths):
        rest = np.flatnonzero(lengths == length)
        matrix = _matrix(words, starts[rest], int(length))
        while len(rest):
            spans, varying = layout(matrix[0].tobytes())
            like = (matrix[:, ~varying] == matrix[0, ~varying]).all(axis=1)
            block = matrix if like.all() else matrix[like]
            for span in spans:
                yield _tensor(span, rest[like], block)
            rest, matrix = rest[~like], matrix[~like]


def _matrix(words: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return equally long messages as a matrix of bytes; without a copy where they lie evenly."""
    size = -(-length // 4)
    step = int(starts[1] - starts[0]) if len(starts) > 1 else size
    if (np.diff(starts) == step).all():
        view = np.lib.stride_tricks.as_strided(words[starts[0] :], (len(starts), size), (4 * step, 4), writeable=False)
        data = view.view(np.uint8) if size else np.empty((len(starts), 0), np.uint8)
    else:
        data = words[starts[:, None] + np.arange(size)].view(np.uint8)
    return data[:, :length]


def layout(message: bytes) -> tuple[list[Span], np.ndarray]:
    """Return the tensors of a message, and which of its bytes may differ between messages of its shape.

    Raises
    ------
    FormatError
        If it is no ``Record``.
    """
    varying = np.zeros(len(message), bool)
    spans = []
    for number, start, stop in _fields(message, 0, len(message)):
        if number in (FEATURES, LABEL):
            span = _span(message, number, start, stop)
            spans.append(span)
            for part in (1, 2):
                first, last = span.parts.get(part, (0, 0))
                varying[first:last] = True
        else:
            # uid, metadata, configuration: not for the algorithm.
            varying[start:stop] = True
    return spans, varying


def _fields(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and stop of each field; all of a Record's are length-delimited."""
    try:
        while at < end:
            tag, at = varint.decode_one(message, at)
            length, at = varint.decode_one(message, at)
            if tag & 7 != 2 or at + length > end:
                raise FormatError(f"a Record's field {tag >> 3} is not length-delimited, or is cut off")
            yield tag >> 3, at, at + length
            at += length
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"a Record is cut off: {error}") from error


def _span(message: bytes, field: int, start: int, stop: int) -> Span:
    """Return a map's entry: a name, and a value with one tensor."""
    entry = {number: (first, last) for number, first, last in _fields(message, start, stop)}
    name = message[slice(*entry.get(1, (0, 0)))]
    for kind, first, last in _fields(message, *entry.get(2, (0, 0))):
        if kind not in DTYPES:
            raise FormatError(f"the value {name.decode(errors='replace')!r} is no tensor of numbers")
        return Span(field, name, kind, {number: (a, b) for number, a, b in _fields(message, first, last)})
    raise FormatError(f"the value {name.decode(errors='replace')!r} is empty")


def _tensor(span: Span, rows: np.ndarray, block: np.ndarray) -> Tensor:
    """Return one tensor of all messages in a matrix of bytes."""
    values, counts = _numbers(block, span.parts.get(1), DTYPES[span.kind])
    keys, shape = None, None
    if 2 in span.parts:
        keys, key_counts = _numbers(block, span.parts[2], None)
        if not np.array_equal(key_counts, counts):
            raise FormatError("a sparse record has another number of keys than of values")
    if 3 in span.parts:
        dimensions, _ = _numbers(block[:1], span.parts[3], None)
        shape = int(np.prod(dimensions))
    if keys is not None and shape is None:
        raise FormatError("a sparse record has no shape")
    return Tensor(span.field, span.name, rows, counts, values, keys, shape)


def _numbers(block: np.ndarray, part: tuple[int, int] | None, dtype: np.dtype | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers in a column of bytes, and how many each row has."""
    data = np.ascontiguousarray(block[:, slice(*part)] if part else block[:, :0])
    if dtype is None:
        return varint.decode(data.ravel()), (data < 0x80).sum(axis=1)
    if data.shape[1] % dtype.itemsize:
        raise FormatError(f"{data.shape[1]} bytes are no whole number of {dtype.itemsize}-byte values")
    return data.ravel().view(dtype), np.full(len(data), data.shape[1] // dtype.itemsize)
