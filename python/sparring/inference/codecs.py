"""What is sent and what comes back: a batch as request bodies, an answer's body as scores."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

from sparring.errors import EndpointError
from sparring.inference.bodies import Piece, cut
from sparring.task.scores import PROBABILITIES, SCORE, scores_from
from sparring.wire.answers import decode_answers
from sparring.wire.codec import CODECS, codec
from sparring.wire.media import CSV, JSON, JSON_LINES, LIBSVM, PARQUET, RECORDIO, media_type
from sparring.wire.raw_rows import ROW_FORMATS
from sparring.wire.rows import FormatError, rows_of

PREDICTED = "predicted"
# Where a batch transform puts the answer to a JSON record that it is joined to.
OUTPUT = "SageMakerOutput"
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


def scores_of(body: bytes, content_type: str, rows: int, source: str, width: int = 1) -> np.ndarray:
    """Return the scores in an answer, shape (rows,) or (rows, width).

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
    width : int, default 1
        Scores of a row; of several, named fields are called ``probabilities``, or ``score`` as SageMaker's own
        algorithms call them.

    Raises
    ------
    EndpointError
        If the answer does not parse, or holds another number of scores than ``rows``.
    """
    kind = media_type(content_type or CSV)
    try:
        if kind == PARQUET:
            table = pq.read_table(io.BytesIO(body))
            name = next(name for name in _names(width) if name in table.column_names)
            scores = scores_from(table.column(name), width)
        elif kind == CSV:
            # The image's tag decides between commas and new lines.
            scores = np.array(body.replace(b",", b" ").split()).astype(np.float64)
        else:
            scores = _decoded(body, kind, rows, width)
        if width > 1 and scores.size == rows * width:
            scores = scores.reshape(rows, width)
    except (ValueError, KeyError, StopIteration, pa.ArrowException) as error:
        what = str(error) if isinstance(error, FormatError) else "something else than scores"
        raise EndpointError(
            f"{source} answered {rows} rows with {what}: {body[:100]!r}", "Is it the model of such a task?"
        ) from error
    if scores.size != rows * width:
        wanted = "as many" if width == 1 else f"{width} for each"
        raise EndpointError(
            f"{source} answered {scores.size} scores to {rows} rows, predictions must be {wanted}: {body[:100]!r}",
            "See its log; nothing was written.",
        )
    return scores


def _names(width: int) -> tuple[str, ...]:
    """Return what a field of scores may be called, the likeliest first; a regression's is the prediction itself."""
    return (SCORE, PREDICTED) if width == 1 else (PROBABILITIES, SCORE)


def _decoded(body: bytes, kind: str, rows: int, width: int) -> np.ndarray:
    """Return the scores of an answer whose fields have names."""
    first, second = _names(width)
    try:
        return decode_answers(body, kind, (first,), rows)[first]
    except FormatError:
        if b'"' + second.encode() + b'"' not in body and kind != RECORDIO:
            raise
        return decode_answers(body, kind, (second,), rows)[second]


def joined_scores_of(body: bytes, content_type: str, source: str, width: int = 1) -> tuple[list[str], np.ndarray]:
    """Return keys and scores of a batch transform's output that was joined to its input.

    Parameters
    ----------
    body : bytes
        CSV whose first field is the key and whose last ones are the scores; or JSON Lines whose last attribute,
        ``SageMakerOutput``, is the model's answer.
    content_type : str
        CSV or JSON Lines.
    source : str
    width : int, default 1
        Scores of a row.

    Raises
    ------
    EndpointError
        If the output is something else.
    """
    try:
        if media_type(content_type) == CSV:
            options = pacsv.ReadOptions(autogenerate_column_names=True, use_threads=False)
            table = pacsv.read_csv(io.BytesIO(body), options, convert_options=_all_text(body)) if body else None
            if table is None:
                return [], np.empty(0 if width == 1 else (0, width))
            last = [table.column(table.num_columns - width + at).cast(pa.float64()).to_numpy() for at in range(width)]
            return table.column(0).to_pylist(), last[0] if width == 1 else np.column_stack(last)
        table = pajson.read_json(io.BytesIO(body), pajson.ReadOptions(block_size=len(body) + 1))
        answers = table.column(OUTPUT).combine_chunks()
        if pa.types.is_struct(answers.type):
            answers = answers.field(next(n for n in _names(width) if answers.type.get_field_index(n) >= 0))
        key = next(name for name in table.column_names if name != OUTPUT)
        return table.column(key).to_pylist(), scores_from(answers, width)
    except (pa.ArrowException, KeyError, StopIteration) as error:
        raise EndpointError(
            f"{source} holds no joined scores: {body[:100]!r}",
            "OutputFilter must keep the key first and the model's answer last.",
        ) from error


def _all_text(body: bytes) -> pacsv.ConvertOptions:
    # By default Arrow would take a key such as 007 for a number.
    names = [f"f{number}" for number in range(body.partition(b"\n")[0].count(b",") + 1)]
    return pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
