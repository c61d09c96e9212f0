"""Rows cut into request bodies, each within a number of rows and of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa

from sparring.errors import EndpointError

Encode = Callable[[pa.RecordBatch], bytes]


class Piece(NamedTuple):
    """A request body and the rows it holds: ``start`` to ``stop`` of the batch it was cut from."""

    body: bytes
    start: int
    stop: int


def cut(rows: pa.RecordBatch, encode: Encode, most_bytes: int, most_rows: int) -> Iterator[Piece]:
    """Yield the rows of a batch as request bodies, in order.

    Parameters
    ----------
    rows : RecordBatch
        The columns to send.
    encode : callable
        Returns the body of a batch.
    most_bytes, most_rows : int
        Limits of a body.

    Raises
    ------
    EndpointError
        If a single row is larger than ``most_bytes``.

    Notes
    -----
    Rows are encoded once where the first body of a batch fits; a body that is too large is encoded again in as
    many pieces as its size asks for, and the pieces that follow begin at that size.

    Examples
    --------
    >>> rows = pa.RecordBatch.from_pydict({"x": [1, 22, 333, 4]})
    >>> text = lambda part: ",".join(map(str, part["x"].to_pylist())).encode()
    >>> [piece.body for piece in cut(rows, text, most_bytes=5, most_rows=2)]
    [b'1,22', b'333,4']
    """
    start, step = 0, most_rows
    while start < rows.num_rows:
        stop = min(start + step, rows.num_rows)
        body = encode(rows.slice(start, stop - start))
        if len(body) <= most_bytes:
            yield Piece(body, start, stop)
            start = stop
        elif stop - start == 1:
            raise EndpointError(
                f"One row takes {len(body):,} bytes, more than the {most_bytes:,} of a request",
                "Raise maxBytes where the mode allows it, or send fewer columns.",
            )
        else:
            # A little smaller than the mean says, for rows are not alike.
            step = max(1, min(stop - start - 1, int((stop - start) * most_bytes / len(body) * 0.9)))
