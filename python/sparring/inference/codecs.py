"""What is sent and what comes back: a batch as request bodies, an answer's body as scores."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparring.errors import EndpointError
from sparring.inference.bodies import Piece, cut
from sparring.inference.raw_rows import ROW_FORMATS
from sparring.sagemaker.formats.answers import decode_answers
from sparring.sagemaker.formats.codec import CODECS, codec
from sparring.sagemaker.formats.media import CSV, JSON, JSON_LINES, LIBSVM, PARQUET, RECORDIO, media_type
from sparring.sagemaker.formats.rows import FormatError, rows_of

SCORE = "score"
SUFFIXES = {LIBSVM: "libsvm", CSV: "csv", JSON: "json", JSON_LINES: "jsonl", PARQUET: "parquet", RECORDIO: "pbr"}
# How a batch transform may split a file of each type into records; None: the file is one request.
SPLITS = {LIBSVM: "Line", CSV: "Line", JSON_LINES: "Line", RECORDIO: "RecordIO", JSON: "None", PARQUET: "None"}
ANSWERS = (CSV, JSON, JSON_LINES, RECORDIO, PARQUET)


@dataclass(frozen=True)
class Format:
    """How rows are written; plain values, so that it travels to the executors.

    Attributes
    ----------
    content_type : str
    raw : bool
        Columns as they are, or one row of features (``features``, or ``indices`` and ``values``).
    size : int
        Number of features; 0 takes the largest index of a batch of sparse rows.
    """

    content_type: str
    raw: bool
    size: int = 0

    @property
    def suffix(self) -> str:
        """Ending of a file's name."""
        return SUFFIXES[self.content_type]

    @staticmethod
    def allowed(raw: bool) -> list[str]:
        """Return the content types that rows can be written in."""
        return list(ROW_FORMATS if raw else CODECS)

    def bodies(self, rows: pa.RecordBatch, most_bytes: int, most_rows: int) -> Iterator[Piece]:
        """Yield request bodies of consecutive rows, within both limits; see :func:`sparring.inference.bodies.cut`."""
        if self.raw:
            yield from cut(rows, ROW_FORMATS[self.content_type], most_bytes, most_rows)
            return
        start = 0
        for body, count in codec(self.content_type).bodies(rows_of(rows, self._width(rows)), most_bytes, most_rows):
            yield Piece(body, start, start + count)
            start += count

    def _width(self, rows: pa.RecordBatch) -> int | None:
        if "features" in rows.schema.names:
            return None
        indices = rows.column("indices").flatten()
        return self.size or (1 + int(indices.to_numpy().max()) if len(indices) else 1)


def scores_of(body: bytes, content_type: str, rows: int, source: str) -> np.ndarray:
    """Return the scores in an answer, one a row.

    Parameters
    ----------
    body : bytes
    content_type : str
        CSV, JSON, JSON Lines, RecordIO-protobuf or Parquet; ``score`` is read where fields have names, and CSV is
        joined by commas or by new lines.
    rows : int
        Of the request.
    source : str
        Who answered, such as ``"Endpoint churn"``; it opens the message.

    Raises
    ------
    EndpointError
        If the answer does not parse, or holds another number of scores than ``rows``.
    """
    kind = media_type(content_type or CSV)
    try:
        if kind == PARQUET:
            scores = pq.read_table(io.BytesIO(body)).column(SCORE).to_numpy().astype(np.float64)
        elif kind == CSV:
            # The image's tag decides between commas and new lines.
            scores = np.array(body.replace(b",", b" ").split()).astype(np.float64)
        else:
            scores = decode_answers(body, kind, (SCORE,), rows)[SCORE]
    except (ValueError, KeyError, pa.ArrowException) as error:
        what = str(error) if isinstance(error, FormatError) else "something else than scores"
        raise EndpointError(
            f"{source} answered {rows} rows with {what}: {body[:100]!r}", "Is it a binary classifier's?"
        ) from error
    if len(scores) != rows:
        raise EndpointError(
            f"{source} answered {len(scores)} scores to {rows} rows: {body[:100]!r}",
            "See its log; nothing was written.",
        )
    return scores
